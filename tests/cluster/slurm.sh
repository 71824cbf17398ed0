#!/usr/bin/env bash
# A Slurm of one node on this machine, for tests: `slurm.sh start DIR` and `slurm.sh stop DIR`. Needs root, and Debian's packages, which it
# installs if they are missing. Configuration, state and logs lie in DIR; `export SLURM_CONF=DIR/slurm.conf` before any Slurm command.
set -euo pipefail
action="${1:?start or stop}" dir="$(realpath -m "${2:?a folder}")"

stop() {
    for daemon in slurmd slurmctld munged; do
        if [ -f "$dir/$daemon.pid" ]; then kill "$(cat "$dir/$daemon.pid")" 2>/dev/null || true; fi
    done
}

if [ "$action" = stop ]; then
    stop
    exit
fi

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends slurm-wlm munge
fi
mkdir -p "$dir/state" "$dir/spool"
cores="$(nproc)" host="$(hostname -s)"
cat >"$dir/slurm.conf" <<CONF
ClusterName=starling
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
SlurmctldPort=${SLURM_TEST_PORT:-16817}
SlurmdPort=$((${SLURM_TEST_PORT:-16817} + 1))
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
ReturnToService=2
KillWait=10
MinJobAge=2
OverTimeLimit=0
MpiDefault=none
SwitchType=switch/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF

# A munged of our own, as root, beside the machine's.
[ -f "$dir/munge.key" ] || (umask 077 && dd if=/dev/urandom of="$dir/munge.key" bs=1024 count=1 status=none)
munged --force --socket="$dir/munge.socket" --key-file="$dir/munge.key" --pid-file="$dir/munged.pid" \
    --log-file="$dir/munged.log" --seed-file="$dir/munge.seed" 2>>"$dir/munged.log"
export SLURM_CONF="$dir/slurm.conf"
slurmctld -c
slurmd
for _ in $(seq 100); do
    if [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ]; then
        sinfo
        exit
    fi
    sleep 0.3
done
echo "slurm does not come up; the ends of its logs:" >&2
tail -5 "$dir"/*.log >&2
exit 1
