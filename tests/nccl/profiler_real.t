#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The profiler plugin inside the real libnccl, on a STAND-IN for CUDA (tests/fake/cuda): its times are those of
# the emulator and say nothing about GPUs. What it tells of each collective is so, and a rank that was made
# to come late is named.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99

profiled() {
	mkdir "$tmp/$1"
	run timeout -s KILL 720 env NCCL_PROFILER_PLUGIN="$COLLTUNE_MODULE_DIR/libnccl-profiler-colltune.so" \
		COLLTUNE_NCCL_PROFILE="$tmp/$1" NCCL_DEBUG=INFO NCCL_DEBUG_SUBSYS=PROFILE \
		NCCL_DEBUG_FILE="$tmp/log" "$CT_SRCDIR/tests/nccl/stand-in" \
		"$CT_BUILDDIR/tests/nccl/moves" "${@:2}"
}

profiled all -g 1 4 4096 65536
is "four ranks: data are right" "$status $(awk '{ bad += $6 } END { print bad + 0 }' <<< "$out")" "0 0"
calls=$(awk '$1 !~ /^(alltoall|sendrecv)$/' <<< "$out" | wc -l)
is "four ranks: a file each, for its owner only" "$(stat -c %a "$tmp"/all/nccl-*.jsonl | tr '\n' ' ')" \
	"600 600 600 600 "
is "four ranks: every collective of each is there" \
	"$(cat "$tmp"/all/*.jsonl | grep -c '"kind":"collective"')" $((4 * calls))
# 2.28.9 has no name for uint8, so its size is not known
is "bytes, type, algorithm and protocol are those of the calls" \
	"$(sed -n 's/.*"coll":"allreduce".*"type":"\([^"]*\)","algo":"ring","proto":"simple".*"bytes":\([0-9]*\).*/\1 \2/p' \
		"$tmp"/all/nccl-*-0-*.jsonl | sort | uniq -c)" \
	"$(awk '$1 == "allreduce" { print $2 == "uint8" ? "unknown " : $2 " " $4 }' <<< "$out" | sort | uniq -c)"
# NCCL tells of a kernel's end from its proxy thread, the last one's perhaps after the communicator's end
timed=$(cat "$tmp"/all/*.jsonl | grep -c '"kind":"collective".*"kernel_ns":[0-9]')
ok "four ranks: with their kernels' times, but for one a rank at most" [ "$timed" -ge $((4 * calls - 4)) ]
like "a line in NCCL's log" "$(cat "$tmp/log")" 'PROFILER/colltune: rank [0-3]: [0-9]+ collectives, of [0-9]+ of them'
run "$COLLTUNE" nccl "$tmp/all"
is "colltune nccl reads them" "$status $err" "0 "

profiled late -q -g 1 -l 2 -i 20 3 65536
is "rank 2 of 3 late: data are right" "$status" 0
run "$COLLTUNE" nccl "$tmp/late"
like "rank 2 of 3 late: it is named" "$out" '^straggler: rank 2 of communicator [0-9a-f]{16} '
is "rank 2 of 3 late: and no other" "$(grep -c '^straggler' <<< "$out")" 1
tap_done
