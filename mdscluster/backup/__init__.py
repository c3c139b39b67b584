"""Backups of the metadata: the state machine's tables at one entry of the log, and nothing of consensus.

:mod:`~mdscluster.backup.dump` writes one, in a process of its own, from the environment of a node that goes on serving;
:mod:`~mdscluster.backup.stream` is the format; :mod:`~mdscluster.backup.restore` makes a new cluster's state of it.
"""
