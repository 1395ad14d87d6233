#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two machines of scripts/testbed as two hosts: launching, tcp and verbs between them.
# Started outside, the test starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --guests 2 --seconds 400 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/two.t"
fi
. "$CT_SRCDIR/tests/tap.sh"

# ranks N NET COLL ARGUMENT…: bench by N ranks
ranks() {
	local n=$1 net=$2 coll=$3
	shift 3
	run timeout 90 "$MPIRUN" -n "$n" "$COLLTUNE" bench "$coll" --net "$net" -n 3 \
		--budget 100ms --timeout 60s "$@"
}
# right NAME ROWS: the last run succeeded, printed ROWS rows, and none of them was wrong
right() {
	is "$1: exit status, rows, wrong ones" "$status $(awk '$1 ~ /^[0-9]+$/ {
		n++; bad += $9 != 0 } END { print n + 0, bad + 0 }' <<< "$out") ${err:+said: $err}" "0 $2 0 "
}

run "$MPIRUN" -n 4 hostname
is "mpirun starts ranks on both, in turn" "$status $(sort <<< "$out" | tr '\n' ' ')" \
	"0 testbed1 testbed1 testbed2 testbed2 "
run on testbed2 bash -c 'echo out; echo err >&2; exit 7'
is "the other machine's output and exit status come back" "$status $out $err" "7 out err"

ranks 2 tcp allreduce -b 8 -e 32K -f 4096
right "allreduce over tcp" 2
like "two hosts are seen" "$out" '2 ranks on 2 hosts'
like "tcp takes the interface of the default route" "$out" 'over e0, IPv4'

before=$(counter rxe1 sent_pkts)
ranks 2 verbs p2p -b 16 -e 64K -f 4096 --kinds latency,duplex
right "p2p" 4
ranks 2 verbs allreduce -b 8 -e 128K -f 16384
right "allreduce, 2 ranks" 2
ranks 4 verbs alltoall -b 16 -e 128K -f 8192
right "alltoall, 4 ranks" 2
ok "the bytes went over the RDMA device" test $(($(counter rxe1 sent_pkts) - before)) -gt 100

# 128 packets a message and direction.
late=$(on testbed2 cat /sys/class/infiniband/rxe1/ports/1/hw_counters/out_of_seq_request)
lossy 1 1%
ranks 4 verbs allreduce -b 512K -e 512K
right "allreduce with one packet in a hundred lost" 1
late=$(($(on testbed2 cat /sys/class/infiniband/rxe1/ports/1/hw_counters/out_of_seq_request) - late))
ok "the receiver counted packets out of order" test "$late" -gt 0
ok "packets were dropped" test "$(tc -s qdisc show dev e1 | awk '$6 == "(dropped" { n += $7 }
	END { print n + 0 }')" -gt 0
plain 1
tap_done
