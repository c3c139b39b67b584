"""Configuration of a data server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dataserver.config import Address, ConfigError, DsConfig, Limits, MdsPeer, Metrics, TlsPaths
from mdsproto.configfile import save


def config(base: Path = Path("/srv/ds1"), **changes: object) -> DsConfig:
    made = DsConfig(
        ds_id="ds1",
        data_dir=base,
        cluster_key_file=base / "cluster.key",
        nfs=Address("10.0.0.11", 2049),
        control=Address("10.0.0.11", 7003),
        tls=TlsPaths(base / "ca.pem", base / "ds1.pem", base / "ds1.key"),
        mds=(MdsPeer("mds1", Address("10.0.0.1", 7002)),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    save(config(tmp_path), tmp_path / "ds1.toml")
    assert DsConfig.load(tmp_path / "ds1.toml") == config(tmp_path)


BAD = [
    (dict(ds_id=""), "is no id"),
    (dict(nfs=Address("0.0.0.0", 2049)), "is not an address that others could reach"),
    (dict(control=Address("ds1.example", 2049)), "is not an IP address"),
    (dict(control=Address("10.0.0.11", 2049)), "nfs and control are both 10.0.0.11:2049"),
    (dict(metrics=Metrics("ds1:20990")), "metrics.listen: 'ds1' is not an IP address"),
    (dict(metrics=Metrics("10.0.0.11:7003")), "metrics.listen is 10.0.0.11:7003: control listens on"),
    (dict(mds=()), "without an [[mds]] table it cannot join a cluster"),
    (dict(lease_ms=2_000), "it must be at least 3000, or one lost heartbeat stops all I/O"),
    (dict(heartbeat_ms=1), "heartbeat_ms below 50"),
    (dict(limits=Limits(max_io_bytes=100)), "limits.max_io_bytes is 100"),
    (dict(limits=Limits(max_fragments=0)), "limits.max_fragments is 0"),
    (dict(limits=Limits(reserve_bytes=-2)), "limits.reserve_bytes is -2"),
    (dict(limits=Limits(max_record_bytes=1 << 20)), "limits.max_record_bytes must be at least 4096 more"),
    (dict(log_level="x"), "log_level"),
]


@pytest.mark.parametrize(("changes", "words"), BAD, ids=[words[:40] for _, words in BAD])
def test_what_cannot_work_is_refused_in_the_operators_words(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        config(**changes).validate()
    assert words in str(refusal.value)
