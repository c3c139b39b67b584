"""Generator of ``nfs4*.py`` from ``nfs4.x``: run ``python -m nfswire.codegen`` after changing the description.

It writes four modules: ``nfs4_const`` (constants, names), ``nfs4_types`` (classes), ``nfs4_codec`` (one unpack, append
and pack function per type, and the tables of operations) and ``nfs4``, which shows all of it. They are committed; a
test holds them against the description. Nothing here is imported by a running server.
"""

from __future__ import annotations

import sys
from pathlib import Path

from nfswire.emit import TABLES, Types
from nfswire.emit_pack import Packer
from nfswire.emit_unpack import Unpacker
from nfswire.xdrlang import Bool, Ref, Spec, StructDef, UnionDef, Void, parse

HERE = Path(__file__).resolve().parent
BANNER = '"""{about}\n\nGenerated from nfs4.x by nfswire/codegen.py. Do not edit.\n"""\n\n# ruff: noqa\n'


def constants(spec: Spec) -> str:
    """``nfs4_const``: every constant, and tables of names."""
    out = [BANNER.format(about="Constants of NFSv4.1 and NFSv4.2 (RFC 8881, RFC 7862, RFC 8276)."), ""]
    out += [f"{name} = {hex(value) if value > 0xFFFF else value}" for name, value in spec.constants.items()]
    for table, enum, prefix, about in (
        ("OP_NAMES", "nfs_opnum4", "OP_", "Operation number to its name without OP_."),
        ("CB_NAMES", "nfs_cb_opnum4", "OP_", "Callback operation number to its name without OP_."),
        ("STATUS_NAMES", "nfsstat4", "", "Status to its name as the RFCs spell it."),
        ("LAYOUT_TYPE_NAMES", "layouttype4", "LAYOUT4_", "Layout type to its name without LAYOUT4_."),
    ):
        out += ["", f"{table}: dict[int, str] = {{"]
        out += [f'    {name}: "{name.removeprefix(prefix)}",' for name in spec.enums[enum]]
        out += ["}", f'"""{about}"""']
    attributes = [name for name in spec.constants if name.startswith("FATTR4_")]
    out += ["", "FATTR4_NAMES: dict[int, str] = {"]
    out += [f'    {name}: "{name.removeprefix("FATTR4_").lower()}",' for name in attributes]
    out += ["}", '"""Attribute number to its name as the RFCs print it."""', "", "FATTR4_TYPES: dict[int, str] = {"]
    out += [f'    {name}: "{spec.spelled[name.lower()]}",' for name in attributes]
    out += ["}", '"""Attribute number to the name of its XDR type."""']
    return "\n".join(out) + "\n"


def classes(types: Types) -> str:
    """``nfs4_types``: a class per struct and union, an alias per typedef."""
    spec = types.spec
    out = [BANNER.format(about="Structs, unions and type names of NFSv4.1 and NFSv4.2, as the RFCs call them."),
           "from __future__ import annotations\n", "from typing import Any, TypeAlias\n", "import msgspec\n",
           "from nfswire.xdr import Payload\n"]
    for name in spec.order:
        if name in spec.structs or name in spec.unions:
            out += ["", "", f"class {name}(msgspec.Struct, gc=False):"]
            out += members(types, name)
        else:
            out += ["" if not out[-1].startswith(("    ", "class")) else "\n"]
            out += [f"{name}: TypeAlias = {quoted(types.annotation(Ref(name)))}"]
    text = "\n".join(out) + "\n"
    while "\n\n\n\n" in text:
        text = text.replace("\n\n\n\n", "\n\n\n")
    return text


def quoted(annotation: str) -> str:
    """An alias may name a class that comes later."""
    return annotation if annotation in ("int", "bytes", "bool", "Payload") else f'"{annotation}"'


def members(types: Types, name: str) -> list[str]:
    """The body of the class ``name``."""
    if name in TABLES:
        tag = types.spec.unions[name].switch[0]
        return [f'    """{name}: an operation\'s number and the value of its type (None where the RFC says void)."""\n',
                f"    {tag}: int", "    arm: Any = None"]
    made = types.definition(name)
    if isinstance(made, StructDef):
        return [f"    {field}: {types.annotation(kind)}" for field, kind in made.fields]
    lines = [f"    {made.switch[0]}: {types.annotation(made.switch[1])}"]
    return lines + [f"    {arm}: {types.annotation(kind)} | None = None" for arm, kind in made.arms()]


