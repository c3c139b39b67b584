"""Everything in one process: consensus, state machine, front ends, the leader's jobs, data servers and clients."""
