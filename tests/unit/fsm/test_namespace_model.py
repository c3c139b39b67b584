"""The namespace against a model of a few lines, and two machines against each other (INV-8)."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from nfswire import nfs4
from tests.unit.fsm.support.compounds import (
    SUPERUSER,
    Namespace,
    Reply,
    Who,
    create,
    getattr_,
    getfh,
    link,
    lookup,
    mkdir,
    name_of,
    operation,
    pack_compound,
    putfh,
    readdir,
    remove,
    rename,
    root,
    savefh,
    setattr_,
    unpack_reply,
)

NAMES = st.sampled_from([b"a", b"b", b"c", b"d", "ü".encode(), b".", b"", b"x/y"])
PICK = st.integers(0, 1 << 16)
_BAD = {b"": "NFS4ERR_INVAL", b".": "NFS4ERR_BADNAME", b"x/y": "NFS4ERR_BADCHAR"}
_WANT = (nfs4.FATTR4_TYPE, nfs4.FATTR4_CHANGE, nfs4.FATTR4_MODE, nfs4.FATTR4_NUMLINKS)


@dataclass(eq=False)
class Node:
    """An object of the model. ``names``: a directory's entries; None for anything else."""

    handle: bytes
    names: dict[bytes, Node] | None
    parent: Node | None = None
    mode: int = 0o755
    links: int = 1
    change: int = 0
    gone: bool = False

    @property
    def link_count(self) -> int:
        if self.names is None:
            return self.links
        return 2 + sum(child.names is not None for child in self.names.values())

    def is_below(self, other: Node) -> bool:
        node: Node | None = self
        while node is not None:
            if node is other:
                return True
            node = node.parent
        return False


