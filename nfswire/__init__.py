"""What both servers and the client speak: XDR (RFC 4506), ONC RPC (RFC 5531), NFSv4.1 and 4.2. No I/O in here."""
