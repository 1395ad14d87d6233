#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune export: the text of each file, what is left out, bad input. That Open MPI does what its file
# says is shown by tests/mpirun/export_run.t.
. "${CT_SRCDIR:?}/tests/tap.sh"
rules=$CT_SRCDIR/tests/fixtures/rules-export.json
# body: without the lines that name version and hash
body() { sed '/^#/d' <<< "$out"; }

run "$COLLTUNE" export "$rules" --to openmpi
is "openmpi: exit status" "$status" 0
awk '{ sub(/ *#.*/, ""); print }' <<< "$out" > "$tmp/numbers"
is "openmpi: numbers only, none with a leading zero" \
	"$(grep -cE '[^0-9 ]|(^| )0[0-9]' "$tmp/numbers")" 0
is "openmpi: all-reduce" "$(awk '$1 == 2 && $2 == 3 && NF == 2 { on = 1 }
	on && $1 == 3 && NF == 2 && $2 == 3 { exit } on { print $1, $2, $3, $4 }' "$tmp/numbers" |
	tr -s ' \n' ' ')" \
	"2 3 0 1 0 0 0 0 4 4 0 3 0 0 1024 0 0 0 4096 4 0 0 65536 5 0 16384 5 1 0 0 0 0 "
like "openmpi: limited requests are left out" "$err" \
	'/rules/5: alltoall 32768 to 65535 bytes: left out: the classic format'
like "openmpi: operators that do not commute" "$err" 'export: reduce by chain, .* do not commute .* under rules$'
like "openmpi: rules by type are left out" "$err" '/rules/11: .*no element type'
is "openmpi: the count of collectives" "$(grep -cE '^4$' "$tmp/numbers")" 1

run "$COLLTUNE" export "$rules" --to openmpi-json
is "openmpi-json: exit status" "$status" 0
is "openmpi-json: read back" "$(python3 -c '
import json, sys
f = json.load(sys.stdin)
a = f["collectives"]["alltoall"][0]
print(f["rule_file_version"], f["module"], sorted(f["collectives"]), a["comm_size_min"],
      a["comm_size_max"], [(r["msg_size_min"], r["msg_size_max"], r["alg"], r.get("reqs")) for r in a["rules"]],
      f["collectives"]["bcast"][0]["rules"][-1])' <<< "$out")" \
	"3 tuned ['allgather', 'allreduce', 'alltoall', 'bcast'] 4 4 [(0, 2047, 'modified_bruck', None), (2048, 32767, 'pairwise', None), (32768, 65535, 'linear_sync', 4)] {'msg_size_min': 131072, 'alg': 'chain', 'faninout': 2, 'seg_size': 16384, 'msg_size_max': 'inf'}"

run "$COLLTUNE" export "$rules" --to openmpi-params --rules-path /etc/rules.conf
is "openmpi-params" "$(body)" "coll_tuned_use_dynamic_rules = 1
coll_tuned_dynamic_rules_filename = /etc/rules.conf"
run "$COLLTUNE" export "$rules" --to openmpi-params
is "openmpi-params without the path: exit status" "$status" 2

ok "nccl: written" "$COLLTUNE" export "$rules" --to nccl -o "$tmp/nccl.json"
is "nccl: our own schema, its rules only" "$(python3 -c '
import json, sys
import jsonschema
f = json.load(open(sys.argv[1]))
jsonschema.validate(f, json.load(open(sys.argv[2])))
print(len(f["rules"]), f["scope"]["libs"], [r["set"].get("channels") for r in f["rules"]])' \
	"$tmp/nccl.json" "$CT_SRCDIR/results/rules.schema.json")" "3 {'nccl': '2.28'} [2, None, 8]"
run "$COLLTUNE" export "$rules" --to nccl-csv
is "nccl-csv: lines; never without a channel count" "$(body)" \
	"allreduce,0,65535,tree,ll,2,1,4
reducescatter,65536,1048576,pat,simple,8,1,4"
like "nccl-csv: what it would do with -1 is said" "$err" 'allgather .*would use one'
run "$COLLTUNE" export "$rules" --to nccl-conf
is "nccl-conf" "$(body)" "NCCL_TUNER_PLUGIN=libnccl-tuner-colltune.so"

