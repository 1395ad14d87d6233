#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A link taken down in mid-run over real queue pairs, two rails, unequal MTU: four soft RoCE
# devices in one guest of scripts/testbed. Started outside, the test starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --hosts 4 --seconds 1200 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/rails.t"
fi
. "${CT_SRCDIR:?}/tests/tap.sh"
plan 6

# two DEVS DEVS ARGUMENT…: all-reduce by two ranks, each on its own devices
two() {
	local one=("$COLLTUNE" bench allreduce --net verbs --budget 100ms --timeout 180s "${@:3}")
	run timeout -s KILL 360 "$MPIRUN" --bind-to none --oversubscribe \
		-n 1 -x COLLTUNE_IB_DEV="$1" "${one[@]}" : -n 1 -x COLLTUNE_IB_DEV="$2" "${one[@]}"
}
# right NAME ROWS: the last run succeeded, printed ROWS rows, and none of them was wrong
right() {
	is "$1 ends well" "$status" 0
	is "$1: rows, all of them right" "$(awk '$1 ~ /^[0-9]+$/ { n++; bad += $9 != 0 }
		END { print n + 0, bad + 0 }' <<< "$out")" "$2 0"
}
packets() {
	cat "/sys/class/infiniband/$1/ports/1/hw_counters/sent_pkts"
}
# cut DEVICE PORT N: takes the switch's PORT down once DEVICE has sent N packets from now on. The
# interface itself stays up: with it would go its route, and the kernel would find another way.
cut() {
	local until=$(($(packets "$1") + $3)) looks=600
	while [ "$(packets "$1")" -lt "$until" ] && [ $((looks -= 1)) -gt 0 ]; do
		sleep 0.2
	done
	ip -n sw link set "$2" down
}

ip link set e2 mtu 1500
two rxe1 rxe2 -b 64K -e 64K -n 3
right "unequal MTU" 1
like "the path's MTU and both ends' are told" "$out" 'MTU 1024 \(here 4096, rank 1 1024\)'
ip link set e2 mtu "$(cat /sys/class/net/e1/mtu)"

cut rxe3 p3 200 &
two rxe1,rxe3 rxe2,rxe4 -b 256K -e 256K -n 30 --rail-failover
right "one rail of two lost" 1
like "the lost rail is named" "$err" 'rail rxe3 port 1 to rank 1 is lost, going on over rxe1 port 1.*went down'
wait
ip -n sw link set p3 up

tap_done
