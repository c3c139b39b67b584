"""Clusters in one process, that end with their test."""

from tests.simulation.fixtures import fast_dir, make_changing, make_cluster, small_batches

__all__ = ["fast_dir", "make_changing", "make_cluster", "small_batches"]
