#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What the backend tells of the real libnccl's choices, on a STAND-IN for CUDA (tests/fake/cuda): records and
# --explain. Choices are NCCL's for the pretended GPUs, times mean nothing.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99

few=(-n 1 --max-iters 1 --budget 1ms -w 1 --coll nccl --timeout 180s)
# bench NAME=VALUE… -- WORDS…: with the emulator of kernels, ring and simple only, two GPUs
bench() {
	variables_and_words "$@"
	run timeout -s KILL 720 env NCCL_PROFILER_PLUGIN= NCCL_TUNER_PLUGIN= "${variables[@]}" \
		"$CT_SRCDIR/tests/nccl/stand-in" "$COLLTUNE" bench "${words[@]}" "${few[@]}"
}

for coll in allreduce allgather reduce_scatter broadcast reduce; do
	bench -- $coll -g 2 -b 1K -e 1M -f 1024 --json "$tmp/$coll.jsonl"
	is "$coll: data are right, each record tells the choice" "$status $(grep -c '"chosen":"ring simple, [12] channels*"' \
		"$tmp/$coll.jsonl")" "0 $(grep -c '"kind":"point"' "$tmp/$coll.jsonl")"
done
is "many bytes: both channels that NCCL may use" "$(grep '"bytes":1048576' "$tmp/allreduce.jsonl" |
	grep -o '"chosen":"[^"]*"' | sort -u)" '"chosen":"ring simple, 2 channels"'
# Two points of three calls or more each, of which every rank tells one.
bench NCCL_DEBUG=INFO NCCL_DEBUG_SUBSYS=PROFILE NCCL_DEBUG_FILE="$tmp/profile.log" -- reduce -g 2 -b 1K -e 1K
is "the profiler is asked in the first call only" "$(grep -c 'PROFILER/colltune: rank [01]: 2 collectives' \
	"$tmp/profile.log")" 2
bench -- alltoall -g 2 -b 1K -e 1K --json "$tmp/alltoall.jsonl"
unlike "send and receive: no choice is told" "$(cat "$tmp/alltoall.jsonl")" '"chosen":"[a-z]'
bench NCCL_PROFILER_PLUGIN=none -- allreduce -g 2 -b 1K -e 1K --json "$tmp/none.jsonl"
unlike "no profiler plugin is wanted: none is told" "$status $(cat "$tmp/none.jsonl")" '"chosen":"[a-z]'
is "no profiler plugin is wanted: exit status" "$status" 0

# The ways: not p2p nor shared memory, so a NIC; and a file of variables.
printf 'NCCL_BUFFSIZE=2097152\nNCCL_MAX_NCHANNELS=1\n' > "$tmp/nccl.conf"
bench NCCL_CONF_FILE="$tmp/nccl.conf" NCCL_P2P_DISABLE=1 NCCL_SHM_DISABLE=1 -- allreduce -g 2 -b 64K -e 64K --explain
is "--explain: exit status" "$status" 0
like "it is labelled" "$out" '^# EMULATED: no GPU'
like "what ran" "$out" '^#   NCCL ran:   ring simple, [12] channels*$'
like "what was predicted" "$out" '^#   predicted:  ring/simple [0-9.]+ us'
like "no rules" "$out" '^#   our rules:  no file'
like "the channel goes by a NIC" "$out" '^#   channel 0: NET/Socket/0 \([1-9]'
like "which NIC" "$out" '^#   NET/Socket/0 = lo:127\.0\.0\.1'
like "GPUDirect: nobody claims it" "$out" '^# GPUDirect RDMA: off, NCCL chose it for none of [1-9]'
like "a variable of the environment" "$out" '^#   NCCL_P2P_DISABLE=1: environment$'
like "a variable of a file" "$out" "^#   NCCL_BUFFSIZE=2097152: $tmp/nccl.conf\$"
like "a variable of both" "$out" "^#   NCCL_MAX_NCHANNELS=2: environment, before $tmp/nccl.conf\$"
like "a variable of ours" "$out" '^#   NCCL_TUNER_PLUGIN: colltune, for this run$'
like "a default" "$out" '^#   NCCL_IB_TIMEOUT: not set; default \(2\.28\): 20$'
bench NCCL_DEBUG=WARN -- allreduce -g 2 -b 64K -e 64K --explain
like "NCCL's log is the user's: it says so" "$out" '^# ways of the channels.*not told, NCCL.s log is yours'

# Staged through the host: a run that says so, with made-up times.
one=(allreduce -g 2 -b 64K -e 64K --placement out)
bench NCCL_NET_GDR_LEVEL=LOC NCCL_P2P_DISABLE=1 NCCL_SHM_DISABLE=1 -- "${one[@]}" --json "$tmp/staged.jsonl"
like "the record has the variable and its origin" "$(head -n 1 "$tmp/staged.jsonl")" \
	'"NCCL_NET_GDR_LEVEL":\{"value":"LOC","origin":"environment"\}'
