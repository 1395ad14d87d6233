#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The transport verbs over real queue pairs: two soft RoCE devices in one guest of scripts/testbed.
# Started outside, the test starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --seconds 240 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/verbs.t"
fi
. "$CT_SRCDIR/tests/tap.sh"
plan 17

bench=(timeout 60 "$COLLTUNE" bench)
# ranks N ARGUMENT…: bench by N ranks over verbs
ranks() {
	local n=$1
	shift
	run timeout 90 "$MPIRUN" --bind-to none --oversubscribe -n "$n" "$COLLTUNE" bench "$@" \
		--net verbs -n 3 --budget 100ms --timeout 60s
}
# right NAME ROWS: the last run succeeded, printed ROWS rows, and none of them was wrong
right() {
	is "$1 ends well" "$status" 0
	is "$1: rows, all of them right" "$(awk '$1 ~ /^[0-9]+$/ { n++; bad += $9 != 0 }
		END { print n + 0, bad + 0 }' <<< "$out")" "$2 0"
}
# refused NAME TEXT ARGUMENT…: one line that holds TEXT, exit 3
refused() {
	local name=$1 text=$2
	shift 2
	run "${bench[@]}" allreduce --net verbs "$@"
	is "$name: exit status" "$status" 3
	is "$name: one line" "$(grep -cF "$text" <<< "$err") $(grep -c . <<< "$err")" "1 1"
}
# packets DEVICE: sent so far
packets() {
	cat "/sys/class/infiniband/$1/ports/1/hw_counters/sent_pkts"
}

run timeout 60 "$COLLTUNE" list
like "list shows the row with its device and the reason" "$out" \
	'here: RC over rxe1 port 1, MTU 4096: RoCE v2 GID [0-9]+ ::ffff:10\.2\.0\.1 on e1'

before=$(($(packets rxe1) < $(packets rxe2) ? $(packets rxe1) : $(packets rxe2)))
ranks 2 p2p -b 16 -e 64K -f 4096 --kinds latency,duplex
right "p2p" 4
ranks 2 allreduce -b 8 -e 128K -f 16384
right "allreduce" 2
ranks 2 alltoall -b 8 -e 128K -f 16384
right "alltoall" 2
after=$(($(packets rxe1) < $(packets rxe2) ? $(packets rxe1) : $(packets rxe2)))
ok "the bytes went over both devices" test $((after - before)) -gt 100

# 128 packets a message.
ip netns exec sw tc qdisc add dev p2 root netem loss 1%
ranks 2 allreduce -b 512K -e 512K --ib-port 1
right "allreduce with one packet in a hundred lost" 1
ip netns exec sw tc qdisc del dev p2 root

refused "a wrong GID" 'rxe1 port 1 has no usable GID "77": found 3 GIDs' --ib-dev rxe1 --ib-gid 77
refused "a wrong device" 'found no device "rxe9" on this host; there are: rxe1 rxe2' --ib-dev rxe9
ip link set e2 down
refused "a port that is down" 'rxe2 port 1 is down, needed is PORT_ACTIVE' --ib-dev rxe2
ip link set e2 up
run "${bench[@]}" allreduce --net verbs --ib-gid fd00::1 -e 8 -n 1
is "one rank with an IPv6 GID by address" "$status" 0
tap_done
