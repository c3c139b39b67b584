"""Fencing of failed nodes (STONITH). Nothing of it is built yet; see docs/ARCHITECTURE.md."""
