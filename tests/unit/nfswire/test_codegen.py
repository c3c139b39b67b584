"""The generated modules are what the description says, and the parser refuses what is not the language."""

from __future__ import annotations

from pathlib import Path

import pytest

import nfswire
from nfswire.codegen import generate
from nfswire.xdrlang import parse

HERE = Path(nfswire.__file__).parent


def test_committed_modules_are_generated_from_the_description() -> None:
    """`python -m nfswire.codegen` would change nothing."""
    for name, content in generate((HERE / "nfs4.x").read_text("utf-8")).items():
        assert (HERE / name).read_text("utf-8") == content, f"{name} is stale: run python -m nfswire.codegen"


@pytest.mark.parametrize("text", [
    "struct a { unsigned int b }",
    "struct a { unsigned int b; }",
    "const A = ;",
    "union u switch (bool b) { case 1: ",
    "typedef unsigned int x[3];",
    "nonsense;",
    "enum e { A = B };",
])
def test_parser_refuses_what_is_not_xdr(text: str) -> None:
    """A mistake in the description stops the generator."""
    with pytest.raises(ValueError):
        parse(text)


def test_runs_of_fixed_fields_become_one_struct_call() -> None:
    """Fields of nested structs and the length word that follows are read by one precompiled struct."""
    text = "struct inner { unsigned hyper a; int b; }; struct outer { bool c; inner d; opaque e[3]; opaque f<9>; };"
    text += "".join(f"union {u} switch (unsigned int n) {{ case 1: void; }};"
                    for u in ("nfs_argop4", "nfs_resop4", "nfs_cb_argop4", "nfs_cb_resop4"))
    text += "enum nfs_opnum4 { OP_A = 1 }; enum nfs_cb_opnum4 { OP_CB_A = 1 }; enum nfsstat4 { OK = 0 };"
    text += "enum layouttype4 { LAYOUT4_A = 1 };"
    made = generate(text)["nfs4_codec.py"]
    assert "uS_IQi3s1xI(buf, pos)" in made
    compile(made, "made", "exec", dont_inherit=True)


def test_recursive_types_are_refused() -> None:
    """Decoding depth is bounded by the description: a struct that holds itself is an error at generation."""
    with pytest.raises(ValueError, match="itself"):
        generate("struct a { b x; }; struct b { a y; };")
