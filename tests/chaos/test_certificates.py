"""Certificates are renewed under running servers, and the first ones run out: nobody is restarted for it.

Real processes on loopback. Every kind of connection is made anew after the end of the first certificates: consensus,
data server to metadata server and back, and mdsctl.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from dataserver.config import DsConfig
from mdscluster.adminclient import AdminClient, Answer, ClusterFile
from mdscluster.config import NodeConfig, TlsPaths
from mdscluster.pki import NODE_DAYS, ClusterPki
from mdsproto.configfile import save
from nfsclient.client import Client
from nfswire import nfs4
from tests.support.embedded import Embedded
from tests.support.runbook import OnProcesses

pytestmark = [pytest.mark.slow, pytest.mark.alone]

LIFE = timedelta(seconds=45)
"""How long the certificates are good that the servers start with."""
SEEN_S = 10.0
HEARD_MS = 3_000
"""A data server that beats every second has been heard since."""
TOGETHER_S = 30.0
SERVERS = {"mds1": "mds", "mds2": "mds", "mds3": "mds", "ds1": "ds"}


@pytest.mark.long
def test_servers_go_on_when_their_first_certificates_have_run_out(tmp_path: Path) -> None:
    """INV-7: a renewal costs no client anything. No process but the two that are killed at the end is started anew."""
    with Embedded(tmp_path / "cluster") as cluster:
        pki = ClusterPki(cluster.base_dir / "pki")
        for name in SERVERS:
            cluster.kill(name)
        ends = datetime.now(UTC) + LIFE
        for name, role in {**SERVERS, "admin": "admin"}.items():  # made long ago, so that they end soon
            addresses = [] if role == "admin" else ["127.0.0.1"]
            pki.issue(name, role, addresses, ends - timedelta(days=NODE_DAYS), timedelta.max)
        for name, kind in SERVERS.items():
            cluster.start(name, kind)
        together(cluster)
        pids = {name: cluster.pid(name) for name in SERVERS}
        assert shown(cluster, pki) == on_disk(pki)

        own, ca = OnProcesses(cluster, tmp_path, {}).follow("MdsclusterCertificateEndsSoon")
        assert own.told.count("renewed") == len(SERVERS) + 1, own.told
        assert re.search("renewed +ca ", ca.told), ca.told
        wait("every listener shows the renewed certificate", lambda: shown(cluster, pki) == on_disk(pki))
        assert datetime.now(UTC) < ends, "vacuous: the first certificates had ended before the renewal"

        time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 1.0)
        part(cluster, "mds1", "mds2")
        # For the data server's calls to a metadata server; then for theirs to it.
        for name in ("mds3", "ds1"):
            cluster.kill(name)
            cluster.start(name, SERVERS[name])
            together(cluster)
        assert [name for name, pid in pids.items() if cluster.pid(name) != pid] == ["mds3", "ds1"]
        asyncio.run(cut_and_read(cluster))
        for name in ("mds1", "mds2", "mds3"):
            assert "did not truncate" not in cluster.by_hand_log(name).read_text()


def test_a_server_whose_certificate_has_ended_says_so_and_is_let_in_with_a_renewed_one(tmp_path: Path) -> None:
    """INV-2, INV-7: the others go on without it, the operator is told in its log and by mdsctl, and nothing is lost:
    with a renewed certificate it follows again, without a restart."""
    with Embedded(tmp_path / "cluster") as cluster:
        cluster.await_all()
        pki = ClusterPki(cluster.base_dir / "pki")
        cluster.kill("mds3")
        long_ago = datetime.now(UTC) - timedelta(days=NODE_DAYS + 5)
        pki.issue("mds3", "mds", ["127.0.0.1"], long_ago, timedelta.max)
        cluster.start("mds3")
        log = cluster.by_hand_log("mds3")
        wait("it says so", lambda: "mds3.pem ended on" in log.read_text(), TOGETHER_S)
        asyncio.run(cut_and_read(cluster))

        def told() -> bool:
            nodes = {node["id"]: node for node in cluster.status()["mds"]}
            return "its certificate has ended: `mdsctl certs renew`" in nodes["mds3"].get("problem", "")

        wait("mdsctl says so", told, TOGETHER_S)
        assert cluster.status()["quorum"]
        pid = cluster.pid("mds3")
        done = cluster.mdsctl("certs", "renew", "--out", str(cluster.base_dir))
        assert "renewed  mds3" in done.stdout, done.stderr
        together(cluster)
        assert cluster.pid("mds3") == pid
        assert cluster.mdsctl("digest").returncode == 0


def test_a_server_with_another_clusters_files_is_told_of_by_all(tmp_path: Path) -> None:
    """INV-2: CA, certificate, key and cluster key fit together, so that it starts. It never follows anybody; both ends
    say why, once, and so does mdsctl; with its own files again it is back, and nothing is lost."""
    with Embedded(tmp_path / "cluster") as cluster:
        cluster.await_all()
        config = Path(cluster.nodes()["mds3"]["config"])
        own = config.read_text()
        foreign = ClusterPki(tmp_path / "foreign")
        foreign.create()
        issued = foreign.issue("mds3", "mds", ["127.0.0.1"])
        tls = TlsPaths(foreign.ca, issued.certificate, issued.key)
        save(replace(NodeConfig.load(config), cluster_key_file=foreign.cluster_key, tls=tls), config)
        cluster.kill("mds3")
        cluster.start("mds3")

        def told(name: str) -> list[tuple[str, str, str]]:
            """Whom a server calls another cluster's, whenever it said so."""
            texts = [path.read_text() for path in (cluster.base_dir / name / "log").iterdir()]
            lines = [json.loads(line) for text in texts for line in text.splitlines() if "ANOTHER CA" in line]
            return sorted((line["peer"], line["level"], line["reason"]) for line in lines)

        def says(peer: str, ca: Path) -> tuple[str, str, str]:
            return (
                peer, "warning",
                f"{peer} shows a certificate of ANOTHER CA than {ca}: neither takes anything from the other. One of "
                "the two has another cluster's files, as a rule the one that says this of every peer: copy the right "
                "host's folder there again, or mend the addresses. A new CA comes to all: docs/DEPLOY.md",
            )  # fmt: skip

        ours = cluster.base_dir / "pki" / "ca.pem"
        wanted = {
            "mds1": [says("mds3", ours)], "mds2": [says("mds3", ours)],
            "mds3": [says(name, foreign.ca) for name in ("mds1", "mds2")],
        }  # fmt: skip
        wait("all say so", lambda: {name: told(name) for name in wanted} == wanted, TOGETHER_S)
        asyncio.run(cut_and_read(cluster))
        status = cluster.status()
        assert status["quorum"]
        (lost,) = [node for node in status["mds"] if not node["reachable"]]
        assert (lost["id"], lost["problem"]) == ("mds3", "its certificate is not of this cluster")
        assert "(its certificate is not of this cluster)" in cluster.mdsctl("status").stdout
        assert {name: told(name) for name in wanted} == wanted, "once, however often it dials"

        cluster.kill("mds3")
        config.write_text(own)
        cluster.start("mds3")
        together(cluster)
        assert cluster.mdsctl("digest").returncode == 0