# made NS: staged.jsonl as if its point had always taken NS
made() {
	python3 - "$tmp/staged.jsonl" "$tmp/made.jsonl" "$1" <<- 'EOF'
		import json, sys
		source, target, ns = sys.argv[1:]
		head, point = map(json.loads, open(source))
		for key in ("median", "low", "high", "min", "max", "mean", "p50", "p95", "p99"):
		    point[key + "_ns"] = int(ns)
		point["samples_ns"] = [int(ns)] * point["samples"]
		with open(target, "w") as out:
		    print(json.dumps(head), json.dumps(point), sep="\n", file=out)
	EOF
	bench NCCL_P2P_DISABLE=1 NCCL_SHM_DISABLE=1 -- "${one[@]}" --explain --staged "$tmp/made.jsonl"
}
made 1000000000000000
like "staged was slower: it is on" "$out" '^#   allreduce, 64K bytes: .*faster: GPUDirect RDMA is really on$'
made 1
like "staged was faster: it is a loss" "$out" '^#   allreduce, 64K bytes: .*slower: GPUDirect RDMA is on, and a loss here$'
bench NCCL_NET_GDR_LEVEL=0 -- "${one[@]}" --explain --staged "$tmp/staged.jsonl"
is "this run is staged too: exit status, lines" "$status $(grep -c "^colltune bench" <<< "$err")" "2 1"
bench -- "${one[@]}" --explain --staged "$tmp/allreduce.jsonl"
is "that run was not staged: exit status" "$status" 2
like "that run was not staged: why" "$err" 'had not NCCL_NET_GDR_LEVEL=LOC'
bench -- "${one[@]}" --explain --staged "$tmp/none.jsonl.gz"
is "no such file: exit status" "$status" 3

# Kernels that do nothing, so that NCCL may choose anything, on the HGX machine.
mkdir "$tmp/lib"
ln -s "$CT_BUILDDIR/.libs/fakecuda.so" "$tmp/lib/libnvidia-ml.so.1"
ln -s "$CT_BUILDDIR/.libs/fakecuda.so" "$tmp/lib/libcuda.so.1"
nccl=$(sed -n 's/^NCCL_LIBDIR = //p' "$CT_BUILDDIR/Makefile")
"$COLLTUNE" topo --load "$CT_SRCDIR/topo/machines/hgx-h100-8rail.json" --nccl-xml "$tmp/hgx.xml" > /dev/null
busids=$(sed -n '/class="0x030200"/s/.*busid="\([^"]*\)".*/\1/p' "$tmp/hgx.xml" | paste -sd,)
here=$(printf 'sha256:%064d' 1)
cat > "$tmp/rules.json" <<- EOF
	{"schema": "colltune-rules/1", "scope": {"machine": "$here", "nodes": [1, 1], "ranks_per_node": [2, 2],
	"libs": {"nccl": "2.28"}}, "rules": [{"coll": "allreduce", "backend": "nccl", "type": "any",
	"bytes": [0, 1048576], "set": {"algo": "tree", "proto": "simple", "channels": 1}}]}
EOF
chmod 600 "$tmp/rules.json"
# choose NAME=VALUE… -- WORDS…
choose() {
	variables_and_words "$@"
	run timeout -s KILL 720 env CT_FAKE_KERNELS=0 CT_FAKE_GPUS=8 CT_FAKE_BUSIDS="$busids" \
		NCCL_TOPO_FILE="$tmp/hgx.xml" NCCL_MAX_NCHANNELS=4 NCCL_NET_PLUGIN=none NCCL_SOCKET_IFNAME=lo NCCL_IB_DISABLE=1 \
		LD_LIBRARY_PATH="$tmp/lib" LD_PRELOAD="$CT_BUILDDIR/.libs/fakecuda.so:$nccl/libnccl.so.2" \
		NCCL_CONF_FILE=/dev/null COLLTUNE_MACHINE="$here" "${variables[@]}" \
		"$COLLTUNE" bench "${words[@]}" "${few[@]}" -c 0
	ran=$(sed -n 's/^#   NCCL ran:   //p' <<< "$out")
	first=$(sed -En 's/^#   predicted:  ([a-z_]*)\/([a-z0-9]*) .*/\1 \2/p' <<< "$out")
	ruled=$(sed -n 's/^#   our rules:  //p' <<< "$out")
}
sizes=(-b 64K -e 4M -f 64 --placement out)
choose -- allreduce -g 2 "${sizes[@]}" --explain --rules "$tmp/rules.json"
is "any algorithm: exit status" "$status" 0
is "NCCL takes what it predicts to be the fastest" "$(cut -d, -f1 <<< "$ran")" "$first"
like "of several" "$out" '^#   predicted:  [a-z_0-9/]+ [0-9.]+, [a-z_0-9/]+ [0-9.]+, .* us;'
is "--rules: told where there is one, and not obeyed" "$ruled" $'tree simple, 1 channel\nnone for this size'
alone=$ran
choose COLLTUNE_RULES="$tmp/rules.json" -- allreduce -g 2 "${sizes[@]}" --explain
is "COLLTUNE_RULES: obeyed" "$ran" "tree simple, 1 channel
$(tail -n 1 <<< "$alone")"
is "COLLTUNE_RULES: it says so" "$ruled" $'tree simple, 1 channel (in force)\nnone for this size (in force)'
choose COLLTUNE_RULES="$tmp/rules.json" -- allreduce -g 2 "${sizes[@]}" --json "$tmp/obeyed.jsonl"
is "COLLTUNE_RULES without --explain: obeyed too" \
	"$(grep -o '"chosen":"[^"]*"' "$tmp/obeyed.jsonl" | head -n 1)" '"chosen":"tree simple, 1 channel"'
choose COLLTUNE_RULES="$tmp/none.json" -- allreduce -g 2 "${sizes[@]}" --explain
is "no such rules file: NCCL chooses alone" "$ran" "$alone"
like "no such rules file: it is told" "$ruled" '^not used, NCCL decides alone: .*No such file'
tap_done
