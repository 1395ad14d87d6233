#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The transport verbs over real queue pairs: two soft RoCE devices in one guest of scripts/testbed.
# Started outside, the test starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --seconds 1500 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/verbs.t"
fi
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/testbed/words.sh"

bench=(timeout 180 "$COLLTUNE" bench)
# refused NAME TEXT ARGUMENT…: one line that holds TEXT, exit 3
refused() {
	local name=$1 text=$2
	shift 2
	run "${bench[@]}" allreduce --net verbs "$@"
	is "$name: exit status" "$status" 3
	is "$name: one line" "$(grep -cF "$text" <<< "$err") $(grep -c . <<< "$err")" "1 1"
}

run timeout 180 "$COLLTUNE" list
like "list shows the row with its device and the reason" "$out" \
	'here: RC over rxe1 port 1, MTU 4096: RoCE v2 GID [0-9]+ ::ffff:10\.2\.0\.1 on e1'

before=$(counter rxe2 sent_pkts)
each_operation 2 --net verbs
ok "the bytes went over both devices" test $(($(counter rxe2 sent_pkts) - before)) -gt 100
each_operation 4 --net verbs

lossy 2 1%
lossy_run "one packet in a hundred lost" 2 --net verbs --ib-port 1
plain 2

ip link set e2 mtu 1500
ranks 2 allreduce -b 64K -e 64K --placement out --net verbs
right "unequal MTU" 1
like "unequal MTU: the smaller is taken and said" "$out" 'MTU 1024 \(here 4096, rank 1 1024\)'
ip link set e2 mtu "$(cat /sys/class/net/e1/mtu)"

refused "a wrong GID" 'rxe1 port 1 has no usable GID "77": found 3 GIDs' --ib-dev rxe1 --ib-gid 77
refused "a wrong device" 'found no device "rxe9" on this host; there are: rxe1 rxe2' --ib-dev rxe9
link_down 2
refused "a port that is down" 'rxe2 port 1 is down, needed is PORT_ACTIVE' --ib-dev rxe2
link_up 2
run "${bench[@]}" allreduce --net verbs --ib-gid fd00::1 -e 8 -n 1
is "one rank with an IPv6 GID by address" "$status" 0

# peers NAME TEXT FIRST SECOND: rank 0 has option FIRST, rank 1 SECOND
peers() {
	local each=("$COLLTUNE" bench allreduce --net verbs -b 64 -e 64 -n 3 --budget 50ms)
	run timeout 360 "$MPIRUN" --bind-to none --oversubscribe -n 1 "${each[@]}" "$3" : \
		-n 1 "${each[@]}" "$4"
	is "$1: exit status" "$status" 3
	like "$1: named" "$err" "^colltune bench: $2"
}
# limits do not bind who has CAP_IPC_LOCK
run timeout 360 "$MPIRUN" --bind-to none --oversubscribe -n 2 \
	setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock bash -c \
	"ulimit -l 64; exec $COLLTUNE bench allreduce --net verbs -b 64 -e 64 -n 3"
is "too little locked memory: exit status" "$status" 3
like "too little locked memory: device, found, needed" "$err" \
	'^colltune bench: verbs: rxe1 cannot register .* limit of locked memory is 65536 bytes, needed is more'
peers "peers with GIDs of different families" \
	'verbs: rank 1 has an IPv6 GID \(rxe1\), this rank an IPv4 GID \(rxe1\)' \
	--ib-gid=10.2.0.1 --ib-gid=fd00::1
peers "peers with different options" 'rank 1 was started with --qps 2, rank 0 with 1' --qps=1 --qps=2

during rxe2 "link_down 2" -n 100000000 --budget 3600s --timeout 30s
like "a link taken down in mid-run: ends with status 3 or 4" "$status" '^[34]$'
like "a link taken down in mid-run: device or peer are named" "$err" \
	'^colltune bench: .*(rxe[12] port 1|rank [01]).*'
link_up 2

ip addr flush dev e2 scope global
refused "no RoCE v2 GID that can be routed" 'rxe2 port 1 has no routable RoCE v2 GID: found 1 GIDs' \
	--ib-dev rxe2
tap_done
