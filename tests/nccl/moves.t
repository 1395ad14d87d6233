#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The real libnccl moves data without a GPU: on the STAND-IN for CUDA with an emulator of its ring/simple
# kernels. Every element of every result is compared. Its own transports: p2p and shm within a pretended
# node, sockets between two.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99

# moved NAME NAME=VALUE… -- ARGUMENT…: all calls end well and nothing was wrong; $out has a line per call
moved() {
	local name=$1 variables=()
	shift
	while [ "$1" != -- ]; do
		variables+=("$1")
		shift
	done
	shift
	run timeout -s KILL 720 env NCCL_DEBUG=INFO NCCL_DEBUG_FILE="$tmp/log.%p" "${variables[@]}" \
		"$CT_SRCDIR/tests/nccl/stand-in" "$CT_BUILDDIR/tests/nccl/moves" "$@"
	log=$(cat "$tmp"/log.* 2> /dev/null)
	rm -f "$tmp"/log.*
	is "$name: ends well, no element wrong" "$status $(awk '{ n++; bad += $6 != 0 }
		END { print (n ? bad + 0 : "nothing was called") }' <<< "$out")" "0 0"
	[ "$status" = 0 ] || printf '%s\n' "$out" "$err" | tail -n 20 | sed 's/^/# /'
}

moved "2 ranks in one process" -- 2 1024 16 4096 65536 1048576
is "2 ranks in one process: every operation, type and reduction" "$(awk '{ print $1 }' <<< "$out" | sort |
	uniq -c | awk '{ printf "%s %d ", $2, $1 }')" \
	"allgather 28 allreduce 108 alltoall 14 broadcast 28 reduce 108 reduce_scatter 108 sendrecv 14 "
moved "3 ranks in one process" -- 3 1200
moved "1 rank" -- -q 1 4096
moved "8 ranks in one process" -- -q 8 1024 100000
moved "2 processes" -- -g 1 2 1024 65536 1048576
like "2 processes: p2p carries the data" "$log" 'via P2P/'
moved "2 processes, no p2p" NCCL_P2P_DISABLE=1 -- -q -g 1 2 1024 65536 1048576
like "2 processes, no p2p: shared memory carries the data" "$log" 'via SHM/'
moved "2 nodes of one rank" -- -q -g 1 -n 2 2 1024 65536 1048576
like "2 nodes of one rank: sockets carry the data" "$log" 'via NET/Socket/'
moved "2 nodes of two ranks" -- -q -g 1 -n 2 4 1024 65536
moved "2 nodes of eight ranks, two processes" NCCL_MAX_NCHANNELS=1 -- -q -g 8 -n 2 16 1024 65536
tap_done
