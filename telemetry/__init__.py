"""What both daemons need to be watched: histograms that cost a counter, exposition for Prometheus, a small HTTP server.

Knows nobody: no metadata server, data server, consensus or NFS (docs/adr/0025).
"""
