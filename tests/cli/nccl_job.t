#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune nccl: files of the NCCL profiler plugin of several ranks, put together. Here they are made up:
# four ranks, of which rank 2 comes 300 us late to each of 40 all-reduces; the last of them is slow.
. "${CT_SRCDIR:?}/tests/tap.sh"

# job FOLDER LATE: writes one; LATE is the rank that comes late, -1 none: then each in turn
job() {
	mkdir -p "$tmp/$1"
	python3 - "$tmp/$1" "$2" <<- 'EOF'
		import json, sys
		folder, late = sys.argv[1], int(sys.argv[2])
		for rank in range(4):
		    with open(f"{folder}/nccl-00000000000000ab-{rank}-{100 + rank}.jsonl", "w") as out:
		        head = {"schema": "colltune-nccl/1", "kind": "communicator", "comm": "00000000000000ab",
		                "host": f"node{rank // 2}", "rank": rank, "ranks": 4, "nodes": 2, "clock": "gpu",
		                "seen": 45}
		        print(json.dumps(head), file=out)
		        for n in range(40):
		            last = late if late >= 0 else n % 4
		            ns = 100000 + 100 * ((7 * n) % 10) + (900000 if n == 39 else 0)
		            ns += 0 if rank == last else 300000 + 1000 * rank
		            print(json.dumps({"kind": "collective", "coll": "allreduce", "number": n,
		                "type": "float32", "algo": "ring", "proto": "simple", "channels": 8,
		                "bytes": 1048576, "start_ns": n, "kernel_ns": ns}), file=out)
		        for n in range(5):
		            print(json.dumps({"kind": "collective", "coll": "broadcast", "number": n,
		                "type": "int8", "algo": "tree", "proto": "ll", "channels": 1,
		                "bytes": None if rank else 64, "start_ns": None, "kernel_ns": None}), file=out)
	EOF
}

job late 2
run "$COLLTUNE" nccl "$tmp/late"
is "ends well" "$status $err" "0 "
like "tells how much there is" "$out" '^# 4 ranks told of 180 collectives: 180 were kept, 160 with a kernel.s time'
like "the all-reduces: time without waiting, and the waiting" "$out" \
	'^  allreduce +1M +float32 +ring +simple +8 +40 +101 us +1\.00 ms +303 us'
like "what has no time shows none" "$out" '^  broadcast +64 +int8 +tree +ll +1 +0 +- +- '
like "what has no size says so" "$out" '^  broadcast +not told '
like "the slow one is named" "$out" \
	'^slow: allreduce number 39 of communicator 00000000000000ab, 1M, ring/simple: 1.00 ms, 10.0 times the median 101 us of its kind$'
is "and no other" "$(grep -c '^slow:' <<< "$out")" 1
like "the straggler is named" "$out" \
	'^straggler: rank 2 of communicator 00000000000000ab \(host node1\) came last to 40 of 40 collectives; the others waited at least 12.0 ms for it$'
is "and no other" "$(grep -c '^straggler:' <<< "$out")" 1

job turns -1
run "$COLLTUNE" nccl "$tmp/turns"
like "each in turn: nobody is blamed" "$out" '^straggler: none found$'

# a job that hung and was aborted: rank 1 did not come to the last two broadcasts
unlike "all ranks began as many: nobody is behind, no file is missing" "$out" '^(behind|missing)'
cp -r "$tmp/turns" "$tmp/hung"
sed -i '1s/"seen": 45/"seen": 43/; /broadcast", "number": [34]/d' "$tmp"/hung/nccl-*-1-*.jsonl
run "$COLLTUNE" nccl "$tmp/hung"
is "the rank that did not arrive is named, alone" "$(grep -E '^(behind|missing)' <<< "$out")" \
	"behind: rank 1 of communicator 00000000000000ab (host node0) began 43 collectives, another one 45; its last: broadcast number 2"
rm "$tmp"/hung/nccl-*-[13]-*.jsonl
run "$COLLTUNE" nccl "$tmp/hung"
is "ranks without a file are named" "$(grep -E '^(behind|missing)' <<< "$out")" \
	"missing: communicator 00000000000000ab of 4 ranks: no file of 2 of them, rank 1 the first: it was killed, or still runs"

# sends and receives: each its own, however they are numbered on other ranks
cp -r "$tmp/late" "$tmp/pairs"
for rank in 0 1; do
	python3 - $rank <<- 'EOF' >> "$(echo "$tmp"/pairs/nccl-*-$rank-*.jsonl)"
		import json, sys
		rank = int(sys.argv[1])
		for n in range(10):
		    print(json.dumps({"kind": "p2p", "coll": ["send", "recv"][rank], "number": n, "peer": 1 - rank,
		        "type": "half", "channels": 2, "bytes": 65536, "start_ns": n,
		        "kernel_ns": 7000 if n < 9 else 9000000}))
	EOF
	sed -i '1s/"seen": 45/"p2p_seen": 12, "seen": 45/' "$tmp"/pairs/nccl-*-$rank-*.jsonl
done
run "$COLLTUNE" nccl "$tmp/pairs"
like "sends and receives are counted" "$out" '^# and of 24 sends and receives: 20 were kept, 20 with a kernel.s time'
like "sends are shown by size" "$out" '^  send +64K +half +- +- +2 +10 +7\.00 us +9\.00 ms +-$'
like "and receives" "$out" '^  recv +64K +half +- +- +2 +10 +7\.00 us +9\.00 ms +-$'
is "one that waited is not called slow; what was named still is" "$(grep -cE '^(slow: allreduce|straggler: rank 2)' <<< "$out")" 2
unlike "nor anybody behind" "$out" '^(slow: (send|recv)|behind)'

# bad input
run "$COLLTUNE" nccl "$tmp/nothing"
is "no such folder: status 2, one line" "$status $(grep -c . <<< "$err")" "2 1"
mkdir "$tmp/empty"
run "$COLLTUNE" nccl "$tmp/empty"
is "an empty folder: status 2" "$status" 2
like "an empty folder: what was looked for" "$err" 'nccl-\*\.jsonl'
# broken NAME SED TEXT: the first file changed by SED gives one line with TEXT
broken() {
	rm -rf "$tmp/broken"
	cp -r "$tmp/late" "$tmp/broken"
	sed -i "$2" "$tmp/broken/nccl-00000000000000ab-0-100.jsonl"
	run "$COLLTUNE" nccl "$tmp/broken"
	is "$1: status 2, one line" "$status $(grep -c . <<< "$err")" "2 1"
	like "$1: named" "$err" "$3"
}
broken "another schema" '1s,nccl/1,nccl/9,' '-100\.jsonl:1: /schema: not colltune-nccl/1'
broken "an unknown key" '3s/"algo"/"alog"/' ':3.*alog.*algo'
broken "a word for a number" '4s/"kernel_ns": [0-9]*/"kernel_ns": "soon"/' ':4.*/kernel_ns'
broken "a cut line" '5s/"bytes.*//' ':5'
broken "another kind of record" '4s/"collective"/"p3p"/' ':4: /kind: neither collective nor p2p'
broken "a peer of a collective" '4s/"type"/"peer": 1, "type"/' ':4.*peer'
broken "a negative rank" '1s/"rank": 0/"rank": -1/' ':1.*/rank'
tap_done
