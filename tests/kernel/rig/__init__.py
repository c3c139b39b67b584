"""A real Linux NFS client in a throw-away virtual machine, and what the tests need around it."""