run "$COLLTUNE" export "$rules" --to ucc
is "ucc" "$(body)" "export UCC_TL_UCP_TUNE='allreduce:0-4095:host:[4-4]:inf:@knomial#bcast:4096-inf:host:[4-4]:inf:@0'"
run "$COLLTUNE" export "$rules" --to ucx
is "ucx" "$(body)" "UCX_RNDV_THRESH=8192
UCX_TLS=rc_verbs.self"
run "$COLLTUNE" export "$rules" --to env --rules-path /etc/r.json
is "env" "$(body)" "export NCCL_TUNER_PLUGIN=libnccl-tuner-colltune.so
export COLLTUNE_RULES='/etc/r.json'
export UCX_RNDV_THRESH=8192
export UCX_TLS=rc_verbs.self"
run "$COLLTUNE" export "$rules" --to env --rules-path "/etc/r'.json"
is "env: a path that would end the quotes is refused" "$status" 2

# Rules for reduce, and what is said of them.
cat > "$tmp/reduce.json" << 'EOF'
{"schema": "colltune-rules/1", "scope": {"machine": "sha256:0000000000000000000000000000000000000000000000000000000000000001", "nodes": [2, 2], "ranks_per_node": [8, 8]}, "rules": [
{"coll": "reduce", "backend": "mpi", "type": "any", "bytes": [0, 4095], "set": {"algo": "binomial"}},
{"coll": "reduce", "backend": "mpi", "type": "any", "bytes": [4096, 65535], "set": {"algo": "pipeline", "segsize": 4096, "requests": 2}},
{"coll": "reduce", "backend": "mpi", "type": "any", "bytes": [65536, 131071], "set": {"algo": "tree"}},
{"coll": "reduce", "backend": "nccl", "type": "any", "bytes": [0, 65535], "set": {"algo": "ring", "proto": "ll", "channels": 1}},
{"coll": "reduce", "backend": "nccl", "type": "any", "bytes": [65536, 1048575], "set": {"algo": "nvls", "proto": "simple", "channels": 4}},
{"coll": "reduce", "backend": "ucc", "type": "any", "bytes": [0, 4095], "set": {"algo": "knomial"}}]}
EOF
root='broadcast, reduce, gather, scatter: the file knows no root'
run "$COLLTUNE" export "$tmp/reduce.json" --to openmpi
is "openmpi: reduce is collective 11, binomial 5" "$(awk '$1 == 11 { print $1, $2 } $1 == 0 && $2 == 5' <<< "$out" |
	tr -s ' \n' ' ')" "11 3 0 5 0 0 "
is "openmpi: what cannot be said of reduce" "$(grep -cE "$root|/rules/1: reduce .*limit requests|/rules/2: reduce .*\"tree\" is no algorithm" \
	<<< "$err")" 3
run "$COLLTUNE" export "$tmp/reduce.json" --to openmpi-json
like "openmpi-json: limits of requests are kept" "$out" '"reqs": 2'
like "openmpi-json: no root" "$err" "$root"
run "$COLLTUNE" export "$tmp/reduce.json" --to nccl
is "nccl: both rules" "$(grep -c '"coll": "reduce"' <<< "$out")" 2
like "nccl: ring alone" "$err" '/rules/4: reduce 65536 to 1048575 bytes: NCCL has ring alone .* leave nvls aside'
run "$COLLTUNE" export "$tmp/reduce.json" --to nccl-csv
is "nccl-csv: both lines" "$(body)" "reduce,0,65535,ring,ll,1,2,16
reduce,65536,1048575,nvls,simple,4,2,16"
is "nccl-csv: ring alone, no root" "$(grep -cE "$root|ring alone" <<< "$err")" 2
run "$COLLTUNE" export "$tmp/reduce.json" --to ucc
is "ucc: reduce" "$(body)" "export UCC_TL_UCP_TUNE='reduce:0-4095:host:[16-16]:inf:@knomial'"
like "ucc: no root" "$err" "$root"
# Of gather and scatter: NVIDIA's example plugin has no words for them.
cat > "$tmp/gather.json" << 'EOF'
{"schema": "colltune-rules/1", "scope": {"machine": "sha256:0000000000000000000000000000000000000000000000000000000000000001", "nodes": [2, 2], "ranks_per_node": [8, 8]}, "rules": [
{"coll": "gather", "backend": "mpi", "type": "any", "bytes": [0, 4095], "set": {"algo": "linear_sync"}},
{"coll": "scatter", "backend": "mpi", "type": "any", "bytes": [0, 4095], "set": {"algo": "linear_nb"}},
{"coll": "gather", "backend": "nccl", "type": "any", "bytes": [0, 65535], "set": {"algo": "ring", "proto": "ll", "channels": 1}},
{"coll": "scatter", "backend": "ucc", "type": "any", "bytes": [0, 4095], "set": {"algo": "linear"}}]}
EOF
run "$COLLTUNE" export "$tmp/gather.json" --to openmpi
is "openmpi: without more they are left out by name, since their sizes are told by some ranks only" \
	"$status $(grep -cE '/rules/(0: gather|1: scatter) .*left out without --same-arguments' <<< "$err")" "2 2"
