"""Emitter of ``unpack_X``: straight-line code that reads one type. Used at generation time only."""

from __future__ import annotations

from nfswire.emit import INLINE_WEIGHT_MAX, Emitter, Types, fixed_format, size_of
from nfswire.xdrlang import Array, Bitmap, Bool, Chain, Fixed, Int, Opaque, Ref, Type, UnionDef, Void

OPEN_ENUMS = frozenset(("nfsstat4", "nfs_ftype4", "why_no_delegation4"))
"""Enumerations of which any value is let through: answers of a newer server, and what has a status of its own
(NFS4ERR_BADTYPE)."""


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
        self.flush()
        at = self.offset
        for fmt in ("I", "II", "III"):
            self.types.struct(fmt)
        self.line(f"if {words} == 2:")
        self.line(f"    {low}, {high} = uS_II(buf, pos + {at})")
        self.line(f"    {name} = {low} | {high} << 32")
        self.line(f"    pos += {at + 8}")
        self.line(f"elif {words} == 3:")
        self.line(f"    {low}, {high}, {top} = uS_III(buf, pos + {at})")
        self.line(f"    {name} = {low} | {high} << 32 | {top} << 64")
        self.line(f"    pos += {at + 12}")
        self.line(f"elif {words} == 1:")
        self.line(f"    {name}, = uS_I(buf, pos + {at})")
        self.line(f"    pos += {at + 4}")
        self.line("else:")
        self.line(f"    {name} = unpack_bitmap(buf, pos + {at}, {words})")
        self.line(f"    pos += {at} + {words} * 4")
        self.offset = 0
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
        if made.default is not None:
            others = self.other_values(made, switch)
            if others != ():
                self.line("else:" if others is None else f"elif {tag} in {others}:")
                self.arm(made, *made.default, (tag, result), arms)
            if others is None:
                return result
        self.line("else:")
        self.line(f'    raise XdrError("{made.name}: no such arm")')
        return result

    def other_values(self, made: UnionDef, switch: Type) -> tuple[int, ...] | None:
        """What the default arm stands for; None: anything.

        "It is an error to encode as an enum any integer other than those that have been given assignments" (RFC 4506
        section 4.3).
        """
        spec = self.types.spec
        if not isinstance(switch, Int) or switch.name not in spec.enums or switch.name in OPEN_ENUMS:
            return None
        values = {spec.constants[name] for name in spec.enums[switch.name]}
        return tuple(sorted(values - made.cases.keys()))

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
