#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Counters of RDMA ports around real queue pairs: without loss traffic, with one packet in a hundred
# lost what soft RoCE counts of it. Started outside, the test starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --seconds 1200 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/counters.t"
fi
. "${CT_SRCDIR:?}/tests/tap.sh"
plan 12

# counted FILE SIZE SAMPLES: all-reduce of SIZE over verbs, its records in FILE
counted() {
	local file=$1 size=$2 samples=$3
	run timeout 270 "$MPIRUN" --bind-to none -n 2 "$COLLTUNE" bench allreduce --net verbs -b "$size" \
		-e "$size" -n "$samples" --max-iters "$samples" -w 1 --budget 50ms --placement out \
		--timeout 180s --counters --json "$file"
}
# value FILE NAME: of the last point's ports, their sum, which stands before each end's; "none" where
# it is not exposed. (No Python: starting it takes seconds here.)
value() {
	local number
	number=$(tail -n 1 "$1" | grep -o '"counts":{[^}]*}' | head -n 1 | grep -o "\"$2\":[0-9]*") ||
		number=none
	echo "${number##*:}"
}
cd "$tmp" || exit 99

counted clean.jsonl 256K 4
is "without loss: ends well" "$status" 0
like "the line below the row" "$out" \
	'^#   out of place, [0-9]+ samples: RDMA ports, 2 of 2 active used: traffic tx_packets [0-9]+.*; not exposed: mark, CNP, pause; context'
# Each of 4 samples moves 256 KiB each way in packets of 4096 bytes: 512 of data, and what goes with
# them; as much as left one port came to the other but for what was lost. Emulation may stall long
# enough for a timeout, so it is not asked for that nothing was sent again.
ok "without loss: packets sent" test "$(value clean.jsonl tx_packets)" -ge 512
ok "without loss: bytes of the interfaces" test "$(value clean.jsonl net_tx_bytes)" -ge $((8 * 256 * 1024))
# … nor that no queue of the emulated network overran.
ok "without loss: hardly a gap in what came" test "$(value clean.jsonl rx_out_of_sequence)" -le 2
is "what soft RoCE does not have is not 0" \
	"$(value clean.jsonl cnp_tx) $(value clean.jsonl ecn_marked) $(value clean.jsonl tx_bytes)" \
	"none none none"

for port in p1 p2; do
	ip netns exec sw tc qdisc add dev "$port" root netem loss 1%
done
counted lossy.jsonl 512K 8
is "1 % lost: ends well" "$status" 0
is "1 % lost: data are right" "$(awk '$1 == 524288 { print $9 }' <<< "$out")" 0
like "1 % lost: the line says so" "$out" '; loss rx_out_of_sequence [1-9][0-9]*; retransmission .*retries [1-9]'
# 2048 packets of data at least: fewer than 3 of them lost once in three million times.
ok "1 % lost: gaps seen by the receiver" test "$(value lossy.jsonl rx_out_of_sequence)" -gt 2
ok "1 % lost: told to the sender" test "$(value lossy.jsonl seq_naks)" -gt 0
ok "1 % lost: which sent again" test "$(value lossy.jsonl retries)" -gt 0
tap_done
