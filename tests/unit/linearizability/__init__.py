"""The linearizability checker judged: by a naive search, by small servers, by wrong histories of every kind."""
