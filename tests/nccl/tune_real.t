#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune tune over NCCL's cells with the real libnccl on the STAND-IN for CUDA: our profiler plugin tells what NCCL ran.
# Ring and simple only, since no other kernel is emulated; its times say nothing about GPUs.
. "${CT_SRCDIR:?}/tests/tap.sh"
[ -e "$CT_BUILDDIR/tests/nccl/lib/libcuda.so.1" ] || skip_all "configured without libnccl 2.28.9"

# tune ARGUMENT…: of two GPUs, each call's choice kept in $tmp/ran
tune() {
	rm -rf "$tmp/ran"
	mkdir "$tmp/ran"
	run timeout -s KILL 720 env NCCL_TUNER_PLUGIN= CT_FAKE_GPUS=2 COLLTUNE_NCCL_PROFILE="$tmp/ran" \
		NCCL_PROFILER_PLUGIN="$COLLTUNE_MODULE_DIR/libnccl-profiler-colltune.so" \
		"$CT_SRCDIR/tests/nccl/stand-in" "$COLLTUNE" tune "$@" -g 2 --coll nccl --no-model --timeout 300s
}

# ran BYTES: what ran of so many bytes, each once
ran() {
	cat "$tmp"/ran/* | python3 -c 'import json, sys
calls = [json.loads(line) for line in sys.stdin]
print(*sorted({"%s %s %s %s" % (c["coll"], c["algo"], c["proto"], c["channels"]) for c in calls
	if c["kind"] == "collective" and c["bytes"] == int(sys.argv[1])}), sep=", ")' "$1"
}

tune allreduce allgather -b 256K -e 256K --budget 100s --judge -o "$tmp/rules.json"
is "a search: exit status" "$status $(grep -v " warn: " <<< "$err")" "0 "
like "a search: on what" "$out" '^# allreduce, nccl \(NCCL 2\.28\.9; stand-in, no GPU, .*\): 8 settings$'
like "a search: another operation" "$out" '^# allgather, nccl \(.*\): 8 settings$'
is "one communicator ran every cell that it can tell apart: all-reduce" "$(ran 262144)" \
	"allgather ring simple 1, allgather ring simple 2, allreduce ring simple 1, allreduce ring simple 2"
is "what it is told about is one communicator" "$(cat "$tmp"/ran/* | grep -c '"kind":"communicator"')" 2
is "the rules say that nothing of them is a machine's" "$(python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))
print(r["scope"]["emulated"], r["scope"]["libs"], {k for x in r["rules"] for k in x["set"]} <= {"algo", "proto", "channels"})' \
	"$tmp/rules.json")" "True {'nccl': '2.28'} True"

tune allreduce --times -b 256K -e 256K --budget 60s
is "the default alone" "$status $(ran 262144 | grep -o allreduce | wc -l)" "0 1"

# As a search would have written them.
python3 - "$tmp/rules.json" "$tmp" <<- 'EOF'
	import json, sys
	rules = json.load(open(sys.argv[1]))
	for name, algo in ("one", "ring"), ("tree", "tree"):
	    rules["rules"] = [{"coll": "allreduce", "backend": "nccl", "type": "any", "bytes": [262144, 262144],
	        "set": {"algo": algo, "proto": "simple", "channels": 1}}]
	    json.dump(rules, open(f"{sys.argv[2]}/{name}.json", "w"))
EOF
tune --check "$tmp/one.json" --budget 60s
like "--check: the rule's cell beside the default" "$out" '/rules/0 allreduce 262144 B: [0-9.]+ \[[^]]+\] times as fast as the default'
is "--check: exit status" "$status" 0
tune --check "$tmp/tree.json" --budget 60s
is "--check: a cell that is not possible: exit status" "$status" 2
like "--check: a cell that is not possible" "$err" '/rules/0: nccl has no algorithm tree for allreduce here'
COLLTUNE_MACHINE=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["scope"]["machine"])' "$tmp/one.json")
export COLLTUNE_MACHINE
rm -rf "$tmp/ran"
mkdir "$tmp/ran"
run timeout -s KILL 720 env CT_FAKE_GPUS=2 COLLTUNE_NCCL_PROFILE="$tmp/ran" COLLTUNE_RULES="$tmp/one.json" \
	NCCL_PROFILER_PLUGIN="$COLLTUNE_MODULE_DIR/libnccl-profiler-colltune.so" \
	NCCL_TUNER_PLUGIN="$COLLTUNE_MODULE_DIR/libnccl-tuner-colltune.so" \
	"$CT_SRCDIR/tests/nccl/stand-in" "$COLLTUNE" bench allreduce -g 2 --coll nccl -b 256K -e 256K -n 1 --max-iters 2 -w 1 \
	--placement out --timeout 300s
is "a job with the rules runs what they say" "$status $(ran 262144)" "0 allreduce ring simple 1"

run timeout -s KILL 360 env NCCL_TUNER_PLUGIN=none CT_FAKE_GPUS=2 "$CT_SRCDIR/tests/nccl/stand-in" "$COLLTUNE" tune allreduce \
	-g 2 --coll nccl -e 64
is "a plugin that is hidden: exit status" "$status" 3
like "a plugin that is hidden: why" "$err" "NCCL_TUNER_PLUGIN=none hides colltune's tuner plugin"
tap_done
