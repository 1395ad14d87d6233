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
# a send and a receive a rank of each exchange in a ring, as many as ranks of each all-to-all
pairs=$((4 * ($(grep -c '^sendrecv' <<< "$out") + 4 * $(grep -c '^alltoall' <<< "$out"))))
is "four ranks: every send and receive too" "$(cat "$tmp"/all/*.jsonl | grep -c '"coll":"send"') $(cat "$tmp"/all/*.jsonl |
	grep -c '"coll":"recv"')" "$pairs $pairs"
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

# The whole loop: a job as it is, one with other rules, rules made from both, a job that obeys them. The times
# are planted, since the emulator's mean nothing: one channel is twice as fast for all-reduce alone. What ran is
# NCCL's word.
bytes=262144
# ran JOB: what NCCL says that it ran, by operation
ran() {
	sed -n 's/.*"coll":"\([^"]*\)".*"algo":"\([^"]*\)","proto":"\([^"]*\)","channels":\([0-9]*\),.*/\1 \2 \3 \4/p' \
		"$tmp/$1"/*.jsonl | sort -u
}
# looped JOB WORDS…: profiled, with our tuner plugin
looped() { NCCL_TUNER_PLUGIN="$COLLTUNE_MODULE_DIR/libnccl-tuner-colltune.so" profiled "$1" -q -g 1 "${@:2}" 2 $bytes; }
looped as-is -i 16
python3 - "$tmp" $bytes <<- 'EOF'
	import glob, json, sys
	folder, size = sys.argv[1], int(sys.argv[2])
	head = json.loads(open(glob.glob(folder + "/as-is/*.jsonl")[0]).readline())
	json.dump({"schema": "colltune-rules/1", "scope": {"machine": "sha256:" + "0" * 64,
	    "fingerprint": head["fingerprint"], "nodes": [1, 1], "ranks_per_node": [2, 2]},
	    "rules": [{"coll": coll, "backend": "nccl", "type": "any", "bytes": [size, size], "set": {"algo": "ring",
	    "proto": "simple", "channels": 1}} for coll in ("allreduce", "reduce")]}, open(folder + "/other.json", "w"))
EOF
chmod 600 "$tmp/other.json"
COLLTUNE_RULES=$tmp/other.json looped other -i 16
is "the jobs ran all-reduce and reduce otherwise" "$(diff <(ran as-is) <(ran other) | grep '^>' | paste -sd,)" \
	"> allreduce ring simple 1,> reduce ring simple 1"
python3 - "$tmp" <<- 'EOF'
	import glob, json, sys
	for path in glob.glob(sys.argv[1] + "/as-is/*.jsonl") + glob.glob(sys.argv[1] + "/other/*.jsonl"):
	    lines = [json.loads(line) for line in open(path)]
	    for n, call in enumerate(lines[1:]):
	        fast = call["coll"] == "allreduce" and call["channels"] == 1
	        call["start_ns"], call["kernel_ns"] = n, (100000 if fast else 200000) + 100 * (n % 7)
	    open(path, "w").writelines(json.dumps(line, separators=",:") + "\n" for line in lines)
EOF
run "$COLLTUNE" nccl "$tmp/as-is" "$tmp/other" -o "$tmp/made.json"
like "rules are made of both jobs" "$out" \
	'^rule: allreduce from 256K to 256K: ring/simple, 1 channels: (2\.00|1\.99) times as fast as NCCL.s own choice'
is "for all-reduce alone" "$status $(grep -c '^rule' <<< "$out")" "0 1"
like "they are marked: this is a stand-in" "$(cat "$tmp/made.json")" '"emulated": true'
COLLTUNE_RULES=$tmp/made.json looped ruled
is "a job obeys them: NCCL ran the rule, the rest as before" "$(diff <(ran as-is) <(ran ruled) | grep '^>')" \
	"> allreduce ring simple 1"
tap_done
