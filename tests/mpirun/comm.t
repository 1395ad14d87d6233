#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# ct_comm under mpirun: native and the MPI library's own algorithms mixed by rules.
. "${CT_SRCDIR:?}/tests/tap.sh"
machine=$("$COLLTUNE" topo | awk '/^machine hash/ { print $3 }')
rule() {
	printf '{"coll":"%s","backend":"%s","type":"any","bytes":[%s],"set":{%s}}' "$@"
}
{
	printf '{"schema":"colltune-rules/1","scope":{"machine":"%s","nodes":[1,1],"ranks_per_node":[2,4],' "$machine"
	printf '"libs":{"openmpi":"4.1"}},"rules":[\n'
	rule allreduce mpi 0,1023 '"algo":"recursive_doubling"'
	echo ,
	rule allreduce native 1024,99999 '"algo":"ring","segment":4096'
	echo ,
	rule allreduce mpi 100000,9999999 '"algo":"ring"'
	echo ,
	rule alltoall mpi 0,9999 '"algo":"pairwise"'
	echo ,
	rule allgather mpi 0,9999 '"algo":"ring"'
	echo ,
	rule broadcast mpi 0,9999 '"algo":"pipeline","segsize":1024'
	echo ,
	rule reduce_scatter mpi 4000,99999 '"algo":"recursive_halving"'
	echo ']}'
} > "$tmp/rules.json"
sed 's/1024,99999/1024,88888/' "$tmp/rules.json" > "$tmp/other.json"

job() {
	run timeout 360 "$MPIRUN" --oversubscribe --mca coll_tuned_use_dynamic_rules 1 -n "$2" \
		"$CT_BUILDDIR/tests/mpirun/comm" "$COLLTUNE_MODULE_DIR" "${@:3}"
	[ "$status" -eq 0 ] && ! grep -q '^not ok' <<< "$out" && grep -q '^1\.\.[1-9]' <<< "$out"
	tap_result $? "$1" "$(grep -v '^ok' <<< "$out")
$err"
}
for n in 2 4; do
	job "by rules, $n ranks" "$n" "$tmp/rules.json"
	job "another file on rank 1, $n ranks" "$n" "$tmp/rules.json" "$tmp/other.json"
done
tap_done
