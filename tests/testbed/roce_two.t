#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two machines of scripts/testbed as two hosts: from one mpirun colltune roce check finds another MTU, another ToS
# (DSCP) of the connection manager and other GIDs, and says on which host; marks at the end where they are made and
# at the end where they come. Started outside, it starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --guests 2 --seconds 1500 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/roce_two.t"
fi
. "${CT_SRCDIR:?}/tests/tap.sh"
plan 26
cd "$tmp" || exit 99
# both RANKS… of roce: a rank on each host; $all is what it printed, in one line
both() {
	run timeout 720 "$MPIRUN" -n 2 "$COLLTUNE" roce "$@" --timeout 600s
	all=$(tr -s '\n ' ' ' <<< "$out")
}

both check
is "two hosts alike: exit status" "$status" 0
like "two hosts alike" "$out" '^2 hosts, 0 warnings'
unlike "two hosts alike: nothing differs" "$out" 'hosts-differ'

on testbed2 ip link set e1 mtu 1500
on testbed2 ip addr add 10.2.77.7/24 dev e1
tos=/sys/kernel/config/rdma_cm/rxe1
on testbed1 mkdir -p "$tos"
on testbed2 mkdir -p "$tos"
on testbed1 bash -c "echo 104 > $tos/ports/1/default_roce_tos"
on testbed2 bash -c "echo 96 > $tos/ports/1/default_roce_tos"
both check
is "unequal hosts: exit status" "$status" 1
like "unequal MTU of the interface" "$all" \
	'\(hosts-differ\): rxe1: mtu: testbed1 has 4200, testbed2 has 1500; no value has a majority'
like "unequal MTU of RDMA" "$all" 'rxe1: rdma_mtu: testbed1 has 4096, testbed2 has 1024'
like "unequal ToS, as DSCP 26 and 24" "$all" 'rxe1: cm_tos: testbed1 has 104, testbed2 has 96'
like "unequal GIDs" "$all" 'rxe1: gids: testbed1 has [^;]*, testbed2 has [^;]*; no value has a majority'
is "unequal hosts: nothing else differs" "$(grep -o '(hosts-differ)' <<< "$all" | wc -l)" 4
on testbed2 ip link set e1 mtu 4200
on testbed2 ip addr del 10.2.77.7/24 dev e1
on testbed2 rmdir "$tos"
on testbed1 rmdir "$tos"

ecn 1 20mbit
both check --traffic --net verbs --ib-tc 106 --size 16K --span 1s
is "traffic: counted at each host" \
	"$(grep -cE '^  traffic: rxe1: left on priorities not exposed; tx_packets [1-9]' <<< "$out")" 2
