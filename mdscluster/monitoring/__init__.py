"""Watching a metadata node: metrics, health and readiness over HTTP (docs/MONITORING.md, docs/adr/0025)."""
