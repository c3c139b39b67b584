"""Simulated clusters of whole nodes, with power devices and without, that end with their test."""

from tests.simulation.whole.powered import make
from tests.simulation.whole.stage import make_stage

__all__ = ["make", "make_stage"]
