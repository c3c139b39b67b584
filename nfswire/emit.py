"""What the emitters of straight-line codecs share: knowledge of types, lines and names. Used at generation time only.

Both emitters (``emit_unpack``, ``emit_pack``) gather neighbouring fields of fixed size into a *run*,
which becomes one call of one precompiled ``struct.Struct``, whatever structs the fields came from. A
length word belongs to the run before it.
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
        branches = 3 * len(members) if isinstance(made, UnionDef) else 0
        return sum(self.weight(member) for _, member in members) + branches

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
