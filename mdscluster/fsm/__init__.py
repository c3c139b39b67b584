"""The replicated state machine: namespace, layouts and NFSv4.1 client state in LMDB.

Pure and deterministic (INV-8): no clock, no network, no randomness. Time, identity and
everything random reach it as arguments of a command. A refusal is a value; an exception
here is a bug, and stops the node rather than let replicas diverge.
"""
