#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The transport verbs over simulated InfiniBand, addressed by LID. On soft RoCE: tests/testbed.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/fake/fake.sh"
plan 21

bench=(--net verbs -n 3 --budget 50ms --timeout 180s)
# sent DEVICE: messages so far
sent() {
	ctl list | sed -n "s/^$1:1 .*tx_messages \([0-9]*\).*/\1/p"
}

fabric devices=2
run env LD_PRELOAD="$CT_BUILDDIR/.libs/fakeib.so" "$COLLTUNE" list
like "list shows the device by its LID, and that it is simulated" "$out" \
	'here: RC over fakeib0 port 1, MTU 4096: SIMULATED device, LID 1, 1 of 2 that fit'
for n in 2 4; do
	ranks "$n" bench allreduce -b 8 -e 128K -f 16384 "${bench[@]}"
	right "allreduce, $n ranks" 2
	ranks "$n" bench alltoall -b 64 -e 128K -f 2048 "${bench[@]}"
	right "alltoall, $n ranks" 2
	ranks "$n" bench p2p -b 16 -e 64K -f 4096 --kinds latency,duplex "${bench[@]}"
	right "p2p, $n ranks" 4
done
like "the table's head says that it was simulated" "$out" 'SIMULATED device'
ok "both devices carried messages" test "$(sent fakeib0)" -gt 100 -a "$(sent fakeib1)" -gt 100

# Each side's path MTU must be the smaller one, or long messages are refused.
fabric devices=2 mtu=2048 fakeib1.mtu=1024
ranks 2 bench allreduce -b 128K -e 128K "${bench[@]}"
right "allreduce over ports of unequal MTU" 1
like "the MTU is told" "$out" 'MTU (1024|2048)'

# Two transports at once, with flow labels of our own; by LID alone a class is asked for and none is sent.
fabric devices=2
ranks 3 roce congest --net verbs --ib-flow-seed 7 --background-tc 32 --background-size 16K --size 4K --span 30ms \
	--rounds 2 --pattern incast,alltoall --timeout 180s
is "congest beside a background ends well" "$status" 0
is "congest beside a background: two patterns" \
	"$(grep -cE '^  beside a background of 3 flows, messages of 16K in traffic class 32 \(DSCP 8\): goodput [1-9]' <<< "$out")" 2
like "congest beside a background: what the flows had" "$out" '^alltoall, 6 flows: goodput [1-9]'
tap_done
