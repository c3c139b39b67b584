"""Helpers shared by tests, benchmarks and the kernel rig."""
