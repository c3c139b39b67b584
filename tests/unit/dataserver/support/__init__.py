"""A data server in this process, one as a process of its own, a fake MDS, and a client that speaks to them."""