run "$COLLTUNE" export "$tmp/gather.json" --to openmpi-json --same-arguments
is "openmpi-json: both by name" "$(python3 -c '
import json, sys
c = json.load(sys.stdin)["collectives"]
print(*((k, v[0]["rules"][0]["alg"]) for k, v in c.items()))' <<< "$out")" "('gather', 'linear_sync') ('scatter', 'linear_nb')"
run "$COLLTUNE" export "$tmp/gather.json" --to openmpi --same-arguments
unlike "openmpi: nothing of operators where nothing is reduced" "$err" 'commute'
is "openmpi: gather is collective 9, scatter 15, the third algorithm of each" "$(awk '$1 == 9 || $1 == 15 { print $1, $2 }
	$1 == 0 && $2 == 3' <<< "$out" | tr -s ' \n' ' ')" "9 3 0 3 0 0 15 3 0 3 0 0 "
like "openmpi: no root of a gather" "$err" "$root"
run "$COLLTUNE" export "$tmp/gather.json" --to nccl-csv
like "nccl-csv: gather is left out by name" "$err" '/rules/2: gather .*left out'
run "$COLLTUNE" export "$tmp/gather.json" --to ucc
is "ucc: scatter" "$(body)" "export UCC_TL_UCP_TUNE='scatter:0-4095:host:[16-16]:inf:@linear'"
run "$COLLTUNE" export "$rules" --to ucx
unlike "ucx: has no operations, so nothing is said of a root" "$err" "$root"

run "$COLLTUNE" export
is "without arguments: the list" "$status $(grep -c . <<< "$out")" "0 20"
# bad NAME TEXT ARGUMENT…
bad() {
	local name=$1 text=$2
	shift 2
	run "$COLLTUNE" export "$@"
	is "$name: exit status, lines" "$status $(grep -c . <<< "$err") $(grep -c . <<< "$out")" "2 1 0"
	like "$name: message" "$err" "$text"
}
bad "an unknown kind" 'did you mean "openmpi"\?' "$rules" --to openmpy
bad "no kind" 'needs --to' "$rules"
bad "no rules" 'needs a rules file' --to ucx
echo '{' > "$tmp/broken.json"
bad "a broken file" 'broken.json' "$tmp/broken.json" --to ucx
bad "nothing of that backend" 'none for backend ucx' "$CT_SRCDIR/tests/fixtures/rules.json" --to ucx
run "$COLLTUNE" export "$tmp/none.json" --to ucx
is "no such file: exit status" "$status" 3

# rules_of RANKS [MACHINE]: a ring for small all-reduces, and what grows with the ranks for larger ones
rules_of() {
	python3 -c '
import json, sys
ranks, digit = int(sys.argv[1]), sys.argv[2]
rule = {"coll": "allreduce", "backend": "native", "type": "any"}
json.dump({"schema": "colltune-rules/1", "scope": {"machine": "sha256:" + digit * 64, "nodes": [1, 1],
    "ranks_per_node": [ranks, ranks], "ranks_searched": [ranks]}, "rules": [
    dict(rule, bytes=[8 * ranks, 1023], set={"algo": "ring", "segment": 0}, fresh_samples=ranks,
         gain={"ratio": 1 + 1 / ranks, "low": 1, "high": 2}),
    dict(rule, bytes=[1024, 4096 * ranks], set={"algo": "ring", "segment": ranks})]}, sys.stdout)' \
		"$1" "${2-a}" > "$tmp/ranks$1.json"
}
rules_of 2
rules_of 4
ok "rules of two numbers of ranks are joined" "$COLLTUNE" export "$tmp/ranks2.json" --join "$tmp/ranks4.json" \
	--to rules -o "$tmp/joined.json"
