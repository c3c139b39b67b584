"""One TOML file, one frozen dataclass: reading, writing and refusing in the operator's words.

Shared by both daemons. A config class is a frozen dataclass whose fields are ``str``, ``int``,
``float``, ``bool``, ``Path``, :class:`Address`, tuples of these, or further config classes; the
string below a field is its documentation and goes into the file that :func:`dump` writes. Relative
paths count from the file's own directory, so a cluster's folder may be moved as a whole.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import errno
import inspect
import itertools
import json
import os
import tempfile
import textwrap
import tomllib
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")


CONFIG_EXIT_CODE: Final = 2
"""How a server ends with any other :class:`ConfigError`. Its unit leaves it to the operator."""
SYSTEM_EXIT_CODE: Final = 71
"""EX_OSERR: how a server ends with :class:`SystemRefusal`. Its unit starts it again, for as long as it takes."""
_OF_CONFIGURATION: Final = (
    errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG,
)  # fmt: skip
"""What the system says of a path or a permission: it says so again at the next start."""


class ConfigError(ValueError):
    """The configuration cannot work. The text is for the operator: what is wrong, where, and what would be right."""


class SystemRefusal(ConfigError):
    """The system refused what it may grant later: an address that is not up yet, or taken; room on a disk.

    A command of an operator ends as with any :class:`ConfigError`; a server is to be started again.
    """


def refused(text: str, problem: OSError) -> ConfigError:
    """The exception, with ``text``, for what the system refused to a server that starts."""
    return ConfigError(text) if problem.errno in _OF_CONFIGURATION else SystemRefusal(text)


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens: an IP address and a TCP port, written ``127.0.0.1:20490`` or ``[fd00::1]:20490``."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, where: str = "address") -> Address:
        """Raises :class:`ConfigError` when it is not ``HOST:PORT``."""
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ConfigError(f"{where}: put an IPv6 address into brackets, like [fd00::1]:20490, not {text!r}")
        if not colon or not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
            raise ConfigError(f"{where}: {text!r} is not HOST:PORT with a port of 1 to 65535, like 127.0.0.1:20490")
        return cls(host, int(port))

    def clashes(self, other: Address) -> bool:
        """Whether no two can listen on both."""
        return self.port == other.port and (self.host == other.host or self.is_any or other.is_any)

    @property
    def is_any(self) -> bool:
        """All of the host's own."""
        return self.host in ("0.0.0.0", "::")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


