#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Backend nccl over the real libnccl, on a STAND-IN for CUDA with an emulator of its kernels: data are right.
# Times of such a run mean nothing, and the table's head names the stand-in.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99

# right NAME ROWS COMMAND…: ends well, ROWS rows, none of them wrong
right() {
	local name=$1 rows=$2
	shift 2
	run timeout -s KILL 120 "$@"
	is "$name: rows, all of them right" "$status $(awk '$1 ~ /^[0-9]+$/ { n++; bad += $9 != 0 || $13 + 0 != 0 }
		END { print n + 0, bad + 0 }' <<< "$out")" "0 $rows 0"
	[ "$status" = 0 ] || printf '%s\n' "$err" | sed 's/^/# /'
}
bench=("$COLLTUNE" bench)
# few samples, and no more than is asked for
few=(-b 1K -e 256K -f 16 -n 2 --budget 50ms --coll nccl --timeout 60s)
for coll in allreduce allgather reduce_scatter broadcast reduce alltoall; do
	right "$coll of two GPUs" 3 "$CT_SRCDIR/tests/nccl/stand-in" "${bench[@]}" $coll -g 2 "${few[@]}"
done
right "send and receive: three patterns of two GPUs" 9 "$CT_SRCDIR/tests/nccl/stand-in" "${bench[@]}" p2p -g 2 "${few[@]}"
like "the head names library and stand-in" "$out" '^#   NCCL 2\.28\.9; stand-in, no GPU'
right "allreduce of four GPUs" 3 "$CT_SRCDIR/tests/nccl/stand-in" "${bench[@]}" allreduce -g 4 "${few[@]}"
tap_done
