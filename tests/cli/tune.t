#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune tune with threads: the search ends, its rules are rules, bad input is refused. What is fastest
# here is not asked: that is what the search on known tables is for (test_tune_search).
. "${CT_SRCDIR:?}/tests/tap.sh"

ok "a search over every operation" timeout 900 "$COLLTUNE" tune allreduce,alltoall allgather \
	reduce_scatter broadcast reduce,gather,scatter -t 2 --coll native --net shm -e 16K -f 4 --budget 60s -o "$tmp/rules.json"
is "a table for each" "$(grep -cE '^# [a-z_]+, native \(colltune .*\): [0-9]+ settings$' <<< "$out")" 8
like "the links are told" "$out" '^# links of native, same host: [0-9.]+ us \+ [0-9.]+ ns/B'
like "what it cost" "$out" '^# [0-9]+ samples in .* an exhaustive sweep'
like "the list of suggestions ends it" "$out" '^Suggestions'
like "what is not resolved is counted" "$out" '^# [0-9]+ of [0-9]+ measured sizes are not resolved$'
ok "the rules are rules" python3 -c '
import json, sys
import jsonschema
f = json.load(open(sys.argv[1]))
jsonschema.validate(f, json.load(open(sys.argv[2])))
assert f["scope"]["nodes"] == [1, 1] and f["scope"]["ranks_per_node"] == [2, 2], f["scope"]
assert f["scope"]["ranks_searched"] == [2] and "overlap" not in f["scope"], f["scope"]
for r in f["rules"]:
    assert r["fresh_samples"] >= 0, r
    if "gain" in r or r["fresh_samples"] >= 4: # of a sample or two there is no interval
        assert r["gain"]["low"] <= r["gain"]["ratio"] <= r["gain"]["high"], r
    assert r["backend"] == "native" and r["set"]["algo"] != "auto", r' \
	"$tmp/rules.json" "$CT_SRCDIR/results/rules.schema.json"

ok "a prediction for more ranks is marked" timeout 900 "$COLLTUNE" tune allreduce -t 2 --net shm -e 4K \
	-f 8 --predict 1024
like "as predicted" "$out" '^# PREDICTED for 1024 ranks.*not measured'
like "with what it would choose" "$out" '^# predicted: allreduce of native, [0-9]+ B: [0-9.]+ us by [a-z]'

ok "an oracle judges" timeout 900 "$COLLTUNE" tune broadcast -t 2 --net shm -b 8 -e 512 -f 8 --judge --no-model
like "its verdict" "$out" '^# verdict coll=broadcast backend=native mean_loss_percent='
unlike "without a model nothing is predicted" "$out" '# links|# model'

ok "searches in a row" timeout 900 "$COLLTUNE" tune broadcast -t 2 --net shm -b 8 -e 512 -f 8 --searches 3 \
	--budget 3s --no-model
is "each size has one outcome, each search one choice at each" "$(sed -En 's/^# searches coll=broadcast .*searches=3 sizes=3 same=([0-9]+) equivalent=([0-9]+) differ=([0-9]+) unresolved=([0-9]+) most.* choices=9 fast=[0-9]+ slow=[0-9]+$/\1 \2 \3 \4/p' <<< "$out" |
	awk '{ print $1 + $2 + $3 + $4 }')" 3
is "which are told" "$(grep -cE '^ +[0-9]+ (the same|equivalent|differs|not resolved) .* [123]x ' <<< "$out")" 3
like "and counted" "$out" '^# 3 searches in a row, 3 sizes: '

# bad NAME TEXT ARGUMENT…
bad() {
	local name=$1 text=$2
	shift 2
	run timeout 180 "$COLLTUNE" tune "$@"
	is "$name: exit status, lines" "$status $(grep -c . <<< "$err")" "2 1"
	like "$name: message" "$err" "$text"
}
bad "no operation" 'operation|argument|OPERATION' -t 2
bad "an unknown operation" 'did you mean' allreduze -t 2
bad "an operation twice" 'named twice' allreduce,allreduce -t 2
bad "no collective" 'cannot be tuned' barrier -t 2
bad "one rank" 'at least 2 ranks' allreduce
bad "several transports" 'one at a time' allreduce -t 2 --net shm,tcp
bad "sizes upside down" 'above' allreduce -t 2 -b 1K -e 8
bad "more searches than there is room for" 'searches' allreduce -t 2 --searches 17
bad "a budget too small for one sample" 'budget' allreduce -t 2 --net shm -e 16M --budget 1ms --no-model
cat > "$tmp/far.json" << 'END'
{"schema":"colltune-rules/1","scope":{"machine":"sha256:0000000000000000000000000000000000000000000000000000000000000000","nodes":[1,1],"ranks_per_node":[2,2],"libs":{"colltune":"9.9"}},"rules":[
{"coll":"allreduce","backend":"native","type":"any","bytes":[16777216,16777216],"set":{"algo":"ring"}}]}
END
bad "a check in less than a block of samples" 'budget of 1.00 ms is too small' --check "$tmp/far.json" -t 2 --net shm \
	--budget 1ms
like "of rules of another machine, which is told" "$out" '^# check: found on another machine \(sha256:000000000000, '
like "and of another version" "$out" '^# check: found with colltune 9\.9, this is colltune [0-9.]+, so a job would not'
for file in 's/rules.1/rules\/2/' 2d 's/}}]}/}},{"coll":"allreduce","backend":"native","type":"any","bytes":[8,16777216],"set":{"algo":"ring"}}]}/'; do
	sed "$file" "$tmp/far.json" > "$tmp/bad.json"
	bad "no rules ($file)" '(/schema: |:2: .* near end of file|/rules/1/bytes: overlaps /rules/0/bytes)' \
		--check "$tmp/bad.json" -t 2 --net shm
done
# 16 bytes are no three blocks of floats
sed 's/16777216,16777216/16,16/; s/allreduce/alltoall/; s/ring/linear/' "$tmp/far.json" > "$tmp/between.json"
ok "a rule for a size that these ranks cannot run" timeout 180 "$COLLTUNE" tune --check "$tmp/between.json" -t 3 --net shm
like "which is told" "$out" '^# check: /rules/0 alltoall: of no size that 3 ranks can run and -e allows$'
run timeout 180 "$COLLTUNE" tune allreduce -t 2 -e 64 -o "$tmp/none/rules.json"
is "rules that cannot be written: exit status" "$status" 3
run timeout 180 "$COLLTUNE" tune allreduce -t 2 -e 64 -f 8 --coll native,mpi --net shm
is "a backend that cannot run here is noted" "$status" 0
like "and named with its reason" "$out" '^# mpi: '
tap_done
