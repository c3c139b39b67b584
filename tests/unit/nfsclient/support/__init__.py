"""Simulated time and scripted servers."""
