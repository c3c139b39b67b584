"""The control plane of a metadata node: data servers, leases, recalls, fences, deletions.

Whatever these jobs decide is committed as a command of the state machine; what a node keeps in memory
(when it last heard of whom) is only the ground for proposing one.
"""
