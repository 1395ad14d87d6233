#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The training example by threads and by torchrun's variables: with reductions in rank order its loss has the
# same bits over every transport, under every rule and as a plain gather-and-sum; it learns; whatever is
# wrong with rules costs it nothing but the rules.
. "${CT_SRCDIR:?}/tests/tap.sh"
examples=$CT_BUILDDIR/docs/examples
data=--data=$CT_SRCDIR/docs/examples/iris.csv
steps=30
unset COLLTUNE_BOOT_PORT COLLTUNE_JOB_TOKEN RANK WORLD_SIZE MASTER_ADDR MASTER_PORT

train() {
	run timeout 360 "$examples/train_threads" "$1" "$data" --steps=$steps "${@:2}"
}

curve() {
	grep '^step' <<< "$out"
}

# rules FILE SETTING…: rules for all-reduce over this machine, at sizes around the example's
machine=$("$COLLTUNE" topo | awk '/^machine hash/ { print $3 }')
rules() {
	cat > "$1" <<- END
	{"schema":"colltune-rules/1","scope":{"machine":"$machine","nodes":[1,1],"ranks_per_node":[1,8]},"rules":[
	{"coll":"allreduce","backend":"native","type":"any","bytes":[0,1000000],"set":{$2}}]}
	END
}

train 4 --sum=gather
is "a plain gather-and-sum of four ranks" "$status" 0
reference=$(curve)
is "a loss for each step" "$(wc -l <<< "$reference")" "$steps"
like "to the last bit" "$reference" '^step 0 loss 0x1\.[0-9a-f]+p[-+][0-9]+$'
like "it has learnt" "$out" '^right 1[345][0-9] of 150$'

for algo in gather allpairs ring binomial; do
	rules "$tmp/$algo.json" "\"algo\":\"$algo\""
done
for setting in '' --net=shm --net=tcp --rules="$tmp/gather.json" --rules="$tmp/allpairs.json" \
	--rules="$tmp/ring.json" "--net=tcp --rules=$tmp/allpairs.json"; do
	read -ra words <<< "$setting"
	train 4 --deterministic "${words[@]}"
	is "in rank order, ${setting//$tmp\//}: the same bits" "$(curve)" "$reference"
done
train 3 --deterministic
three=$(curve)
train 3 --sum=gather
is "three ranks too" "$three" "$(curve)"

rules "$tmp/ring.json" '"algo":"ring","segment":4096'
train 4 --rules="$tmp/ring.json"
like "a rule is used" "$out" '^# all-reduce of [0-9]+ bytes by native/shm ring segment=4096, rule 0; 1 rules in use'
like "time of a step is told" "$out" '^# 4 ranks, ct: [0-9.]+ us per step, [0-9.]+ us of it the sum'
sed "s/$machine/sha256:$(printf '%064d' 7)/" "$tmp/ring.json" > "$tmp/elsewhere.json"
head -c 100 "$tmp/ring.json" > "$tmp/cut.json"
for file in elsewhere cut missing; do
	train 4 --deterministic --rules="$tmp/$file.json"
	is "rules $file: the job goes on" "$status: $(curve | md5sum)" "0: $(md5sum <<< "$reference")"
	is "… and says so once" "$(grep -c 'rules are not used' <<< "$err")" 1
done

# ---- torchrun's variables -----------------------------------------------------------------------------
# by_env RANKS VARIABLE=VALUE…: one process per rank on a port of its own; $out of rank 0, all $err
by_env() {
	local n=$1 rank try pids
	shift
	for try in 1 2 3 4 5; do
		local port=$((20000 + RANDOM % 20000))
		pids=()
		for ((rank = 1; rank < n; rank++)); do
			env RANK="$rank" WORLD_SIZE="$n" MASTER_ADDR=127.0.0.1 MASTER_PORT=$((port - 1)) "$@" \
				> "$tmp/out.$rank" 2> "$tmp/err.$rank" &
			pids+=($!)
		done
		run env RANK=0 WORLD_SIZE="$n" MASTER_ADDR=127.0.0.1 MASTER_PORT=$((port - 1)) "$@"
		# somebody else's port: another
		if grep -q 'Address already in use' <<< "$err" && [ "$try" -lt 5 ]; then
			kill "${pids[@]}" 2> /dev/null
			wait "${pids[@]}"
			continue
		fi
		worst=$status
		for ((rank = 1; rank < n; rank++)); do
			wait "${pids[rank - 1]}" || worst=$?
			err+=$'\n'$(cat "$tmp/err.$rank")
		done
		return
	done
}
job=(timeout 360 "$examples/train_env" "$data" "--steps=$steps" --deterministic)
by_env 4 COLLTUNE_JOB_TOKEN=0123456789abcdef0123 "${job[@]}"
is "four processes by RANK and WORLD_SIZE: the same bits" "$worst: $(curve | md5sum)" \
	"0: $(md5sum <<< "$reference")"
by_env 2 COLLTUNE_JOB_TOKEN=0123456789abcdef0123 timeout 360 "$COLLTUNE" bench allreduce -b 8 -e 64 --budget 1ms
is "colltune itself, too" "$worst" 0
like "… with two ranks" "$out" '^# colltune .*: 2 ranks on 1 host'
run env RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500 "${job[@]}"
is "without a token nothing is opened" "$status" 1
like "… and it says what is missing" "$err" '^train: environment: COLLTUNE_JOB_TOKEN is not set'
run env RANK=2 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500 "${job[@]}"
like "a rank that is none" "$err" '^train: environment: RANK is "2": a number from 0 to 1'

# ---- bad words ---------------------------------------------------------------------------------------------
train 4 --sum=magic
is "an unknown sum" "$status" 2
run "$examples/train_threads" 2 --data=/nonexistent
is "no data" "$status" 1
tap_done
