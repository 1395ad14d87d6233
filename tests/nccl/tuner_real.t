#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The tuner plugin inside the real libnccl, on a STAND-IN for CUDA (tests/fake/cuda): eight pretended GPUs
# on the topology that colltune exports for the HGX machine. What NCCL says to a profiler that it chose
# equals the rules; without rules that are for here it is what NCCL chooses without the plugin.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99
plan 23

plugin=$COLLTUNE_MODULE_DIR/libnccl-tuner-colltune.so
gpus=8
here=$(printf 'sha256:%064d' 1)
# both ends of four ranges, and sizes behind them
sizes=(4096 8160 8192 131040 131072 2097120 2097152 33554400 33554432 1073741792 2147483648)

mkdir "$tmp/lib"
ln -s "$CT_BUILDDIR/.libs/fakecuda.so" "$tmp/lib/libnvidia-ml.so.1"
ok "the HGX machine is exported as NCCL's XML" "$COLLTUNE" topo \
	--load "$CT_SRCDIR/topo/machines/hgx-h100-8rail.json" --nccl-xml "$tmp/hgx.xml"
# class 0x0302: a GPU
busids=$(sed -n '/class="0x030200"/s/.*busid="\([^"]*\)".*/\1/p' "$tmp/hgx.xml" | paste -sd,)

# choices NAME=VALUE…: the calls with these variables; sets $out; NCCL's log is $tmp/log
choices() {
	run timeout -s KILL 720 env -u COLLTUNE_RULES LD_PRELOAD="$CT_BUILDDIR/.libs/fakecuda.so" \
		LD_LIBRARY_PATH="$tmp/lib" CT_FAKE_KERNELS=0 CT_FAKE_GPUS=$gpus CT_FAKE_BUSIDS="$busids" \
		NCCL_TOPO_FILE="$tmp/hgx.xml" NCCL_PROFILER_PLUGIN=STATIC_PLUGIN NCCL_NET_PLUGIN=none \
		NCCL_CONF_FILE=/dev/null NCCL_SOCKET_IFNAME=lo NCCL_IB_DISABLE=1 \
		NCCL_DEBUG=INFO NCCL_DEBUG_SUBSYS=TUNING NCCL_DEBUG_FILE="$tmp/log" \
		NCCL_TUNER_PLUGIN="$plugin" COLLTUNE_MACHINE="$here" "$@" \
		"$CT_BUILDDIR/tests/nccl/choices" $gpus "${sizes[@]}"
	log=$(grep 'TUNER/colltune' "$tmp/log")
}

# untouched NAME REASON: the last run chose as NCCL alone, and the log says why
untouched() {
	is "$1: NCCL's choices are those without the plugin" "$(grep -v '^cost' <<< "$out")" "$alone"
	like "$1: NCCL's log says why" "$log" "$2"
}

choices NCCL_TUNER_PLUGIN=none NCCL_TOPO_DUMP_FILE="$tmp/dump.xml"
alone=$out
is "the real libnccl makes a communicator and takes every call" "$status $(wc -l <<< "$out")" \
	"0 $((5 * ${#sizes[@]}))"
is "the GPUs are where our file says, behind its PCIe switches" "$(xmllint --xpath \
	'count(//pci[@class="0x060400"]/pci/gpu)' "$tmp/dump.xml")" $gpus

choices CHOICES_COSTS=1
is "no rules file: NCCL's choices are those without the plugin" "$(grep -v '^cost' <<< "$out")" "$alone"
printf '%s\n' "$out" > "$tmp/costs"
is "the plugin was asked about every call" "$(awk '$1 == "cost" { asked[$2, $3] = 1 }
	END { print length(asked) }' "$tmp/costs")" $((5 * ${#sizes[@]}))
is "for broadcast and reduce ring alone was possible, as the exporters say" "$(awk '$1 == "cost" &&
	($2 == "broadcast" || $2 == "reduce") { print $2, $4 }' "$tmp/costs" | sort -u | paste -sd,)" \
	"broadcast ring,reduce ring"

