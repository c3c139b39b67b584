"""Emitter of ``append_X``: straight-line code that writes one type. Used at generation time only."""

from __future__ import annotations

from nfswire.emit import INLINE_WEIGHT_MAX, Emitter, Types, fixed_format
from nfswire.xdrlang import Array, Bitmap, Bool, Chain, Fixed, Int, Opaque, Ref, Type, UnionDef, Void


class Packer(Emitter):
    """Body of ``append_X``."""

    def __init__(self, types: Types, owner: str) -> None:
        super().__init__(types, owner)
        self.run: list[tuple[str, str]] = []

    def flush(self) -> None:
        """Write the run."""
        if self.run:
            fmt = "".join(item[0] for item in self.run)
            self.line(f"out.append(p{self.types.struct(fmt)}({', '.join(item[1] for item in self.run)}))")
            self.run = []

    def value(self, kind: Type, expr: str, path: str) -> None:
        """Emit what writes ``expr``, a name or an attribute of a name, as ``kind``."""
        kind = self.types.resolve(kind)
        if isinstance(kind, Int):
            self.run.append((kind.fmt, expr))
        elif isinstance(kind, Bool):
            self.run.append(("I", expr))
        elif isinstance(kind, Fixed):
            name = self.name()
            self.line(f"{name} = {expr}")
            self.fail(f"len({name}) != {kind.size}", path, "length")
            self.run.append((fixed_format(kind.size), name))
        elif isinstance(kind, Opaque):
            self.opaque(kind, expr, path)
        elif isinstance(kind, Bitmap):
            self.flush()
            self.line(f"out.append(pack_bitmap({expr}))")
        elif isinstance(kind, Array):
            self.array(kind, expr, path)
        elif isinstance(kind, Chain):
            self.chain(kind, expr)
        elif isinstance(kind, Ref):
            if self.types.weight(kind) > INLINE_WEIGHT_MAX:
                self.flush()
                self.line(f"append_{kind.name}(out, {expr})")
            else:
                self.reference(kind.name, expr)

    def reference(self, name: str, expr: str) -> None:
        """A struct or union, inline."""
        made = self.types.definition(name)
        if "." in expr:
            local = self.name("o")
            self.line(f"{local} = {expr}")
            expr = local
        if isinstance(made, UnionDef):
            self.union(made, expr)
            return
        for member, kind in made.fields:
            self.value(kind, f"{expr}.{member}", f"{name}.{member}")

    def opaque(self, kind: Opaque, expr: str, path: str) -> None:
        """Length, bytes, padding."""
        name, length = self.name(), self.name("n")
        self.line(f"{name} = {expr}")
        self.line(f"{length} = len({name})")
        if kind.limit < 0xFFFFFFFF:
            self.fail(f"{length} > {kind.limit}", path, "length")
        self.run.append(("I", length))
        self.flush()
        ignore = "  # type: ignore[arg-type]" if kind.view else ""
        self.line(f"out.append({name}){ignore}")
        self.line(f"if {length} & 3:")
        self.line(f"    out.append(PADS[{length} & 3])")

    def array(self, kind: Array, expr: str, path: str) -> None:
        """Count and elements."""
        name, count, item = self.name(), self.name("n"), self.name()
        element = self.types.resolve(kind.element)
        self.line(f"{name} = {expr}")
        self.line(f"{count} = len({name})")
        self.fail(f"{count} > {kind.limit}", path, "count")
        self.run.append(("I", count))
        self.flush()
        if isinstance(element, Int):
            self.line(f'out.append(pack(f">{{{count}}}{element.fmt}", *{name}))')
            return
        self.line(f"for {item} in {name}:")
        self.depth += 1
        self.value(element, item, path)
        self.flush()
        self.depth -= 1

    def chain(self, kind: Chain, expr: str) -> None:
        """Linked list: TRUE before each element, FALSE at the end, which joins the run that follows."""
        item = self.name()
        self.flush()
        self.line(f"for {item} in {expr}:")
        self.depth += 1
        self.run.append(("I", "1"))
        self.reference(kind.name, item)
        self.flush()
        self.depth -= 1
        self.run.append(("I", "0"))

    def union(self, made: UnionDef, expr: str) -> None:
        """Discriminated union: the selected arm must be there."""
        tag = self.name("d")
        self.line(f"{tag} = {expr}.{made.switch[0]}")
        self.run.append(("I", tag))
        self.flush()
        branches: dict[tuple[str, Type], list[int]] = {}
        for label, arm in made.cases.items():
            branches.setdefault(arm if not isinstance(arm[1], Void) else ("", Void()), []).append(label)
        default = made.default
        word = "if"
        for (arm_name, kind), labels in branches.items():
            if isinstance(kind, Void) and default is not None and isinstance(default[1], Void):
                continue
            test = f"== {labels[0]}" if len(labels) == 1 else f"in {tuple(labels)}"
            self.line(f"{word} {tag} {test}:")
            word = "elif"
            self.arm(made, arm_name, kind, expr)
        if default is None:
            self.line("else:")
            self.line(f'    raise XdrError("{made.name}: no such arm")')
        elif not isinstance(default[1], Void):
            self.line("else:")
            self.arm(made, default[0], default[1], expr)

    def arm(self, made: UnionDef, arm: str, kind: Type, expr: str) -> None:
        """One branch of a union."""
        self.depth += 1
        if isinstance(kind, Void):
            self.line("pass")
        else:
            name = self.name("o")
            self.line(f"{name} = {expr}.{arm}")
            self.fail(f"{name} is None", f"{made.name}.{arm}", "the selected arm is missing")
            self.value(kind, name, f"{made.name}.{arm}")
            self.flush()
        self.depth -= 1
