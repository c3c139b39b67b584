"""Whether a data server may serve: what its heartbeat presents, against what is committed of it.

A data server on an empty directory (a disk that is not mounted) would answer every read with zeros. It is known by the
identity of its store, which the metadata servers keep from its first registration on (INV-10); one that presents
another is refused, and has no lease to serve under, until the operator says that the registered one is lost. One whose
store was given up, or that was removed, does not come back because somebody starts it, or a boot does: it gets no files
before the operator says so. One that cannot prove that it holds the cluster key is refused, too: it would take every
filehandle for a forgery. And so is one that obeys others (docs/adr/0026): what it holds is another cluster's, or of a
later life of this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mdscluster.fsm.draining import REMOVED
from mdsproto import possession
from mdsproto.mandate import Mandate

if TYPE_CHECKING:
    from mdscluster.fsm.data_servers import DataServer
    from mdscluster.fsm.settings import Settings
    from mdsproto import control_pb2


class Refusal(msgspec.Struct, frozen=True):
    """Why a data server may not serve."""

    state: str
    """In a few words, for the status."""
    reason: str
    """What the operator has to know and to do."""


def judge(
    known: DataServer | None,
    request: control_pb2.HeartbeatRequest,
    settings: Settings,
    own: Mandate | None,
    given_up: DataServer | None,
) -> Refusal | None:
    """None: it may serve, once it is registered (:func:`is_registered`). ``own``: the mandate that a quorum stood
    behind when the heartbeat had come; None: there is no era yet, and who obeys one is not to be taken, but waits.
    ``given_up``: the registration under which the store that it presents was given up last; None: it never was."""
    if not request.store_id:
        return Refusal("old release", f"data server {request.ds_id} tells no store identity: upgrade it")
    key = settings.capability_key
    if not possession.is_proven(request.proof, key, request.ds_id, request.store_id, request.instance):
        return Refusal(
            "wrong key",
            f"data server {request.ds_id} does not hold this cluster's key: copy the cluster's key file to it "
            "(cluster_key_file in its configuration), and start it again",
        )
    if (obeyed := Mandate.of(request.obeys)) is not None:
        if obeyed.cluster_id != settings.cluster_id:
            return Refusal(
                "another cluster's",
                f"data server {request.ds_id} belongs to cluster {obeyed.cluster_id:08x}, and this is "
                f"{settings.cluster_id:08x}: its objects are of other files. Give it an empty data_dir to have it here",
            )
        if own is not None and obeyed.rank > own.rank:
            return Refusal(
                "later life",
                f"data server {request.ds_id} obeys {obeyed}, and this is {own}: the cluster was restored elsewhere, "
                "and these metadata servers are to be stopped. Only if that other one is gone for good, stop the data "
                "server: 'dataserver obey-anew --config FILE' gives it back to this one",
            )
    if is_registered(known, request) or request.new_store:
        return None
    holder = known.store_id if known is not None else b""
    if given_up is not None and (not holder or REMOVED in given_up.ds_id):
        return Refusal("removed", _stays_away(request, given_up))
    if not holder:
        return None
    return Refusal(
        "foreign store",
        f"data server {request.ds_id} presents the store {request.store_id.hex()}, and the one that holds its data is "
        f"{holder.hex()}: its disk is not mounted, or it is another one. Stop it, bring its own data_dir back, "
        "and start it again. Only if that is lost for good: 'dataserver new-store --config FILE' gives it the empty "
        "one, and what lay on the other is then lost",
    )


def _stays_away(request: control_pb2.HeartbeatRequest, given_up: DataServer) -> str:
    what = "was removed from this cluster" if REMOVED in given_up.ds_id else "was given up as lost"
    return (
        f"data server {request.ds_id} presents the store {request.store_id.hex()}, which {what}: what it holds is of "
        "no file any more. Leave it stopped, and see that no boot starts it (systemctl disable). To take it in again, "
        "as a new and empty one: stop it, clear its data_dir, 'dataserver new-store --config FILE', and start it"
    )


def is_registered(known: DataServer | None, request: control_pb2.HeartbeatRequest) -> bool:
    """Whether the store that the data server presents is the registered one."""
    return known is not None and known.store_id == request.store_id
