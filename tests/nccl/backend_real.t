#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Backend nccl over the real libnccl, on a STAND-IN for CUDA with an emulator of its kernels: data are right.
# Times of such a run mean nothing, and the table's head names the stand-in.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99

# few samples and calls, and no more of them than is asked for; only who hangs needs 100 s
few=(-b 1K -e 256K -f 16 -n 1 --max-iters 2 -w 2 --budget 1ms --coll nccl --timeout 300s)
# right NAME OPERATION OPTION…: ends well, three rows, none of them wrong
right() {
	local name=$1 failed=$tap_failed
	shift
	run timeout -s KILL 900 "$CT_SRCDIR/tests/nccl/stand-in" "$COLLTUNE" bench "$@" "${few[@]}"
	is "$name: rows, all of them right" "$status $(awk '$1 ~ /^[0-9]+$/ { n++; bad += $9 != 0 || $13 + 0 != 0 }
		END { print n + 0, bad + 0 }' <<< "$out")" "0 3 0"
	[ "$tap_failed" = "$failed" ] || printf '%s\n' "$err" "$out" | sed 's/^/# /'
}
for coll in allreduce allgather reduce_scatter broadcast reduce alltoall gather scatter; do
	right "$coll of two GPUs" $coll -g 2
done
like "the head names library and stand-in" "$out" '^#   NCCL 2\.28\.9; stand-in, no GPU'
# more messages at once than a connection has slots
for kind in latency oneway duplex; do
	right "send and receive, $kind, of two GPUs" p2p -g 2 --kinds $kind --window 12
done
right "allreduce of four GPUs" allreduce -g 4
tap_done
