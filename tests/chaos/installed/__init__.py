"""An inventory becomes a cluster that serves: rendered, installed by the commands of INSTALL.md, run by a real systemd.

Three machines of namespaces (tests/support/machine.py), each with a metadata and a data server, keepalived, the packet
filter rule, and every unit as it is rendered: what the sandbox forbids, the servers would miss here.

One cluster for all modules (conftest.py), as it takes 10 to 20 s to make. They run in the order of their names, and
each leaves it whole: ``test_confinement`` finds servers that nobody has touched yet, ``test_operation`` ends with the
replicas' agreement after all that was done. Each of them can also be run alone.
"""
