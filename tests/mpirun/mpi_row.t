#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The row "mpi" through the module: data, types, knobs, refusals at several sizes of job; and, with a
# preloaded witness, that an algorithm that was forced is the one that runs.
. "${CT_SRCDIR:?}/tests/tap.sh"
program=$CT_BUILDDIR/tests/mpirun/mpi_row
module=$COLLTUNE_MODULE_DIR/colltune-mpi.so

# job NAME RANKS [OPTION OF MPIRUN]… -- [ARGUMENT]…: passes if all of the program's own tests do
job() {
	local name=$1 ranks=$2 options=()
	shift 2
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	run timeout 360 "$MPIRUN" --oversubscribe -n "$ranks" "${options[@]}" "$program" "$module" "$@"
	[ "$status" -eq 0 ] && ! grep -q '^not ok' <<< "$out" && grep -q '^1\.\.[1-9]' <<< "$out"
	tap_result $? "$name" "$(grep -v '^ok' <<< "$out")
$err"
}

for n in 1 3 4; do
	job "every algorithm is right, $n ranks" "$n" --
done
job "without knobs there is the default alone" 3 -- plain

# The witness wraps functions of Open MPI 4 and 5.
read -ra cc <<< "$CC" # it may be two words, as "ccache gcc"
if ! "${cc[@]}" -shared -fPIC -o "$tmp/whichalgo.so" "$CT_SRCDIR/tests/mpirun/whichalgo.c" -ldl \
	2> "$tmp/cc"; then
	tap_result 1 "the witness compiles" "$(cat "$tmp/cc")"
fi
for n in 2 4 5; do
	job "what was forced is seen to run, $n ranks" "$n" -x "LD_PRELOAD=$tmp/whichalgo.so" --
	like "the witness spoke, $n ranks" "$out" 'ring: .*seen to run'
done

job "the user's own setting of dynamic rules stands" 2 \
	-x OMPI_MCA_coll_tuned_use_dynamic_rules=0 -- overruled

run nm -D --undefined-only "$module"
is "the module needs no other symbol of ours than the door offers" \
	"$(awk '$2 ~ /^ct_/ && $2 !~ /^ct_(fail|vfail|alloc|realloc|strdup|free|alloc_pages|log)$/ &&
		$2 !~ /^ct_(coll_name|type_name|op_name|type_bytes|openmpi_(word|id|algos))$/ { print $2 }' <<< "$out")" ""
tap_done
