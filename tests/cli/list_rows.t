#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune list: every row is there, with and without the module, and says why it cannot run.
. "$CT_SRCDIR/tests/tap.sh"

# rows PART: the names of the rows of one part of the list
rows() {
	awk -v part="$1" '/^[a-z]/ { here = index($0, part) == 1 } here && /^  [a-z]/ { print $1 }' \
		<<< "$out" | tr '\n' ' '
}

# below NAME: what the list says below a row
below() {
	awk -v name="$1" '/^  [a-z]/ { here = $1 == name; next } /^[a-z]/ { here = 0 } here' <<< "$out"
}

ok "with what is built here" timeout 60 "$COLLTUNE" list
is "transports" "$(rows transports)" "self shm tcp verbs "
is "backends" "$(rows backends)" "native mpi trace "
for name in self shm tcp verbs; do
	like "$name: its path, or why not" "$(below "$name")" '^ +(here|missing|cannot run here): .'
done
like "native: its algorithms" "$(below native)" \
	'^ +allreduce +auto, ring segment=[0-9|]+, recursive_doubling, rabenseifner, binomial$'
like "trace: why not" "$(below trace)" '^ +cannot run now: .*recorded trace'
if [ -e "$COLLTUNE_MODULE_DIR/colltune-mpi.so" ]; then
	like "mpi: its library" "$(below mpi)" '^ +[A-Z].*[0-9]'
	like "mpi: its operations" "$(below mpi)" '^ +allreduce +default'
else
	skip "mpi: its library" "built without MPI"
	skip "mpi: its operations" "built without MPI"
fi
like "advice" "$(rows advice)" '^oversubscription .*defaults $'

ok "without the module" timeout 60 "$COLLTUNE" list --module-dir "$tmp"
is "without the module: backends" "$(rows backends)" "native mpi trace "
like "without the module: why" "$(below mpi)" '^ +missing: .*colltune-mpi\.so'
like "without the module: why no verbs" "$(below verbs)" '^ +missing: .*colltune-verbs\.so'

ok "without single copy" timeout 60 "$COLLTUNE" list --module-dir "$tmp" --shm-single 0
unlike "without single copy: said" "$(below shm)" 'process_vm_readv'

run timeout 60 "$COLLTUNE" list -t 2
is "with ranks: exit status" "$status" 2
is "with ranks: one line" "$(wc -l <<< "$err")" 1
tap_done
