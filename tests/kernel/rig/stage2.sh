#!/bin/bash
# Stage 2 (overlay root): network, modules, mounts, then /rig/cmd.sh; power off. /rig is the run folder on the host.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C.UTF-8
up() { read -r a _ </proc/uptime; echo "$1 $a" >>/rig/guest.times; }
up init
. /rig/conf
mount -t tmpfs tmpfs /run; mkdir -p /run/lock /run/rpcbind; mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /dev/shm 2>/dev/null || { mkdir -p /dev/shm; mount -t tmpfs tmpfs /dev/shm; }
mkdir -p /dev/pts; mount -t devpts devpts /dev/pts; ln -sf /proc/self/fd /dev/fd; ln -sf /proc/self/mounts /etc/mtab
hostname "$NAME"; echo "$NAME" >/etc/hostname; echo "127.0.0.1 localhost $NAME" >/etc/hosts
if [ "$ENGINE" = uml ]; then IF=vec0; OUT=/dev/tty1; stty -F $OUT raw -echo 2>/dev/null
else IF=eth0; OUT=$(ls /dev/vport*p* | head -1); fi
ip link set lo up; ip link set $IF address $MAC; ip link set $IF mtu $MTU 2>/dev/null
ip link set $IF up; ip addr add $IP dev $IF
for r in $ROUTES; do ip route add ${r%=*} via ${r#*=}; done
echo "options nfs nfs4_unique_id=$NAME" >/etc/modprobe.d/nfsrig.conf
LAYOUTS="nfs_layout_nfsv41_files nfs_layout_flexfiles"
if [ "$PNFS" = 0 ]; then
  for m in $LAYOUTS blocklayoutdriver; do printf 'blacklist %s\ninstall %s /bin/false\n' $m $m; done >/etc/modprobe.d/nopnfs.conf
  LAYOUTS=
fi
for m in nfs nfsv4 $LAYOUTS; do modprobe $m; done
mount -t rpc_pipefs sunrpc /var/lib/nfs/rpc_pipefs 2>/dev/null; mount -t debugfs d /sys/kernel/debug 2>/dev/null
mount -t tracefs t /sys/kernel/tracing 2>/dev/null
while read -r h g ro; do [ -n "$g" ] || continue; mkdir -p "$g"
  if [ "$ENGINE" = uml ]; then mount -t hostfs -o $ro,$h none "$g"
  else mount -t 9p -o $ro,trans=virtio,version=9p2000.L,msize=262144,cache=mmap "$h" "$g"; fi
done </rig/shares
up net
exec 3>$OUT
bad=
while read -r src dst opts; do [ -n "$dst" ] || continue; mkdir -p "$dst"
  mount -t nfs4 -o "$opts" "$src" "$dst" >&3 2>&1 || { echo "rig: mount $src $dst ($opts) failed: $?" >&3; bad=1; }
done </rig/mounts
up mounted
if [ -n "$bad" ] && [ -z "$KEEP_GOING" ]; then rc=126; else
  echo ready >/rig/ready; cd /root; bash /rig/cmd.sh </dev/null >&3 2>&1; rc=$?; cd /
fi
up done
cat /proc/self/mountstats >/rig/mountstats 2>/dev/null; dmesg >/rig/dmesg 2>/dev/null
echo $rc >/rig/rc; sync -f /rig/rc
timeout 30 umount -a -t nfs4 2>>/rig/umount.err
up umounted
exec 3>&-; umount /rig 2>/dev/null; sync -f /etc 2>/dev/null
echo o >/proc/sysrq-trigger; sleep 30; poweroff -f