def codec(types: Types, name: str) -> list[str]:
    """The three functions of the type ``name``."""
    spec = types.spec
    if name in TABLES:
        return table_codec(spec.unions[name])
    target = spec.aliases.get(name)
    if target is not None and target in spec.order:
        return ["", *(f"{verb}_{name} = {verb}_{target}" for verb in ("unpack", "append", "pack"))]
    shown = types.annotation(Ref(name))
    direct = Ref(name) if name in spec.structs or name in spec.unions else types.resolve(Ref(name))
    reader = Unpacker(types, name)
    result = reader.reference(name) if isinstance(direct, Ref) else reader.value(direct, name)
    reader.flush()
    tail = f"pos + {reader.offset}" if reader.offset else "pos"
    out = ["", "", f"def unpack_{name}(buf: Buffer, pos: int) -> tuple[{shown}, int]:", "    try:"]
    if reader.needs_end:
        out.append("        end = len(buf)")
    out += [*reader.lines, f"        return {result}, {tail}", "    except StructError:",
            f'        raise XdrError("{name}: truncated") from None']
    writer = Packer(types, name)
    if isinstance(direct, Ref):
        writer.reference(name, "v")
    else:
        writer.value(direct, "v", name)
    only_fixed = bool(writer.run) and not any("out.append" in line for line in writer.lines)
    run = list(writer.run)
    writer.flush()
    out += ["", "", f"def append_{name}(out: list[bytes], v: {shown}) -> None:", "    try:", *writer.lines,
            "    except StructError:", f'        raise XdrError("{name}: value out of range") from None']
    out += ["", "", f"def pack_{name}(v: {shown}) -> bytes:"]
    if only_fixed and len(run) > 1:
        fmt = "".join(item[0] for item in run)
        call = f"        return pS_{fmt}({', '.join(item[1] for item in run)})"
        out += ["    try:", *writer.lines[:-1], call,
                "    except StructError:", f'        raise XdrError("{name}: value out of range") from None']
    else:
        out += ["    out: list[bytes] = []", f"    append_{name}(out, v)", '    return b"".join(out)']
    return out


def table_codec(made: UnionDef) -> list[str]:
    """Codec of a union over operations: by table, so that each operation's own codec does the work."""
    name, tag = made.name, made.switch[0]
    table = {"nfs_argop4": "ARGS", "nfs_resop4": "RES", "nfs_cb_argop4": "CB_ARGS", "nfs_cb_resop4": "CB_RES"}[name]
    return [
        "", "", f"def unpack_{name}(buf: Buffer, pos: int) -> tuple[{name}, int]:",
        "    op, pos = unpack_uint32(buf, pos)",
        f"    entry = {table}.get(op)",
        "    if entry is None:",
        f'        raise XdrError("{name}: no such operation")',
        "    arm, pos = entry[0](buf, pos)",
        f"    return {name}(op, arm), pos",
        "", "", f"def append_{name}(out: list[bytes], v: {name}) -> None:",
        f"    entry = {table}.get(v.{tag})",
        "    if entry is None:",
        f'        raise XdrError("{name}: no such operation")',
        f"    out.append(pack_u32(v.{tag}))",
        "    out.append(entry[1](v.arm))",
        "", "", f"def pack_{name}(v: {name}) -> bytes:",
        "    out: list[bytes] = []", f"    append_{name}(out, v)", '    return b"".join(out)',
    ]


