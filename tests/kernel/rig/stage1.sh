#!/bin/busybox sh
# stage 1 (initramfs): assemble an overlay root and hand over to /rig/init2, written per run by the host
B=/bin/busybox
$B mount -t proc proc /proc; $B mount -t sysfs sys /sys; $B mount -t devtmpfs dev /dev
for a in $($B cat /proc/cmdline); do case $a in rig.*=*) k=${a%%=*}; eval "${k#rig.}='${a#*=}'";; esac; done
for m in $($B cat /mods.list); do $B insmod /mods/$m || echo "insmod $m failed"; done
if [ "$engine" = uml ]; then
  $B mount -t hostfs -o ro,$root none /lower && $B mount -t hostfs -o $work none /work && $B mount -t hostfs -o ro,$mods none /kmods
else
  i=0; while [ ! -e /dev/vda ] && [ $i -lt 50 ]; do $B usleep 100000; i=$((i+1)); done
  $B mount -t ext4 -o ro /dev/vda /lower
  $B mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=none work /work
  $B mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose mods /kmods
fi
$B mount -t tmpfs -o mode=755 tmpfs /ov; $B mkdir /ov/u /ov/w
$B mount -t overlay -o lowerdir=/lower,upperdir=/ov/u,workdir=/ov/w overlay /new || exec $B sh
$B mount --move /work /new/rig; $B mount --move /kmods /new/usr/lib/modules
for d in proc sys dev; do $B mount --move /$d /new/$d; done
exec $B switch_root /new /bin/bash /rig/init2
