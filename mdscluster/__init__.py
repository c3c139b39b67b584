"""The replicated metadata server: a Raft state machine that speaks NFSv4.1 and 4.2."""
