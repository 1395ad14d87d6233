#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two machines of scripts/testbed as two hosts: launching, tcp and verbs between them.
# Started outside, the test starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --guests 2 --hosts 2 --seconds 1500 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/two.t"
fi
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/testbed/words.sh"

run "$MPIRUN" -n 4 hostname
is "mpirun starts ranks on both, in turn" "$status $(sort <<< "$out" | tr '\n' ' ')" \
	"0 testbed1 testbed1 testbed2 testbed2 "
run on testbed2 bash -c 'echo out; echo err >&2; exit 7'
is "the other machine's output and exit status come back" "$status $out $err" "7 out err"

ranks 2 allreduce -b 8 -e 32K -f 4096 --net tcp
right "allreduce over tcp" 2
like "two hosts are seen" "$out" '2 ranks on 2 hosts'
like "tcp takes the interface of the default route" "$out" 'over e0, IPv4'

before=$(counter rxe1 sent_pkts)
each_operation 2 --net verbs --ib-dev rxe1
each_operation 4 --net verbs --ib-dev rxe1
ok "the bytes went over the RDMA device" test $(($(counter rxe1 sent_pkts) - before)) -gt 100

lossy 1 1%
lossy_run "one packet in a hundred lost" 2 --net verbs --ib-dev rxe1
ok "packets were dropped" test "$(tc -s qdisc show dev e1 | awk '$6 == "(dropped" { n += $7 }
	END { print n + 0 }')" -gt 0
plain 1

on testbed2 ip link set e1 mtu 1500
ranks 2 allreduce -b 64K -e 64K --placement out --net verbs --ib-dev rxe1
right "unequal MTU" 1
like "unequal MTU: the smaller is taken and said" "$out" 'MTU 1024 \(here 4096, rank 1 1024\)'
on testbed2 ip link set e1 mtu 4200

run timeout 720 "$MPIRUN" -n 2 "$COLLTUNE" accept --net tcp -e 4K --rounds 1 --no-algorithms \
	--budget 5s --timeout 360s
like "accept ends with a verdict" "$status" '^[015]$'
like "accept: two hosts, alike" "$out" '^environment: all hosts alike'
like "accept: the pair between them was measured" "$out" '^p2p_latency native/tcp .*'

run timeout 600 "$MPIRUN" -n 2 "$COLLTUNE" accept --ib-dev rxe1 --stages environment --timeout 360s
like "accept by itself: verbs between hosts comes first" "$(head -n 1 <<< "$out")" \
	'^environment: native/verbs default: .*rxe1'
like "accept by itself: tcp too" "$out" '^environment: native/tcp default: '

run timeout 180 "$MPIRUN" -n 2 "$COLLTUNE" topo --rails
is "rails of two hosts: alike" "$status $(grep -c '^findings: none$' <<< "$out")" "0 1"
on testbed2 link_down 2
run timeout 180 "$MPIRUN" -n 2 "$COLLTUNE" topo --rails
is "rails of two hosts: one is down, exit status" "$status" 1
like "rails of two hosts: the one that is down" "$(tr -s ' \n' ' ' <<< "$out")" 'testbed2: rail 1, rxe2, is down'
on testbed2 link_up 2

during rxe1 "on testbed2 link_down 1" --ib-dev rxe1 -n 100000000 --budget 3600s --timeout 30s
like "the other host's link taken down in mid-run: status 3 or 4" "$status" '^[34]$'
like "the other host's link taken down in mid-run: named" "$err" \
	'^colltune bench: .*(rxe1 port 1|rank [01]).*'
on testbed2 link_up 1
during rxe2 "link_down 2" --ib-dev "rxe1,rxe2" --rail-failover -n 2000 --budget 5s --timeout 180s
right "one of two rails taken down in mid-run" 1
like "one of two rails taken down in mid-run: named" "$err" 'rail rxe2 port 1 to rank [01] is lost'
tap_done
