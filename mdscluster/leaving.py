"""How long a node that was asked to stop may take for each step: one after the other, each must have its time.

::

    SIGTERM   the front end: its addresses leave      it tells the log      consensus ends, the front end is collected
    |-------- ADDRESS_MS, at most ---------------|---- PRESENCE_S ----|-- ... --|          ... STOP_S: it gives up
    |-------- FRONT_END_LEAVES_S: consensus goes on, so that both can be done --|          ... its unit's time-out
"""

from __future__ import annotations

from typing import Final

ADDRESS_MS: Final = 500
"""For its service addresses to be elsewhere; keepalived takes 120 ms."""
MOVED_MS: Final = 100
"""Gone from here, an address is elsewhere, and its clients with it, only so much later: another host waits for the skew
time (RFC 5798 §6.1; up to 67 ms as deploy/keepalived.py renders three hosts) before it takes it."""
PRESENCE_S: Final = 0.7
"""For the log to take that this node stops in good order, or the others would have its power cut."""
_SPARE_S: Final = 1.8
"""For tasks to end, and for a loop that is late."""
FRONT_END_LEAVES_S: Final = ADDRESS_MS / 1000 + PRESENCE_S + _SPARE_S
"""So long consensus goes on after SIGTERM, unless the front end has ended before."""
FRONT_END_STOPS_S: Final = 3.0
"""Then a front end that is still there is killed."""
STOP_S: Final = 8.0
"""A node that is still there gives up. Its unit kills it later still (deploy/units.py)."""
