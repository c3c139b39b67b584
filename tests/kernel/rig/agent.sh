# Runs what the host drops as /rig/jobs/N.sh (N.go says it is complete), each in the background; N.rc is its status.
mkdir -p /rig/jobs; cd /root; n=1
while [ ! -e /rig/jobs/stop ]; do
  if [ -e /rig/jobs/$n.go ]; then
    ( bash /rig/jobs/$n.sh >/rig/jobs/$n.out 2>&1 </dev/null; echo $? >/rig/jobs/$n.tmp; mv /rig/jobs/$n.tmp /rig/jobs/$n.rc ) &
    n=$((n+1))
  else sleep 0.05; fi
done
exit 0
