"""The guard of a metadata node: a small process of its own that judges the node from outside (docs/adr/0024).

It says to keepalived whether the node may have service addresses, and ends a node that stands still. Nothing here may
need what it guards: it imports little of Python's own library, and nothing of the node's (``pyproject.toml`` holds it
so).
"""
