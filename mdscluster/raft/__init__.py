"""Consensus: a log of commands, the same on every node, acknowledged only when a quorum holds it durably.

``engine`` drives pysyncobj over ``journal`` (LMDB) behind ``guards`` (what pysyncobj 0.3.17 gets wrong);
``proposals`` and ``readindex`` are exactly-once forwarding and linearizable reads. None of them knows a
socket or a clock. ``transport``, ``local``, ``snapshot`` and ``process`` are the shell around them.
"""
