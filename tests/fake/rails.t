#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The transport verbs over simulated InfiniBand: several queue pairs and rails, connections at first
# use, lost rails, events, errors that come late, bad input.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/fake/fake.sh"
plan 65

bench=(--net verbs -n 3 --budget 30ms --timeout 180s)
rails=(--ib-dev "fakeib0,fakeib1:1")
# all NAME ARGUMENT…: an all-reduce of small and large messages, 3 rows
all() {
	local name=$1
	shift
	ranks 3 bench allreduce -b 8 -e 512K -f 256 "${bench[@]}" "$@"
	right "$name" 3
}
# refused NAME TEXT ARGUMENT…: exit 3 and one line that holds TEXT
refused() {
	local name=$1 text=$2
	shift 2
	ranks 2 bench allreduce -e 8 "${bench[@]}" "$@"
	is "$name: exit status" "$status" 3
	is "$name: one line" "$(grep -cF "$text" <<< "$err")" 1
}

fabric devices=3
all "four queue pairs" --qps 4
like "the head tells the queue pairs" "$out" 'fakeib0 port 1, 4 QPs each, MTU 4096'
all "the least depths" --qps 2 --tx-depth 4 --rx-depth 30
all "rare completions, nothing inline" --cq-mod 100 --tx-depth 512 --rx-depth 500 --inline 0
# lists NAME: messages and calls to the device so far, the largest of all ports
lists() {
	ctl list | sed -n 's/^.* tx_messages \([0-9]*\) .* tx_lists \([0-9]*\) .*/\1 \2/p' | sort -rn |
		head -n 1
}
ranks 2 bench p2p -b 64 -e 64 --kinds oneway "${bench[@]}"
before=$(lists)
ranks 2 bench p2p -b 64 -e 64 --kinds oneway --window 64 -w 50 "${bench[@]}" -n 100 --max-iters 100
right "a window of small messages" 1
after=$(lists)
ok "they go to the device in lists" test $((${after% *} - ${before% *})) -gt \
	$((2 * (${after#* } - ${before#* })))
all "receives shared by all peers" --ib-srq 2 --ib-lazy 0
like "the head tells that they are shared" "$out" 'fakeib0 port 1, 64 shared receives'
# 64 messages of each of three peers at once: more than the pool holds, before their receives are there
ranks 4 bench alltoall -b 16K -e 16K "${bench[@]}" --ib-srq 2 --qps 2 -n 20
right "more messages than shared receives" 1
ranks 2 bench p2p -b 64 -e 4K -f 64 --window 300 "${bench[@]}" --ib-srq 2
right "windows beyond the pool" 6
all "shared, over two rails, at first use" "${rails[@]}" --ib-srq 2 --ib-lazy 2
all "not shared where rails may be lost" "${rails[@]}" --ib-srq 2 --rail-failover
unlike "nothing about shared receives then" "$out" 'shared receives'
all "pools in huge pages" --ib-huge-pages
fabric devices=3 max_srq=0
all "no shared receives in the device" --ib-srq 2
like "it is told why" "$err" 'has no shared receive queue of 64 \(max_srq 0'
fabric devices=3
all "connections at first use" --ib-lazy 2
like "the head tells that they are made at first use" "$out" 'at first use'
all "two rails" "${rails[@]}"
like "the head tells the rails" "$out" 'fakeib0 port 1\+fakeib1:1, MTU 4096: SIMULATED device, rails'
all "with a global route header" --ib-gid 0
all "MTU asked for" --mtu 1024
like "the head tells the MTU" "$out" 'MTU 1024:'

# The small messages' rail, and one that carries parts of large messages only.
fabric devices=2
ctl port fakeib0 down after 200
all "the main rail lost" "${rails[@]}" --rail-failover --qps 2
like "it is told once which rail was lost, and why" "$err" \
	'rail fakeib0 port 1 to rank [0-9] is lost, going on over fakeib1 port 1.*the port went down'
fabric devices=2
ctl port fakeib1 down after 20
ranks 2 bench alltoall -b 256K -e 256K "${bench[@]}" -n 30 "${rails[@]}" --rail-failover
right "the other rail lost" 1
like "that one is told too" "$err" 'rail fakeib1 port 1 to rank [0-9] is lost'
fabric devices=2
ctl fail fakeib0 send 150 12
all "one connection lost without an event" "${rails[@]}" --rail-failover
like "its error is told" "$err" 'is lost, going on.*transport retry counter exceeded \(status 12'

# ends NAME STATUS TEXT: in mid-run, at once, with the reason
ends() {
	ranks 2 bench allreduce -b 8 -e 64K -f 8 "${bench[@]}" -n 100 "${rails[@]}"
	is "$1 ends the job" "$status" "$2"
	like "$1: is told" "$err" "$3"
}
fabric devices=2
ctl port fakeib0 down after 300
ends "a port that goes down" 3 'verbs: fakeib0 port 1: the port went down'
fabric devices=2
ctl lid fakeib0 77 after 300
ends "another LID" 3 'fakeib0 port 1: its LID changed from 1 to 77'
fabric devices=2
ctl qp-fatal fakeib0 after 300
ends "a queue pair that fails" 3 'fakeib0 port 1, to rank [01] \(QP [0-9]+, its [0-9]+\): local work queue'
fabric devices=2
ctl fail any send 300 12
ends "a small message that is lost after it counted as sent" 4 \
	'fakeib0 port 1, to rank [01] .*status 12, vendor syndrome 0xfa0c'

fabric devices=2 max_qp=3 max_qp_wr=200 max_cqe=4000
refused "more queue pairs than the device has" \
	'device fakeib0 has max_qp 3, needed is 16 for 2 ranks' --qps 16 --ib-dev fakeib0
fabric devices=2 max_mr=1
refused "a device without room for registrations" 'fakeib0 cannot register' --ib-dev fakeib0
fabric devices=2 max_qp=3 max_qp_wr=200 max_cqe=4000
refused "more requests than the device holds" 'max_qp_wr 200, needed is 1004' --tx-depth 1000
refused "a device that is not there" 'found no device "fakeib7"' --ib-dev fakeib0,fakeib7
# By the environment of each rank, which mpirun's own words would hide.
run timeout -s KILL 270 "$MPIRUN" --bind-to none --oversubscribe \
	-n 1 -x LD_PRELOAD="$CT_BUILDDIR/.libs/fakeib.so" "$COLLTUNE" bench allreduce -e 8 "${bench[@]}" : \
	-n 1 -x LD_PRELOAD="$CT_BUILDDIR/.libs/fakeib.so" -x COLLTUNE_IB_DEV=fakeib0,fakeib1 \
	"$COLLTUNE" bench allreduce -e 8 "${bench[@]}"
is "peers with different rails: exit status" "$status" 3
like "peers with different rails: are told" "$err" \
	'rank 1 on fakeib0 has rails in --ib-dev 2, this rank on fakeib0 1: give all ranks the same'
tap_done
