"""Emitters of straight-line codecs for one type; ``codegen`` puts them together. Used at generation time only.

Both emitters gather neighbouring fields of fixed size into a *run*, which becomes one call of one precompiled
``struct.Struct``, whatever structs the fields came from. A length word belongs to the run before it.
"""

from __future__ import annotations

from nfswire.xdrlang import Array, Bitmap, Bool, Chain, Fixed, Int, Opaque, Ref, Spec, StructDef, Type, UnionDef, Void

INLINE_WEIGHT_MAX = 60
TABLES = ("nfs_argop4", "nfs_resop4", "nfs_cb_argop4", "nfs_cb_resop4")
"""Unions over operations: a table of codecs instead of an arm for each."""

_SIZES = {"i": 4, "I": 4, "q": 8, "Q": 8}


def size_of(fmt: str) -> int:
    """Bytes of one struct item as written by ``fixed_format``."""
    return _SIZES[fmt] if fmt in _SIZES else sum(int(part) for part in fmt.replace("x", "s").split("s") if part)


def fixed_format(size: int) -> str:
    """Fixed opaque of ``size`` bytes with its padding."""
    pad = -size & 3
    return f"{size}s{pad}x" if pad else f"{size}s"


class Types:
    """What the emitters ask about types."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.structs_used: dict[str, str] = {}

    def definition(self, name: str) -> StructDef | UnionDef:
        """The struct or union called ``name``, through typedefs."""
        return self.spec.structs[name] if name in self.spec.structs else self.spec.unions[name]

    def resolve(self, kind: Type) -> Type:
        """A reference to a typedef, followed to what it means."""
        while isinstance(kind, Ref) and kind.name in self.spec.typedefs:
            kind = self.spec.typedefs[kind.name]
        return kind

    def weight(self, kind: Type) -> int:
        """Roughly the lines that an inline codec of ``kind`` takes."""
        kind = self.resolve(kind)
        if isinstance(kind, (Int, Bool, Fixed, Void)):
            return 1
        if isinstance(kind, Opaque):
            return 5
        if isinstance(kind, Bitmap):
            return 12
        if isinstance(kind, Array):
            return 8 + self.weight(kind.element)
        if isinstance(kind, Chain):
            return 10 + self.weight(Ref(kind.name))
        if kind.name in TABLES:
            return 10_000
        made = self.definition(kind.name)
        members = made.fields if isinstance(made, StructDef) else [*made.arms(), ("", Void())]
        return sum(self.weight(member) for _, member in members) + (3 * len(members) if isinstance(made, UnionDef) else 0)

    def size_min(self, kind: Type) -> int:
        """Fewest bytes that an encoding of ``kind`` takes; bounds what a count can ask for."""
        kind = self.resolve(kind)
        if isinstance(kind, Int):
            return size_of(kind.fmt)
        if isinstance(kind, Fixed):
            return kind.size + (-kind.size & 3)
        if isinstance(kind, Void):
            return 0
        if isinstance(kind, Ref) and kind.name not in TABLES:
            made = self.definition(kind.name)
            if isinstance(made, StructDef):
                return sum(self.size_min(member) for _, member in made.fields)
            arms = [*made.cases.values(), *([made.default] if made.default else [])]
            return 4 + min(self.size_min(member) for _, member in arms)
        return 4

    def annotation(self, kind: Type) -> str:
        """Python type of a decoded value."""
        kind = self.resolve(kind)
        if isinstance(kind, Bool):
            return "bool"
        if isinstance(kind, (Int, Bitmap)):
            return "int"
        if isinstance(kind, Opaque) and kind.view:
            return "Payload"
        if isinstance(kind, (Fixed, Opaque)):
            return "bytes"
        if isinstance(kind, Array):
            return f"list[{self.annotation(kind.element)}]"
        if isinstance(kind, Chain):
            return f"list[{kind.name}]"
        return kind.name if isinstance(kind, Ref) else "None"

    def struct(self, fmt: str) -> str:
        """Name of the precompiled struct for ``fmt`` (without byte order)."""
        return self.structs_used.setdefault(fmt, "S_" + fmt)


class Emitter:
    """Lines under an indentation, and fresh names."""

    def __init__(self, types: Types, owner: str) -> None:
        self.types = types
        self.owner = owner
        self.lines: list[str] = []
        self.depth = 2
        self.count = 0

    def line(self, text: str) -> None:
        """One line of code."""
        self.lines.append("    " * self.depth + text)

    def name(self, prefix: str = "v") -> str:
        """A name not used before in this function."""
        self.count += 1
        return f"{prefix}{self.count}"

    def fail(self, condition: str, path: str, what: str) -> None:
        """Refuse where ``condition`` holds."""
        self.line(f"if {condition}:")
        self.line(f'    raise XdrError("{path}: {what}")')


class Unpacker(Emitter):
    """Body of ``unpack_X``. The run starts ``offset`` bytes behind the variable ``pos``."""

    def __init__(self, types: Types, owner: str) -> None:
        super().__init__(types, owner)
        self.run: list[tuple[str, str]] = []
        self.checks: list[str] = []
        self.offset = 0
        self.needs_end = False

    def flush(self) -> None:
        """Read the run."""
        if self.run:
            fmt = "".join(item[0] for item in self.run)
            names = ", ".join(item[1] for item in self.run)
            comma = "," if len(self.run) == 1 else ""
            where = f"pos + {self.offset}" if self.offset else "pos"
            self.line(f"{names}{comma} = u{self.types.struct(fmt)}(buf, {where})")
            self.offset += sum(size_of(item[0]) for item in self.run)
            self.run = []
        for check in self.checks:
            self.fail(f"{check} > 1", self.owner, "a bool is 0 or 1")
        self.checks = []

    def settle(self) -> None:
        """Read the run and bring ``pos`` up to date, as is needed before a branch, a loop or a call."""
        self.flush()
        if self.offset:
            self.line(f"pos += {self.offset}")
            self.offset = 0

    def value(self, kind: Type, path: str) -> str:
        """Emit what reads ``kind``; the returned expression is valid after the next flush."""
        kind = self.types.resolve(kind)
        if isinstance(kind, Int):
            name = self.name()
            self.run.append((kind.fmt, name))
            return name
        if isinstance(kind, Bool):
            name = self.name()
            self.run.append(("I", name))
            self.checks.append(name)
            return f"{name} == 1"
        if isinstance(kind, Fixed):
            name = self.name()
            self.run.append((fixed_format(kind.size), name))
            return name
        if isinstance(kind, Opaque):
            return self.opaque(kind, path)
        if isinstance(kind, Bitmap):
            return self.bitmap()
        if isinstance(kind, Array):
            return self.array(kind, path)
        if isinstance(kind, Chain):
            return self.chain(kind)
        if isinstance(kind, Ref):
            if self.types.weight(kind) > INLINE_WEIGHT_MAX:
                self.settle()
                name = self.name()
                self.line(f"{name}, pos = unpack_{kind.name}(buf, pos)")
                return name
            return self.reference(kind.name)
        return "None"

    def reference(self, name: str) -> str:
        """A struct or union, inline."""
        made = self.types.definition(name)
        if isinstance(made, UnionDef):
            return self.union(made)
        values = [self.value(kind, f"{name}.{member}") for member, kind in made.fields]
        return f"{name}({', '.join(values)})"

    def opaque(self, kind: Opaque, path: str) -> str:
        """Variable-length opaque; the length is the last word of the run."""
        length, start, stop, data = self.name("n"), self.name("b"), self.name("e"), self.name()
        self.run.append(("I", length))
        self.flush()
        self.needs_end = True
        self.line(f"{start} = pos + {self.offset}")
        self.line(f"{stop} = {start} + {length}")
        self.line(f"pos = {stop} + (-{length} & 3)")
        self.offset = 0
        bound = f"{length} > {kind.limit} or " if kind.limit < 0xFFFFFFFF else ""
        self.fail(f"{bound}pos > end", path, "length")
        wrap = f"memoryview(buf)[{start}:{stop}]" if kind.view else f"bytes(buf[{start}:{stop}])"
        self.line(f"{data} = {wrap}")
        return data

    def bitmap(self) -> str:
        """bitmap4 of one to three words inline, others by the primitive."""
        words, name, low, high, top = self.name("n"), self.name(), self.name(), self.name(), self.name()
        self.run.append(("I", words))
        self.settle()
        self.types.struct("I"), self.types.struct("II"), self.types.struct("III")
        self.line(f"if {words} == 2:")
        self.line(f"    {low}, {high} = uS_II(buf, pos)")
        self.line(f"    {name} = {low} | {high} << 32")
        self.line(f"elif {words} == 3:")
        self.line(f"    {low}, {high}, {top} = uS_III(buf, pos)")
        self.line(f"    {name} = {low} | {high} << 32 | {top} << 64")
        self.line(f"elif {words} == 1:")
        self.line(f"    {name}, = uS_I(buf, pos)")
        self.line("else:")
        self.line(f"    {name} = unpack_bitmap(buf, pos, {words})")
        self.line(f"pos += {words} * 4")
        return name

    def array(self, kind: Array, path: str) -> str:
        """Counted array; the count is held against the declared maximum and against the bytes that are left."""
        count, name = self.name("n"), self.name()
        element = self.types.resolve(kind.element)
        self.run.append(("I", count))
        self.settle()
        self.needs_end = True
        size = self.types.size_min(element)
        self.fail(f"{count} > {kind.limit} or {count} * {size} > end - pos", path, "count")
        if isinstance(element, Int):
            self.line(f'{name} = list(unpack_from(f">{{{count}}}{element.fmt}", buf, pos))')
            self.line(f"pos += {count} * {size}")
            return name
        self.line(f"{name}: list[{self.types.annotation(element)}] = []")
        self.line(f"for _ in range({count}):")
        self.loop_body(element, name, path)
        return name

    def loop_body(self, element: Type, name: str, path: str) -> None:
        """Read one element and append it."""
        self.depth += 1
        value = self.value(element, path)
        self.settle()
        self.line(f"{name}.append({value})")
        self.depth -= 1

    def chain(self, kind: Chain) -> str:
        """Linked list (RFC 4506 section 4.19): each element is preceded by TRUE, the end is FALSE."""
        name, more = self.name(), self.name()
        self.settle()
        self.types.struct("I")
        self.line(f"{name}: list[{kind.name}] = []")
        self.line("while True:")
        self.line(f"    {more}, = uS_I(buf, pos)")
        self.line("    pos += 4")
        self.line(f"    if {more} != 1:")
        self.line(f"        if {more}:")
        self.line(f'            raise XdrError("{kind.name}: a bool is 0 or 1")')
        self.line("        break")
        self.loop_body(Ref(kind.name), name, kind.name)
        return name

    def union(self, made: UnionDef) -> str:
        """Discriminated union: one branch per arm."""
        tag, result = self.name("d"), self.name()
        switch = self.types.resolve(made.switch[1])
        is_bool = isinstance(switch, Bool)
        self.run.append(("I", tag))
        self.settle()
        arms = [arm for arm, _ in made.arms()]
        branches: dict[tuple[str, Type], list[int]] = {}
        for label, arm in made.cases.items():
            branches.setdefault(arm if not isinstance(arm[1], Void) else ("", Void()), []).append(label)
        word = "if"
        for (arm_name, kind), labels in branches.items():
            test = f"== {labels[0]}" if len(labels) == 1 else f"in {tuple(labels)}"
            self.line(f"{word} {tag} {test}:")
            word = "elif"
            self.arm(made, arm_name, kind, (str(bool(labels[0])) if is_bool else tag, result), arms)
        self.line("else:")
        if made.default is None:
            self.line(f'    raise XdrError("{made.name}: no such arm")')
        else:
            self.arm(made, *made.default, (tag, result), arms)
        return result

    def arm(self, made: UnionDef, arm: str, kind: Type, names: tuple[str, str], arms: list[str]) -> None:
        """One branch of a union."""
        tag, result = names
        self.depth += 1
        if isinstance(kind, Void):
            self.line(f"{result} = {made.name}({tag})")
        else:
            value = self.value(kind, f"{made.name}.{arm}")
            self.settle()
            nones = "None, " * arms.index(arm)
            self.line(f"{result} = {made.name}({tag}, {nones}{value})")
        self.depth -= 1


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
