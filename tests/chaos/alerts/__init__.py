"""Alerts that disks, clocks, clients, releases and power devices bring about: of real servers, by a real Prometheus.

What needs nothing but processes that end and start is in tests/chaos/test_monitoring.py. Of the product's rules only
`for` is cut here, as it is up to six hours (how long an alert waits is promtool's to judge); thresholds and windows are
as they are. No alert counts that was there before its trouble. Every test has a cluster of its own; the modules are by
what raises the alerts.

**What is not as it would be**: a slow disk and a wrong clock are so in the eyes of one server (tests/chaos/shim.c), and
the limit of a server's state is lowered (tests/chaos/patches), as nobody fills 205 GiB here. A later release is the
present one under another number.
"""
