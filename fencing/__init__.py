"""Fencing of metadata servers (STONITH): devices and how they are asked, and when a node may be fenced.

``device``, ``agents`` and ``guard`` ask power devices through the agents of ClusterLabs; ``procedure`` cuts a node's
power and reads it back. ``state`` is what a cluster has decided about its nodes, as pure transitions for a replicated
log; ``suspicion`` and ``policy`` are what a leader and those who carry fencing out decide. Nothing here knows the
metadata server, consensus or NFS (docs/adr/0021).
"""
