"""Tests with a real Linux kernel client."""