ours=${all#*host testbed1*} ours=${ours%%host testbed2*} theirs=${all#*host testbed2}
like "marks: where they are made, by tc's own count" "$ours" \
	'\(ce-marks\): rxe1 port 1: the queue of e1 here \(red\) marked [1-9][0-9]* of the packets'
like "marks: where they come" "$theirs" \
	'\(ce-marks\): [1-9][0-9]* packets came with a congestion mark \(IpExtInCEPkts\); marks and notifications of the RDMA devices are not exposed'
unlike "marks: not made at the other host" "$theirs" 'the queue of e1 here'
like "soft RoCE has no notifications" "$all" 'ecn_marked not exposed, cnp_tx not exposed, cnp_rx not exposed'
like "whose traffic class was tried" "$all" \
	"colltune \\(--ib-tc\\) 106, DSCP 26, priority not exposed; UCX \\(UCX's default on RoCE\\) 106, .*; NCCL \\(NCCL's default\\) 0, DSCP 0"
plain 1

# What each library's packets leave with: ours as --ib-tc says, UCX's as it was told. tc here counts and rewrites
# what UCX sends, which is IPv6; nobody touches what the other host sends.
for at in /sys/class/infiniband/rxe1/ports/1/gids/*; do
	if grep -q ^fd00: "$at" 2> /dev/null; then
		break
	fi
done
# ride VARIABLE=VALUE: check --traffic with MPI's messages over UCX on the same devices
ride() {
	UCX_NET_DEVICES=rxe1:1 UCX_TLS=rc_verbs,ud_verbs,self UCX_IB_GID_INDEX=${at##*/} run timeout 720 "$MPIRUN" -n 2 \
		--mca pml ucx -x UCX_NET_DEVICES -x UCX_TLS -x UCX_IB_GID_INDEX -x "$1" "$COLLTUNE" roce check \
		--traffic --net verbs --ib-tc 106 --size 16K --span 200ms --timeout 600s --json ride.json
	all=$(tr -s '\n ' ' ' <<< "$out")
	ours=${all#*host testbed1*} ours=${ours%%host testbed2*} theirs=${all#*host testbed2}
}
# left DSCP: packets of the library mpi that left this host with DSCP, as colltune saw them
left() {
	python3 -c 'import json, sys
p = json.load(open("ride.json"))["hosts"][0]["ports"][0]
print([r["packets_of_dscp"].get(sys.argv[1], 0) for r in p["rides"] if r["who"] == "mpi"][0])' "$1"
}
tc qdisc add dev e1 clsact
tc filter add dev e1 egress protocol ipv6 prio 1 flower ip_proto udp dst_port 4791 ip_tos 0/0xfc action continue
ride UCX_IB_TRAFFIC_CLASS=0
like "UCX told class 0: rode on DSCP 0" "$ours" \
	'rxe1: mpi \([^)]*pml ucx\) rode on DSCP 0 \(100 %\); priority not exposed; told 0, DSCP 0, by UCX_IB_TRAFFIC_CLASS'
like "UCX told class 0: what differs from the contract" "$ours" \
	'advice \(library-contract\): rxe1 port 1: mpi: 100 % of [0-9]+ packets left with DSCP 0; the contract has DSCP 26'
like "our own flows beside it" "$ours" 'rxe1: native \([^)]*\) rode on .*DSCP 26 \((9.|100) %\);[^;]*; told 106, DSCP 26, by --ib-tc'
unlike "it left as it was told" "$all" 'mpi was told'
counted=$(tc -s filter show dev e1 egress | awk '$1 == "Sent" { n += $4 } END { print n + 0 }')
ok "no more packets than tc counted with DSCP 0" test "$(left 0)" -gt 0 -a "$(left 0)" -le "$counted"
tc filter del dev e1 egress
tc filter add dev e1 egress protocol ipv6 prio 1 flower ip_proto udp dst_port 4791 \
	action pedit ex munge ip6 traffic_class set 32
ride UCX_IB_TRAFFIC_CLASS=auto
like "rewritten on its way out: named" "$ours" \
	"warning \\(library-told\\): rxe1 port 1: mpi was told traffic class 106 \\(DSCP 26, by UCX's default on RoCE\\), but 100 % of [0-9]+ packets left with DSCP 8"
like "not rewritten at the other host" "$theirs" 'rxe1: mpi \([^)]*pml ucx\) rode on DSCP 26 \(100 %\)'
unlike "not rewritten at the other host: nothing is found" "$theirs" 'library-'
tc qdisc del dev e1 clsact
like "a library that is not there" "$all" 'not proved: nccl: '

both watch --interval 1s --duration 2s
is "watch: a port of each host" "$(grep -oE 'testbed[12] rxe1:1 ' <<< "$out" | sort -u | tr -d '\n')" \
	"testbed1 rxe1:1 testbed2 rxe1:1 "
run timeout 600 "$MPIRUN" -n 4 "$COLLTUNE" roce congest --net verbs --ib-tc 106 --size 4K --span 500ms --rounds 1 \
	--pattern incast --timeout 720s
like "congest between two hosts" "$out" '^incast, 2 flows: goodput [1-9][0-9.]* .?B/s'
tap_done