# ---------------------------------------------------------------------- reading
def load(cls: type[T], path: Path, revise: Callable[[dict[str, Any]], None] | None = None) -> T:
    """Read ``path`` as a ``cls``. Raises :class:`ConfigError`; whether the values make sense is for ``validate()``.

    ``revise`` gets the file's table first, and makes what an older release wrote into what this one knows.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ConfigError(f"cannot read {path}: {problem.strerror}") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path} is not valid TOML: {problem}") from problem
    try:
        if revise is not None:
            revise(table)
        return _build(cls, table, "", path.resolve().parent)
    except ConfigError as problem:
        raise ConfigError(f"{path}: {problem}") from problem


def _build(cls: type[T], table: dict[str, Any], where: str, base: Path) -> T:
    hints = _hints(cls)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in hints:
            close = difflib.get_close_matches(key, hints, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(hints)}"
            raise ConfigError(f"there is no setting {where + key!r}{hint}")
        values[key] = _value(hints[key], value, where + key, base)
    missing = [
        where + field.name
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]  # callers pass dataclasses
        if field.name not in values
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"missing: {', '.join(missing)}")
    return cls(**values)


_WORDS: dict[object, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a text in quotes"}


def _shown(value: object) -> str:
    """What stands where something else should. Never a text, nor what holds some: it may be meant for a password."""
    match value:
        case bool() | int() | float():
            return str(value).lower()
        case str():
            return "a text" if value else "an empty text"
        case list():
            return "a list"
        case dict():
            return "a table"
    return "a date or time"  # TOML has nothing else


def _value(hint: Any, value: Any, where: str, base: Path) -> Any:
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where} must be a list, not {_shown(value)}")
        inner = typing.get_args(hint)[0]
        return tuple(_value(inner, item, f"{where}[{number}]", base) for number, item in enumerate(value))
    if dataclasses.is_dataclass(hint) and hint is not Address:
        if not isinstance(value, dict):
            raise ConfigError(f"{where} must be a table, like [{where}], not {_shown(value)}")
        return _build(typing.cast(type, hint), value, where + ".", base)
    if hint in (Path, Address):
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{where} must be a text in quotes, not {_shown(value)}")
        return Address.parse(value, where) if hint is Address else Path(os.path.normpath(base / value))
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:  # bool is an int to isinstance
        raise ConfigError(f"{where} must be {_WORDS[hint]}, not {_shown(value)}")
    return value


def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]
    for name in names:
        if isinstance(hints[name], types.UnionType):
            raise TypeError(f"{cls.__name__}.{name}: config fields are not optional; use an empty value")
    return {name: hints[name] for name in names}


# ---------------------------------------------------------------------- writing
def dump(config: object, base: Path, *, header: str = "") -> str:
    """``config`` as TOML, every field under its documentation; paths below ``base`` become relative to it."""
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    lines += [""] if lines else []
    _dump_table(config, "", base, lines)
    return "\n".join(lines).lstrip("\n") + "\n"


def save(config: object, path: Path, *, header: str = "") -> None:
    """Write ``config`` to ``path`` atomically: a reader finds the old file or the new one."""
    try:
        write_atomically(path, dump(config, path.resolve().parent, header=header).encode())
    except OSError as problem:
        raise ConfigError(f"cannot write {path}: {problem.strerror}") from problem


def write_atomically(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Replace ``path`` durably, or leave it as it is."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _dump_table(config: object, name: str, base: Path, lines: list[str]) -> None:
    documentation = _documentation(type(config))
    tables: list[tuple[str, object]] = []
    for field in dataclasses.fields(config):  # type: ignore[arg-type]  # callers pass dataclasses
        value = getattr(config, field.name)
        if _is_table(value) or (isinstance(value, tuple) and value and _is_table(value[0])):
            tables.append((field.name, value))
            continue
        lines += _comment(documentation.get(field.name, ""))
        lines.append(f"{field.name} = {_literal(value, base)}")
    for key, value in tables:
        path = f"{name}.{key}" if name else key
        comment = _comment(documentation.get(key, ""))
        if not isinstance(value, tuple):
            lines += ["", *comment, f"[{path}]"]
            _dump_table(value, path, base, lines)
            continue
        for number, item in enumerate(value):
            lines += ["", *(comment if number == 0 else []), f"[[{path}]]"]
            if number == 0:
                _dump_table(item, path, base, lines)
            else:  # the first one's comments tell the rest
                shown: list[str] = []
                _dump_table(item, path, base, shown)
                lines += [line for line in shown if not line.startswith("#")]


def _is_table(value: object) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, Address)


def _comment(text: str) -> list[str]:
    return ["# " + line for line in textwrap.wrap(text, 110)]


def _literal(value: Any, base: Path) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_literal(item, base) for item in value) + "]"
    if isinstance(value, Path):
        value = os.path.relpath(value, base) if value.is_relative_to(base.parent) else value
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML refuses a bare DEL


def _documentation(cls: type) -> dict[str, str]:
    """Field name -> the string below the field; empty where the source is not at hand."""
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except OSError:
        return {}
    body = typing.cast(ast.ClassDef, ast.parse(source).body[0]).body
    found: dict[str, str] = {}
    for field, below in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                found[field.target.id] = inspect.cleandoc(str(below.value.value)).replace("``", "")
    return found