like "which is told" "$err" 'of 2 and 2 rules, and what was measured beside them: 1 rules for 2 to 4 ranks per node'
is "and what is left out, by file and place" "$(grep -c "left out.* /rules/1, allreduce of native, 1024 to " <<< "$err")" 2
unlike "but nothing that is kept" "$err" 'left out.*/rules/0'
is "what both chose, with its ranks and the fewer samples" "$(python3 -c '
import json, sys
import jsonschema
f = json.load(open(sys.argv[1]))
jsonschema.validate(f, json.load(open(sys.argv[2])))
r, = f["rules"]
print(f["scope"]["ranks_per_node"], f["scope"]["ranks_searched"], r["bytes"], r["set"], r["fresh_samples"])' \
	"$tmp/joined.json" "$CT_SRCDIR/results/rules.schema.json")" \
	"[2, 4] [2, 4] [32, 1023] {'algo': 'ring', 'segment': 0} 2"
# What was measured beside the choices: "pairs" gains with both numbers of ranks.
for n in 2 4; do
	python3 -c '
import json, sys
f = json.load(open(sys.argv[1]))
row = {"coll": "allreduce", "backend": "native", "type": "any", "bytes": [1024, 4095], "set": {"algo": "pairs"}}
f["measured"] = [dict(row, gain={"ratio": float(sys.argv[2]), "low": 1.1, "high": 2})]
json.dump(f, open(sys.argv[3], "w"))' "$tmp/ranks$n.json" "1.$n" "$tmp/more$n.json"
done
ok "and of what both measured" "$COLLTUNE" export "$tmp/more2.json" --join "$tmp/more4.json" --to rules -o "$tmp/joined.json"
is "the setting that gains in both, with what it gains in each" "$(python3 -c '
import json, sys
import jsonschema
f = json.load(open(sys.argv[1]))
for name in sys.argv[1], sys.argv[3], sys.argv[4]:
    jsonschema.validate(json.load(open(name)), json.load(open(sys.argv[2])))
r = f["rules"][1]
print(len(f["rules"]), r["bytes"], r["set"], [(g["ranks_per_node"], g["ratio"]) for g in r["gains"]])' \
	"$tmp/joined.json" "$CT_SRCDIR/results/rules.schema.json" "$tmp/more2.json" "$tmp/more4.json")" \
	"2 [1024, 4095] {'algo': 'pairs'} [([2, 2], 1.2), ([4, 4], 1.4)]"
is "what is left out, and why" "$(grep -c "left out, since another setting is better with both numbers of ranks: .* /rules/1, " <<< "$err")" 2
ok "joined rules are written for others too" "$COLLTUNE" export "$tmp/joined.json" --to rules -o "$tmp/again.json"
is "and as they are" "$(cmp "$tmp/joined.json" "$tmp/again.json" && echo same)" same
head -c -20 "$tmp/more2.json" > "$tmp/cut.json"
bad "a file that ends within what was measured" 'cut.json:1' "$tmp/more4.json" --join "$tmp/cut.json" --to rules
rules_of 9
bad "rules too far apart" 'too far apart' "$tmp/ranks4.json" --join "$tmp/ranks9.json" --to rules
rules_of 8
sed 's/"segment": 0/"segment": 1/' "$tmp/ranks8.json" > "$tmp/other.json"
bad "nothing in common" 'nothing in common' "$tmp/ranks4.json" --join "$tmp/other.json" --to rules
rules_of 8 b
bad "rules of another machine" 'of another machine' "$tmp/ranks4.json" --join "$tmp/ranks8.json" --to rules
tap_done
