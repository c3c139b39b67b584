"""Messages between the processes, generated from ``proto/*.proto`` by ``./run proto``; do not edit ``*_pb2*``.

:mod:`mdsproto.credentials`, written by hand, is the one place that turns certificate files into
gRPC credentials and a caller's certificate into its identity; metadata and data servers share it.
"""
