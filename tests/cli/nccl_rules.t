#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune nccl -o: rules for the tuner plugin from profiles of jobs with planted times. NCCL alone ran
# ring/simple; the other job's tree/ll is 30 % faster up to 32K, as fast at 64K, slower above.
. "${CT_SRCDIR:?}/tests/tap.sh"
plan 35

# job FOLDER ALGO PROTO [NAME=VALUE…]: 40 all-reduces of each of ten sizes on four ranks, of which another one each
# time is the slowest; a VALUE changes what the file's first record says
job() {
	mkdir -p "$tmp/$1"
	python3 - "$tmp/$1" "${@:2}" <<- 'EOF'
		import json, random, sys
		folder, algo, proto = sys.argv[1:4]
		said = dict(word.split("=", 1) for word in sys.argv[4:])
		ranks, nodes = int(said.pop("ranks", 4)), int(said.pop("nodes", 2))
		random.seed(7 if algo == "ring" else 8)
		comm = said.pop("comm", f"{sum(map(ord, folder)):016x}")
		calls = []
		for size in [1 << k for k in range(10, 20)]:
		    for n in range(40):
		        ns = 20000 + size / 4
		        if algo == "tree":
		            ns *= 0.7 if size <= 32768 else 1 if size == 65536 else 1.4
		        calls.append((size, n, int(ns * random.uniform(0.98, 1.02))))
		for rank in range(ranks):
		    head = {"schema": "colltune-nccl/1", "kind": "communicator", "comm": comm,
		        "host": f"node{rank // 2}", "rank": rank, "ranks": ranks, "nodes": nodes, "nccl": "2.28",
		        "gpu": "H100", "fingerprint": "sha256:" + "1" * 64, "machine": "sha256:" + "2" * 64,
		        "rules": None, "variables": "", "clock": "gpu", "seen": len(calls)}
		    head.update({key: value or None for key, value in said.items()})
		    with open(f"{folder}/nccl-{comm}-{rank}-1.jsonl", "w") as out:
		        print(json.dumps(head), file=out)
		        for i, (size, n, ns) in enumerate(calls):
		            print(json.dumps({"kind": "collective", "coll": "allreduce", "number": i, "type": "float32",
		                "algo": algo, "proto": proto, "channels": 8, "bytes": size, "start_ns": i,
		                "kernel_ns": ns - (0 if rank == i % ranks else 5000)}), file=out)
	EOF
}

# rules: what the file says, a line each
rules() {
	python3 -c 'import json, sys
for r in json.load(open(sys.argv[1]))["rules"]:
    print(r["coll"], *r["bytes"], r["backend"], r["type"], *r["set"].values(), r["fresh_samples"])' "$tmp/rules.json"
}
scope() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["scope"]'"$1"')' "$tmp/rules.json"; }

# made WORDS…: runs colltune nccl with them and -o
made() {
	rm -f "$tmp/rules.json"
	run "$COLLTUNE" nccl "$@" -o "$tmp/rules.json"
}

# refused NAME TEXT: the last run ended with 2, one line with TEXT, and wrote nothing
refused() {
	is "$1: status 2, nothing written" "$status $([ -e "$tmp/rules.json" ] && echo written)" "2 "
	like "$1: named" "$err" "$2"
}

job default ring simple
job tree tree ll rules=/etc/rules.json
made "$tmp/default" "$tmp/tree"
is "two settings: ends well" "$status" 0
is "the rule is up to where the planted times cross" "$(rules)" "allreduce 1024 32768 nccl any tree ll 8 20"
like "the gain is the planted one, 1 / 0.7" "$out" \
	'^rule: allreduce from 1K to 32K: tree/ll, 8 channels: 1\.4[0-5] times as fast as NCCL.s own choice \(1\.[34]'
is "for the machine, nodes, ranks and NCCL of the jobs" \
	"$(scope '["machine"][7:10]') $(scope '["nodes"]') $(scope '["ranks_per_node"]') $(scope '["libs"]["nccl"]')" \
	"222 [2, 2] [2, 2] 2.28"
is "and its fingerprint; not marked as emulated" "$(scope '["fingerprint"][7:10]') $(grep -c emulated "$tmp/rules.json")" \
	"111 0"