def tables(spec: Spec) -> list[str]:
    """Operation number to codec, and attribute number to codec."""
    out = ["", "", "Codec: TypeAlias = tuple[Callable[[Buffer, int], tuple[Any, int]], Callable[[Any], bytes]]",
           '"""Unpack function and pack function of one type."""']
    for name, table, about in (
        ("nfs_argop4", "ARGS", "Operation to the codec of its arguments; one without any has a codec of None."),
        ("nfs_resop4", "RES", "Operation to the codec of its result."),
        ("nfs_cb_argop4", "CB_ARGS", "Callback operation to the codec of its arguments."),
        ("nfs_cb_resop4", "CB_RES", "Callback operation to the codec of its result."),
    ):
        made = spec.unions[name]
        out += ["", f"{table}: dict[int, Codec] = {{"]
        for label, (_, kind) in made.cases.items():
            of = kind.name if isinstance(kind, Ref) else None
            if of is None and not isinstance(kind, Void):
                of = label_type(spec, made.labels[label], table)
            out.append(f"    {label}: (unpack_{of or 'void'}, pack_{of or 'void'}),  # {made.labels[label]}")
        out += ["}", f'"""{about}"""']
    out += ["", "FATTR: dict[int, Codec] = {"]
    for name, value in spec.constants.items():
        if name.startswith("FATTR4_"):
            out.append(f"    {value}: (unpack_{name.lower()}, pack_{name.lower()}),")
    out += ["}", '"""Attribute number to the codec of its value."""']
    return out


def label_type(spec: Spec, label: str, table: str) -> str:
    """Type name of an operation whose type is a typedef of something without a name of its own."""
    name = label.removeprefix("OP_") + ("4args" if table.endswith("ARGS") else "4res")
    if name not in spec.typedefs:
        raise ValueError(f"no type {name} for {label}")
    return name


def codecs(types: Types) -> str:
    """``nfs4_codec``: functions and tables."""
    head = [BANNER.format(about="Codecs of NFSv4.1 and NFSv4.2: unpack_X, append_X, pack_X for every type X."),
            "from __future__ import annotations\n", "from collections.abc import Callable",
            "from struct import Struct, pack, unpack_from", "from struct import error as StructError",
            "from typing import Any, TypeAlias\n", "from nfswire.nfs4_types import *",
            "from nfswire.xdr import (", "    PADS,", "    Buffer,", "    Payload,", "    XdrError,",
            "    pack_bitmap,",
            "    pack_u32,", "    unpack_bitmap,", "    unpack_uint32,", ")\n"]
    body: list[str] = []
    for name in types.spec.order:
        body += codec(types, name)
    body += ["", "", "def unpack_void(buf: Buffer, pos: int) -> tuple[None, int]:", "    return None, pos",
             "", "", "def pack_void(v: None) -> bytes:", '    return b""']
    body += tables(types.spec)
    text = "\n".join(body)
    structs = []
    for fmt, name in sorted(types.structs_used.items()):
        packs, unpacks = f"p{name}(" in text, f"u{name}(" in text
        if packs or unpacks:
            structs.append(f'{name} = Struct(">{fmt}")')
            structs += [f"u{name} = {name}.unpack_from"] if unpacks else []
            structs += [f"p{name} = {name}.pack"] if packs else []
    return "\n".join(head + structs) + text + "\n"


def facade() -> str:
    """``nfs4``: the one module that others import."""
    head = BANNER.format(about="NFSv4.1 and NFSv4.2 on the wire: constants, types, codecs and tables in one place.")
    return head + "\n" + "\n".join(
        f"from nfswire.{part} import *" for part in ("nfs4_codec", "nfs4_const", "nfs4_types", "results")) + "\n"


def generate(text: str) -> dict[str, str]:
    """File name to content for the description ``text``."""
    spec = parse(text)
    types = Types(spec)
    check(types)
    return {"nfs4_const.py": constants(spec), "nfs4_types.py": classes(types), "nfs4_codec.py": codecs(types),
            "nfs4.py": facade()}


def check(types: Types) -> None:
    """Every reference has a definition, and none leads back to itself: decoding depth is bounded."""
    for name in types.spec.order:
        try:
            types.weight(Ref(name))
        except RecursionError:
            raise ValueError(f"{name} contains itself") from None
    for made in types.spec.unions.values():
        kind = types.resolve(made.switch[1])
        if made.default is None and isinstance(kind, Bool) and set(made.cases) != {0, 1}:
            raise ValueError(f"{made.name}: a bool has two arms")


def main() -> int:
    """Write the modules beside this one."""
    for name, content in generate((HERE / "nfs4.x").read_text("utf-8")).items():
        (HERE / name).write_text(content, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