def part(cluster: Embedded, one: str, other: str) -> None:
    """End the connection between two that go on running: one is stopped until the other has given it up.

    Whoever of a pair was started anew would dial the other with the new certificate; here both have been running.
    """
    pid = cluster.pid(other)
    os.kill(pid, signal.SIGSTOP)
    try:
        with AdminClient(ClusterFile.load(cluster.file).mds, ClusterPki(cluster.base_dir / "pki")) as client:
            wait(f"{one} gives {other} up", lambda: not is_connected(client.status(1.0), one, other), TOGETHER_S)
    finally:
        os.kill(pid, signal.SIGCONT)
    together(cluster)


def is_connected(answers: list[Answer], one: str, other: str) -> bool:
    reply = next(answer.reply for answer in answers if answer.target.id == one)
    return reply is None or any(peer.connected for peer in reply.peers if peer.node_id == other)


def together(cluster: Embedded) -> None:
    """Every metadata server is connected with the others, and hears the data server by itself."""
    cluster.await_all()
    with AdminClient(ClusterFile.load(cluster.file).mds, ClusterPki(cluster.base_dir / "pki")) as client:
        wait("all are connected", lambda: all(map(hears_everybody, client.status(5.0))), TOGETHER_S)


def hears_everybody(answer: Answer) -> bool:
    reply = answer.reply
    return (
        reply is not None
        and all(peer.connected for peer in reply.peers)
        and [server.silent_ms for server in reply.data_servers if 0 <= server.silent_ms < HEARD_MS] != []
    )


async def cut_and_read(cluster: Embedded) -> None:
    """A cut goes from the metadata server to the data server, over a connection that the restart had ended."""
    async with await Client.connect(cluster.addresses()) as client:
        file = await client.open("/file", create=nfs4.UNCHECKED4)
        await file.write(0, b"x" * 100_000, nfs4.FILE_SYNC4)
        await file.truncate(10)
        await file.truncate(20)
        assert bytes(await file.read(0, 100)) == b"x" * 10 + bytes(10)
        await file.close()


# ---------------------------------------------------------------------- what listeners show
def on_disk(pki: ClusterPki) -> dict[str, set[int]]:
    return {
        name: {x509.load_pem_x509_certificate(pki.paths(name).certificate.read_bytes()).serial_number}
        for name in SERVERS
    }


def shown(cluster: Embedded, pki: ClusterPki) -> dict[str, set[int]]:
    """The serial numbers that a server's listeners show to a new connection; one where all agree."""
    ports: dict[str, list[int]] = {}
    for name, node in cluster.nodes().items():
        peer = NodeConfig.load(Path(node["config"])).peer
        ports[name] = [peer.raft.port, peer.admin.port]
    for name, node in cluster.nodes("ds").items():
        ports[name] = [DsConfig.load(Path(node["config"])).control.port]
    paths = pki.paths("admin")
    context = ssl.create_default_context(cafile=str(pki.ca))
    context.load_cert_chain(paths.certificate, paths.key)
    context.set_alpn_protocols(["h2"])
    return {name: {serial(context, name, port) for port in each} for name, each in ports.items()}


def serial(context: ssl.SSLContext, name: str, port: int) -> int:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname=name) as stream,
    ):
        der = stream.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).serial_number


def wait(what: str, condition: Callable[[], bool], timeout_s: float = SEEN_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.2)
