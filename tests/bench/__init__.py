"""Benchmarks: side by side with NFS-Ganesha."""