like "that jobs are not taken in turns is said" "$err" 'not taken in turns'
ok "the tuner's exporter takes them" "$COLLTUNE" export "$tmp/rules.json" --to nccl

# the default is found by what it was told, not by the order
made "$tmp/tree" "$tmp/default"
is "the order of folders does not matter" "$(rules)" "allreduce 1024 32768 nccl any tree ll 8 20"
cp -r "$tmp/default" "$tmp/both"
cp "$tmp/tree"/* "$tmp/both"
made "$tmp/both"
is "nor that they are in one folder" "$(rules)" "allreduce 1024 32768 nccl any tree ll 8 20"
job forced tree ll "variables=NCCL_ALGO=tree NCCL_PROTO=ll"
made "$tmp/default" "$tmp/forced"
is "a job steered by NCCL's variables counts too" "$(rules)" "allreduce 1024 32768 nccl any tree ll 8 20"

job again ring simple rules=/etc/other.json
made "$tmp/default" "$tmp/again"
refused "the same setting twice" 'under each of two settings: run the job again with another one \(NCCL_ALGO='
made "$tmp/default"
refused "one job" 'under each of two settings'
made "$tmp/tree" "$tmp/forced"
refused "no job as NCCL alone chooses" 'no job ran as NCCL alone chooses'

# slower everywhere: no rule
job slow tree ll rules=/etc/rules.json
sed -i 's/"tree"/"nvls"/; s/"kernel_ns": /"kernel_ns": 9/' "$tmp"/slow/*
made "$tmp/default" "$tmp/slow"
is "nothing faster: no rule" "$status $(rules)" "0 "
like "and that is said" "$out" '^rule: none'

# a kernel that no rule can ask for, though it is fastest
job strange tree symmetric rules=/etc/rules.json
made "$tmp/default" "$tmp/tree" "$tmp/strange"
is "what no tuner can ask for is no rule" "$(rules)" "allreduce 1024 32768 nccl any tree ll 8 20"
like "and named" "$err" 'allreduce: some ran as tree/symmetric with 8 channels, which no rule can ask for'

job pair tree ll ranks=2 nodes=1 rules=/etc/rules.json
made "$tmp/default" "$tmp/tree" "$tmp/pair"
like "other communicators are left out by name" "$err" 'left out: 400 collectives of 2 ranks on 1 nodes'
made "$tmp/default" "$tmp/tree" "$tmp/pair" --ranks 2
refused "asked for by number of ranks: nothing to compare there" 'no job ran as NCCL alone chooses'
made "$tmp/default" "$tmp/tree" --ranks 3
refused "a number of ranks that is not there" 'no collective of such a communicator'

for folder in default tree; do
	cp -r "$tmp/$folder" "$tmp/$folder-fake"
	sed -i '1s/"H100"/"stand-in, no GPU"/' "$tmp/$folder-fake"/*
done
made "$tmp/default-fake" "$tmp/tree-fake"
is "jobs on a stand-in: the file says so" "$(scope '["emulated"]')" "True"
like "and so does the command" "$err" 'EMULATED: these jobs ran on a stand-in'

# bad input
job foreign tree ll rules=/etc/rules.json fingerprint="sha256:$(printf '%064d' 3)"
made "$tmp/default" "$tmp/foreign"
refused "mixed machines" 'machines are mixed: rank 0 on host node0 has sha256:1+, rank 0 on host node0 has sha256:0+'
job newer tree ll rules=/etc/rules.json nccl=2.29
made "$tmp/default" "$tmp/newer"
refused "mixed versions" 'versions of NCCL are mixed: .* 2\.28, .* 2\.29'
cp -r "$tmp/tree" "$tmp/older"
sed -i '1s/, "nccl": .*"clock"/, "clock"/' "$tmp"/older/*
made "$tmp/default" "$tmp/older"
refused "an older plugin's file" 'written by an older plugin'
job nowhere tree ll rules=/etc/rules.json machine=
cp -r "$tmp/default" "$tmp/lost"
sed -i '1s/"machine": "[^"]*"/"machine": null/' "$tmp"/lost/*
made "$tmp/lost" "$tmp/nowhere"
refused "a kind of machine that nobody told" 'is not known: run this on one of their hosts, or set COLLTUNE_MACHINE'
tap_done
