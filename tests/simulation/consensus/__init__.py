"""Depth consensus: engine, journal, guards and snapshots with a small state machine."""
