"""Faults on real processes, and what must hold afterwards."""