# Writes rules of 20 cells that NCCL showed as possible and did not choose, one more for a cell that is not
# possible, and what must then be chosen at each call.
python3 - "$tmp" "$here" <<- 'EOF'
	import json, sys
	folder, here = sys.argv[1:]
	ranges = [(0, 8191), (8192, 131071), (131072, 2097151), (2097152, 33554431)]
	channels = [[1], [1], [2, 4, 8], [2, 4, 8, 16]] # with 16 KiB or more for each
	colls = ["broadcast", "reduce", "allgather", "reduce_scatter", "allreduce"]
	calls, legal = [], {}
	for line in open(folder + "/costs"):
	    word = line.split()
	    if word[0] == "cost":
	        legal.setdefault((word[1], int(word[2])), set()).add((word[3], word[4]))
	    else:
	        calls.append((word[0], int(word[1]), tuple(word[2:4]), int(word[4])))
	rules, cells = [], {}
	for c, coll in enumerate(colls):
	    for r, (low, high) in enumerate(ranges):
	        inside = [call for call in calls if call[0] == coll and low <= call[1] <= high]
	        able = set.intersection(*(legal[call[:2]] for call in inside))
	        able = sorted(able - {call[2] for call in inside})
	        cell = able[(c + r) % len(able)] + (channels[r][(c + r) % len(channels[r])],)
	        rules.append((coll, low, high, cell))
	        cells.update({call[:2]: cell for call in inside})
	rules.append(("allreduce", 1 << 31, 1 << 31, ("collnet_chain", "simple", 4)))
	with open(folder + "/rules.json", "w") as out:
	    json.dump({"schema": "colltune-rules/1", "scope": {"machine": here, "nodes": [1, 1],
	        "ranks_per_node": [4, 8], "libs": {"nccl": "2.28"}}, "rules": [{"coll": coll,
	        "backend": "nccl", "type": "any", "bytes": [low, high], "set": {"algo": cell[0],
	        "proto": cell[1], "channels": cell[2]}} for coll, low, high, cell in rules]}, out)
	with open(folder + "/want", "w") as out:
	    for coll, size, cell, n in calls:
	        print(coll, size, *cells.get((coll, size), cell + (n,)), file=out)
EOF
chmod 600 "$tmp/rules.json"
want=$(cat "$tmp/want")
is "20 rules over five operations ask for other cells than NCCL's own at both ends of each" \
	"$(diff <(echo "$alone") <(echo "$want") | grep '^>' | awk '{ n[$2]++ } END { for (c in n) print c, n[c] }' |
	sort | paste -sd' ')" "allgather 8 allreduce 8 broadcast 8 reduce 8 reduce_scatter 8"

choices COLLTUNE_RULES="$tmp/rules.json"
is "with 20 rules, algorithm, protocol and channels are the rules'" "$out" "$want"
like "NCCL's log tells the file and its hash" "$log" 'rules.json, 21 rules, sha256:'

# NCCL spreads few bytes over fewer channels than it was told.
sed 's/"channels": 1}/"channels": 16}/' "$tmp/rules.json" > "$tmp/many.json"
chmod 600 "$tmp/many.json"
choices COLLTUNE_RULES="$tmp/many.json"
is "more channels than the bytes need: algorithm and protocol are the rules', channels not above them" \
	"$(awk '$5 <= 16 || $2 > 33554431 { print $1, $2, $3, $4 }' <<< "$out")" \
	"$(cut -d ' ' -f 1-4 <<< "$want")"

choices COLLTUNE_RULES="$tmp/rules.json" NCCL_ALGO='allreduce:ring' NCCL_PROTO='allreduce:simple'
is "what NCCL_ALGO and NCCL_PROTO exclude is not chosen" "$(awk '$1 == "allreduce" { print $3, $4 }' \
	<<< "$out" | sort -u)" "ring simple"

gpus=4
choices NCCL_TUNER_PLUGIN=none
alone=$out
is "four of the GPUs: every call is taken" "$status $(wc -l <<< "$out")" "0 $((5 * ${#sizes[@]}))"
choices COLLTUNE_RULES="$tmp/rules.json"
unlike "the rules would be felt" "$out" "^$(sed -n 1p <<< "$alone")\$"
choices COLLTUNE_RULES="$tmp/none.json"
untouched "no such file" 'none.json not used.*No such file'
cp "$tmp/rules.json" "$tmp/open.json"
chmod 666 "$tmp/open.json"
choices COLLTUNE_RULES="$tmp/open.json"
untouched "a file that everybody may write" 'open.json not used'
choices COLLTUNE_RULES="$tmp/rules.json" COLLTUNE_MACHINE="$(printf 'sha256:%064d' 2)"
untouched "rules for another machine" 'made for another machine'
sed 's/"proto": "simple"/"proto": "simpel"/' "$tmp/rules.json" > "$tmp/word.json"
chmod 600 "$tmp/word.json"
choices COLLTUNE_RULES="$tmp/word.json"
untouched "an unknown word" '/set/proto: "simpel" is none of NCCL.s'
sed 's/"2.28"/"2.27"/' "$tmp/rules.json" > "$tmp/version.json"
chmod 600 "$tmp/version.json"
choices COLLTUNE_RULES="$tmp/version.json"
untouched "rules for another NCCL" 'made for NCCL 2.27, here is 2.28'
tap_done
