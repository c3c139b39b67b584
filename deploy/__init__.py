"""From one inventory to the files of every host (``mdsctl deploy render``, docs/DEPLOY.md, docs/adr/0020).

``inventory`` is what an operator writes, ``reading`` and ``checks`` find what is wrong with it and in which line,
``render`` says what every host gets, ``writing`` puts it on disk as a whole or not at all. Nothing here talks to a
host.
"""
