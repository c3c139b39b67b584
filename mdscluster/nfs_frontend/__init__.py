"""The NFS server of a metadata node: connections, sessions and slots, COMPOUND, callbacks, proxy I/O.

Nothing below ``server.py`` and ``process.py`` opens a socket or reads a clock. What changes state is
proposed to the cluster; what only reads is answered from LMDB behind a read barrier (INV-4).
"""
