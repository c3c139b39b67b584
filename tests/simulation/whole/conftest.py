"""Simulated clusters with power devices, that end with their test."""

from tests.simulation.whole.powered import make

__all__ = ["make"]