class NamespaceModel(RuleBasedStateMachine):
    """Every step is one COMPOUND in the logs of two machines; what it should do is worked out from the model."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.one = Namespace(self.folder / "one")
        self.two = Namespace(self.folder / "two")
        self.nodes: list[Node] = []

    def teardown(self) -> None:
        try:
            self.compare_trees()
        finally:
            self.one.close()
            self.two.close()
            shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.nodes.append(Node(self.one.ok(root(), getfh()).handle, {}))
        self.two.ok(root(), getfh())

    # ------------------------------------------------------------ helpers
    def send(self, *operations: bytes, who: Who = SUPERUSER) -> Reply:
        """Run on the first machine, with its view compared; the second gets the same log entry."""
        reply = self.one.send(*operations, who=who)
        assert reply is not None
        other = self.two.replica.apply_entry([pack_compound(operations, who)])[0]
        assert unpack_reply(other).raw == reply.raw
        return reply

    def directory(self, pick: int) -> Node:
        directories = [node for node in self.nodes if node.names is not None and not node.gone]
        return directories[pick % len(directories)]

    def any_node(self, pick: int) -> Node:
        return self.nodes[pick % len(self.nodes)]

    def expect(self, reply: Reply, status: str) -> bool:
        """Whether it succeeded, as it had to."""
        assert name_of(reply.status) == status
        return reply.status == nfs4.NFS4_OK

    # ------------------------------------------------------------ steps
    @rule(where=PICK, name=NAMES, kind=st.sampled_from([nfs4.NF4DIR, nfs4.NF4FIFO, nfs4.NF4LNK]))
    def create(self, where: int, name: bytes, kind: int) -> None:
        parent = self.directory(where)
        assert parent.names is not None
        status = _BAD.get(name) or ("NFS4ERR_EXIST" if name in parent.names else "NFS4_OK")
        made = mkdir(name) if kind == nfs4.NF4DIR else create(kind, name)
        reply = self.send(putfh(parent.handle), made, getfh())
        if self.expect(reply, status):
            node = Node(reply.handle, {} if kind == nfs4.NF4DIR else None, parent)
            parent.names[name] = node
            self.nodes.append(node)

    @rule(where=PICK, name=NAMES, what=PICK)
    def link(self, where: int, name: bytes, what: int) -> None:
        parent, node = self.directory(where), self.any_node(what)
        assert parent.names is not None
        if node.gone:
            status = "NFS4ERR_STALE"
        elif node.names is not None:
            status = "NFS4ERR_ISDIR"
        else:
            status = _BAD.get(name) or ("NFS4ERR_EXIST" if name in parent.names else "NFS4_OK")
        if self.expect(self.send(putfh(node.handle), savefh(), putfh(parent.handle), link(name)), status):
            parent.names[name] = node
            node.links += 1

    @rule(where=PICK, name=NAMES)
    def remove(self, where: int, name: bytes) -> None:
        parent = self.directory(where)
        assert parent.names is not None
        node = parent.names.get(name)
        status = _BAD.get(name) or ("NFS4_OK" if node is not None else "NFS4ERR_NOENT")
        if node is not None and node.names:
            status = "NFS4ERR_NOTEMPTY"
        if self.expect(self.send(putfh(parent.handle), remove(name)), status):
            assert node is not None
            del parent.names[name]
            self._unlinked(node)

    @rule(here_is=PICK, old=NAMES, there_is=PICK, new=NAMES)
    def rename(self, here_is: int, old: bytes, there_is: int, new: bytes) -> None:
        here, there = self.directory(here_is), self.directory(there_is)
        assert here.names is not None
        assert there.names is not None
        node, replaced = here.names.get(old), there.names.get(new)
        status = _BAD.get(old) or _BAD.get(new) or self._judge_rename(here, there, node, replaced)
        reply = self.send(putfh(here.handle), savefh(), putfh(there.handle), rename(old, new))
        if self.expect(reply, status) and node is not replaced:
            assert node is not None
            if replaced is not None:
                self._unlinked(replaced)
            del here.names[old]
            there.names[new] = node
            if node.names is not None:
                node.parent = there

    @staticmethod
    def _judge_rename(here: Node, there: Node, node: Node | None, replaced: Node | None) -> str:
        if node is None:
            return "NFS4ERR_NOENT"
        if node is replaced:
            return "NFS4_OK"
        if node.names is not None and here is not there and there.is_below(node):
            return "NFS4ERR_INVAL"
        if replaced is None:
            return "NFS4_OK"
        if (node.names is None) != (replaced.names is None):
            return "NFS4ERR_EXIST"
        return "NFS4ERR_NOTEMPTY" if replaced.names else "NFS4_OK"

    @rule(what=PICK, mode=st.integers(0, 0o7777))
    def chmod(self, what: int, mode: int) -> None:
        node = self.any_node(what)
        status = "NFS4ERR_STALE" if node.gone else "NFS4_OK"
        if self.expect(self.send(putfh(node.handle), setattr_({nfs4.FATTR4_MODE: mode})), status):
            node.mode = mode

    @rule(where=PICK, name=NAMES)
    def look_up(self, where: int, name: bytes) -> None:
        parent = self.directory(where)
        assert parent.names is not None
        node = parent.names.get(name)
        reply = self.send(putfh(parent.handle), lookup(name), getfh(), getattr_(*_WANT))
        if self.expect(reply, _BAD.get(name) or ("NFS4_OK" if node is not None else "NFS4ERR_NOENT")):
            assert node is not None
            assert reply.handle == node.handle
            self._check(node, reply)

    @rule(where=PICK)
    def look_up_parent(self, where: int) -> None:
        node = self.directory(where)
        reply = self.send(putfh(node.handle), operation(nfs4.OP_LOOKUPP), getfh())
        if self.expect(reply, "NFS4ERR_NOENT" if node.parent is None else "NFS4_OK"):
            assert node.parent is not None
            assert reply.handle == node.parent.handle

    def _unlinked(self, node: Node) -> None:
        node.links -= 1
        node.gone = node.names is not None or node.links == 0

    def _check(self, node: Node, reply: Reply) -> None:
        values = reply.attributes
        assert values[nfs4.FATTR4_NUMLINKS] == node.link_count
        assert (values[nfs4.FATTR4_TYPE] == nfs4.NF4DIR) == (node.names is not None)
        if nfs4.FATTR4_MODE in values and node.mode != 0o755:
            assert values[nfs4.FATTR4_MODE] == node.mode
        assert values[nfs4.FATTR4_CHANGE] >= node.change, "the change attribute only grows"
        node.change = values[nfs4.FATTR4_CHANGE]

    # ------------------------------------------------------------ what always holds
    @invariant()
    def digests_are_equal(self) -> None:
        """INV-8: equal applied index, equal state."""
        assert self.one.replica.digest() == self.two.replica.digest()

    def compare_trees(self) -> None:
        for node in self.nodes:
            if node.gone:
                assert name_of(self.send(putfh(node.handle)).status) == "NFS4ERR_STALE"
                continue
            self._check(node, self.send(putfh(node.handle), getattr_(*_WANT)))
            if node.names is not None:
                listed = self.send(putfh(node.handle), readdir(maxcount=65536))[nfs4.OP_READDIR].resok4.reply
                assert listed.eof
                assert {entry.name for entry in listed.entries} == set(node.names)
                assert len(listed.entries) == len(node.names)
        with self.one.env.begin() as txn:
            tables = self.one.machine.tables
            living = [node for node in self.nodes if not node.gone]
            entries = sum(len(node.names) for node in living if node.names is not None)
            assert txn.stat(tables.inode)["entries"] == len(living), "no inode leaks"
            assert txn.stat(tables.dirent)["entries"] == txn.stat(tables.dirlist)["entries"] == entries


NamespaceModel.TestCase.settings = settings(
    max_examples=30, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestNamespaceModel = NamespaceModel.TestCase
