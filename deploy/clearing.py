"""What takes things off a host: a script in its folder. A unit that is still enabled comes back with the next boot.

A data server that was removed is refused then, as long as it has its store; with an empty data_dir it would register
itself as a new one, and get files.
"""

from __future__ import annotations

from typing import Final

from deploy import keepalived, spreading, units
from deploy.inventory import Inventory

SCRIPT: Final = "no-longer-wanted"
EVERYTHING: Final = "all"
SPREAD_SYSCTL: Final = "/etc/sysctl.d/91-mdscluster-spread.conf"
KEEPALIVED_CONF: Final = "keepalived.conf"
DROP_IN: Final = "/etc/systemd/system/keepalived.service.d/mdscluster.conf"
NFTABLES_DROP_IN: Final = "/etc/systemd/system/nftables.service.d/mdscluster.conf"
TMPFILES: Final = "/etc/tmpfiles.d/mdscluster.conf"
COMMANDS: Final = "/usr/local/bin"
"""In everybody's PATH: INSTALL.md links the programs there, so that what documents and errors say to type is found."""


def script(inventory: Inventory) -> str:
    """Stops and disables what earlier renderings have put on the host and the script's folder does not have.

    keepalived first: service addresses leave while their server still answers. Configurations, keys and data stay;
    secrets of power devices do not: they are not this cluster's own.
    """
    etc, programs = inventory.install.config_dir, inventory.install.bin_dir
    return f"""\
#!/bin/sh
# Written by `mdsctl deploy render`. Stops and disables what was put on this host before and is not in this folder; with
# the word `{EVERYTHING}`, whatever is. Configurations, keys and data stay where they are.
set -e
case "$#$1" in 0 | 1{EVERYTHING}) ;; *) echo "usage: $0 [{EVERYTHING}]" >&2; exit 2 ;; esac
everything=$1
cd "$(dirname "$0")"

unwanted() {{ # FILE OF THIS FOLDER, WHERE IT WAS PUT
    [ -e "$2" ] && {{ [ -n "$everything" ] || [ ! -e "$1" ]; }}
}}

if unwanted {KEEPALIVED_CONF} {DROP_IN}; then
    echo "no longer wanted: keepalived.service"
    systemctl disable --now keepalived.service
    rm -f {DROP_IN} /etc/keepalived/keepalived.conf {etc}/{keepalived.NOTIFY_SCRIPT}
fi
for unit in /etc/systemd/system/mdscluster-*.service; do
    name=$(basename "$unit")
    if unwanted "$name" "$unit"; then
        echo "no longer wanted: $name"
        systemctl disable --now "$name"
        rm -f "$unit"
    fi
done
if unwanted {units.NFTABLES_DROP_IN} {NFTABLES_DROP_IN}; then
    echo "no longer wanted: {NFTABLES_DROP_IN}"
    rm -f {NFTABLES_DROP_IN}
fi
if unwanted {spreading.SYSCTL_FILE} {SPREAD_SYSCTL}; then
    echo "no longer wanted: {SPREAD_SYSCTL} (what it has set lasts until the next boot)"
    rm -f {SPREAD_SYSCTL} {etc}/{spreading.NFT_FILE}
fi
if unwanted {units.TMPFILES} {TMPFILES}; then
    rm -f {TMPFILES}
fi
for file in {etc}/*/fencing/*.secret; do
    server=$(basename "${{file%/fencing/*}}")
    if unwanted "$server/fencing/$(basename "$file")" "$file"; then
        echo "no longer wanted: $file"
        rm -f "$file"
    fi
done
unlink_unless() {{ # PROGRAM, UNITS OF THIS FOLDER THAT NEED IT
    [ -n "$everything" ] || [ ! -e "$2" ] || return 0
    [ "$(readlink {COMMANDS}/"$1")" = "{programs}/$1" ] || return 0
    rm -f {COMMANDS}/"$1"
}}
unlink_unless mdscluster {units.MDS_UNIT}
unlink_unless dataserver mdscluster-ds-*.service
unlink_unless mdsctl INSTALL.md
systemctl daemon-reload
"""
