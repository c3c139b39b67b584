"""Parser of the XDR language (RFC 4506 section 6.3), as much of it as ``nfs4.x`` uses. Used at generation time only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

_TOKEN = re.compile(r"0[xX][0-9a-fA-F]+|-?\d+|[A-Za-z_]\w*|[{}()<>\[\];,:=*]")
_SKIP = re.compile(r"/\*.*?\*/|//[^\n]*|^%[^\n]*", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Int:
    """Integer or enumeration; ``fmt`` is its struct letter, ``name`` the type to show."""

    fmt: str
    name: str


@dataclass(frozen=True)
class Bool:
    """RFC 4506 section 4.4."""


@dataclass(frozen=True)
class Fixed:
    """Fixed-length opaque of ``size`` bytes."""

    size: int


@dataclass(frozen=True)
class Opaque:
    """Variable-length opaque of at most ``limit`` bytes; ``view`` asks for a slice without a copy."""

    limit: int
    view: bool = False


@dataclass(frozen=True)
class Bitmap:
    """bitmap4, a Python int."""


@dataclass(frozen=True)
class Array:
    """Variable-length array of at most ``limit`` elements."""

    element: Type
    limit: int


@dataclass(frozen=True)
class Chain:
    """A linked list (``T *next`` closing T), a Python list of the struct ``name``."""

    name: str


@dataclass(frozen=True)
class Ref:
    """A struct or union by name."""

    name: str


@dataclass(frozen=True)
class Void:
    """Nothing at all."""


Type: TypeAlias = "Int | Bool | Fixed | Opaque | Bitmap | Array | Chain | Ref | Void"


@dataclass
class StructDef:
    """``chained`` is True for an element of a linked list, whose last member (the link) is left out of ``fields``."""

    name: str
    fields: list[tuple[str, Type]]
    chained: bool = False


@dataclass
class UnionDef:
    """``cases`` maps each label to (arm name or "", type); ``default`` is None where the union has no default."""

    name: str
    switch: tuple[str, Type]
    cases: dict[int, tuple[str, Type]]
    default: tuple[str, Type] | None
    labels: dict[int, str]

    def arms(self) -> list[tuple[str, Type]]:
        """Arms that carry a value, each once, in order of declaration."""
        seen: dict[str, Type] = {}
        for name, kind in [*self.cases.values(), *([self.default] if self.default else [])]:
            if not isinstance(kind, Void):
                seen.setdefault(name, kind)
        return list(seen.items())


@dataclass
class Spec:
    """A parsed description; dictionaries keep the order of the text."""

    constants: dict[str, int] = field(default_factory=dict)
    enums: dict[str, list[str]] = field(default_factory=dict)
    typedefs: dict[str, Type] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    structs: dict[str, StructDef] = field(default_factory=dict)
    unions: dict[str, UnionDef] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)


class Parser:
    """Recursive descent over the token list; a syntax error is a ``ValueError`` with the tokens that follow."""

    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(_SKIP.sub(" ", text))
        self.at = 0
        self.spec = Spec()

    def parse(self) -> Spec:
        """The whole description."""
        while self.at < len(self.tokens):
            word = self.take()
            if word == "const":
                name = self.take()
                self.expect("=")
                self.spec.constants[name] = self.number(self.take())
            elif word == "enum":
                self.enum()
            elif word == "typedef":
                self.typedef()
            elif word == "struct":
                self.struct()
            elif word == "union":
                self.union()
            else:
                raise self.error(f"unexpected {word!r}")
            self.expect(";")
        return self.spec

    def take(self) -> str:
        """Next token."""
        if self.at >= len(self.tokens):
            raise ValueError("unexpected end of the description")
        self.at += 1
        token: str = self.tokens[self.at - 1]
        return token

    def peek(self) -> str:
        """Next token, left in place."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def expect(self, token: str) -> None:
        """Take ``token`` or fail."""
        got = self.take()
        if got != token:
            raise self.error(f"expected {token!r}, got {got!r}")

    def error(self, message: str) -> ValueError:
        """A syntax error with its surroundings."""
        return ValueError(f"{message} near: {' '.join(self.tokens[max(0, self.at - 6):self.at + 6])}")

    def number(self, token: str) -> int:
        """A literal or the name of a constant."""
        if token in self.spec.constants:
            return self.spec.constants[token]
        return int(token, 0)

    def enum(self) -> None:
        """``enum NAME { A = 1, ... }``"""
        name = self.take()
        self.expect("{")
        members: list[str] = []
        while True:
            member = self.take()
            self.expect("=")
            self.spec.constants[member] = self.number(self.take())
            members.append(member)
            if self.take() == "}":
                break
        self.spec.enums[name] = members
        self.spec.typedefs[name] = Int("I", name)
        self.spec.order.append(name)

    def base(self) -> tuple[str, Type]:
        """A type specifier: its spelling and meaning (``string`` and ``opaque`` come back as Opaque(-1))."""
        word = self.take()
        if word == "unsigned":
            if self.peek() in ("int", "hyper"):
                return ("uint", Int("I", "int")) if self.take() == "int" else ("uhyper", Int("Q", "int"))
            return "uint", Int("I", "int")
        plain: dict[str, Type] = {
            "int": Int("i", "int"), "hyper": Int("q", "int"), "bool": Bool(), "void": Void(),
            "opaque": Opaque(-1), "string": Opaque(-1),
        }
        if word in plain:
            return word, plain[word]
        if word in self.spec.typedefs:
            return word, self.spec.typedefs[word]
        return word, Ref(word)

    def declaration(self) -> tuple[str, Type, str]:
        """``TYPE NAME``, with ``[n]``, ``<n>`` or ``*``: name, meaning, and the target of a plain alias."""
        spelled, kind = self.base()
        if isinstance(kind, Void):
            return "", kind, ""
        if self.peek() == "*":
            self.take()
            return self.take(), Chain(spelled), ""
        name = self.take()
        mark = self.peek()
        if mark == "[":
            self.take()
            size = self.number(self.take())
            self.expect("]")
            if not isinstance(kind, Opaque):
                raise self.error("only opaque may have a fixed length")
            return name, Fixed(size), ""
        if mark == "<":
            self.take()
            limit = 0xFFFFFFFF if self.peek() == ">" else self.number(self.take())
            self.expect(">")
            if kind == Opaque(-1):
                return name, Opaque(limit, view=name == "payload4"), ""
            if name == "bitmap4":
                return name, Bitmap(), ""
            return name, Array(kind, limit), ""
        return name, kind, spelled

    def typedef(self) -> None:
        """``typedef DECLARATION``"""
        base = self.peek()
        name, kind, spelled = self.declaration()
        self.spec.typedefs[name] = kind
        self.spec.spelled[name] = base + "<>" if isinstance(kind, Array) else base
        if spelled:
            self.spec.aliases[name] = spelled
        self.spec.order.append(name)

    def struct(self) -> None:
        """``struct NAME { DECLARATION; ... }``"""
        name = self.take()
        self.expect("{")
        fields: list[tuple[str, Type]] = []
        chained = False
        while self.peek() != "}":
            member, kind, _ = self.declaration()
            self.expect(";")
            if kind == Chain(name):
                chained = True
                continue
            if chained:
                raise self.error("a link must be the last member")
            fields.append((member, kind))
        self.expect("}")
        self.spec.structs[name] = StructDef(name, fields, chained)
        self.spec.order.append(name)

    def union(self) -> None:
        """``union NAME switch (DECLARATION) { case LABEL: DECLARATION; ... default: DECLARATION; }``"""
        name = self.take()
        self.expect("switch")
        self.expect("(")
        switch_name, switch_kind, _ = self.declaration()
        self.expect(")")
        self.expect("{")
        cases: dict[int, tuple[str, Type]] = {}
        labels: dict[int, str] = {}
        default: tuple[str, Type] | None = None
        while self.peek() != "}":
            pending: list[int] = []
            is_default = False
            while self.peek() in ("case", "default"):
                if self.take() == "default":
                    is_default = True
                else:
                    label = self.take()
                    pending.append(self.number(label))
                    labels[pending[-1]] = label
                self.expect(":")
            arm, kind, _ = self.declaration()
            self.expect(";")
            for value in pending:
                cases[value] = (arm, kind)
            if is_default:
                default = (arm, kind)
        self.expect("}")
        self.spec.unions[name] = UnionDef(name, (switch_name, switch_kind), cases, default, labels)
        self.spec.order.append(name)


def parse(text: str) -> Spec:
    """The description in ``text``. ``ValueError`` where it is not the language."""
    return Parser(text).parse()
