#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The training example under mpirun: at two ranks the loss has the same bits with MPI's all-reduce and with
# ct_allreduce; at four, in rank order, the same as a gather-and-sum under all settings. Times are shown.
. "${CT_SRCDIR:?}/tests/tap.sh"
program=$CT_BUILDDIR/docs/examples/train_mpi
data=--data=$CT_SRCDIR/docs/examples/iris.csv

train() {
	run timeout 360 "$MPIRUN" --oversubscribe --mca coll_tuned_use_dynamic_rules 1 -n "$1" "$program" "$data" --steps=40 \
		--module-dir="$COLLTUNE_MODULE_DIR" "${@:2}"
	[ "$status" -eq 0 ] || echo "# $err"
	grep '^# .*per step' <<< "$out"
}

curve() {
	grep '^step' <<< "$out"
}

machine=$("$COLLTUNE" topo | awk '/^machine hash/ { print $3 }')
# rules FILE BACKEND SETTING
rules() {
	cat > "$1" <<- END
	{"schema":"colltune-rules/1","scope":{"machine":"$machine","nodes":[1,1],"ranks_per_node":[1,8]},"rules":[
	{"coll":"allreduce","backend":"$2","type":"any","bytes":[0,1000000],"set":{$3}}]}
	END
}
rules "$tmp/native.json" native '"algo":"recursive_doubling"'
rules "$tmp/pairs.json" native '"algo":"allpairs"'
rules "$tmp/mpi.json" mpi '"algo":"recursive_doubling"'
rules "$tmp/ring.json" mpi '"algo":"ring"'

train 2 --sum=mpi
is "MPI_Allreduce, two ranks" "$status" 0
two=$(curve)
is "a loss for each step" "$(wc -l <<< "$two")" 40
for setting in '' --net=tcp --deterministic --rules="$tmp/native.json" \
	"--backends=mpi,native --rules=$tmp/mpi.json" --backends=mpi; do
	read -ra words <<< "$setting"
	train 2 "${words[@]}"
	is "ct_allreduce, two ranks ${setting//$tmp\//}: the same bits" "$(curve)" "$two"
done
like "backend mpi did it" "$out" '^# all-reduce of [0-9]+ bytes by mpi default'

train 4 --sum=gather
four=$(curve)
is "gather-and-sum, four ranks" "$(wc -l <<< "$four")" 40
for setting in '' --net=tcp --rules="$tmp/native.json" --rules="$tmp/pairs.json" \
	"--backends=mpi,native --rules=$tmp/ring.json" --backends=mpi; do
	read -ra words <<< "$setting"
	train 4 --deterministic "${words[@]}"
	is "four ranks in rank order ${setting//$tmp\//}: the same bits" "$(curve)" "$four"
done
train 4 --sum=mpi
is "MPI_Allreduce, four ranks" "$status" 0
train 4 --backends=mpi,native --rules="$tmp/ring.json"
like "a rule of backend mpi is used" "$out" '^# all-reduce of [0-9]+ bytes by mpi ring, rule 0; 1 rules in use'
tap_done
