#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune list: every row is there, with and without the module, and says why it cannot run.
. "${CT_SRCDIR:?}/tests/tap.sh"

# rows PART: the names of the rows of one part of the list
rows() {
	awk -v part="$1" '/^[a-z]/ { here = index($0, part) == 1 } here && /^  [a-z]/ { print $1 }' \
		<<< "$out" | tr '\n' ' '
}

# below PART NAME: what the list says below a row of a part
below() {
	awk -v part="$1" -v name="$2" '/^[a-z]/ { inside = index($0, part) == 1; here = 0 }
		/^  [a-z]/ { here = inside && $1 == name; next } here' <<< "$out"
}

ok "with what is built here" timeout 180 "$COLLTUNE" list
is "transports" "$(rows transports)" "self shm tcp verbs "
is "backends" "$(rows backends)" "native mpi verbs nccl hccl trace "
for name in self shm tcp verbs; do
	like "$name: its path, or why not" "$(below transports "$name")" '^ +(here|missing|cannot run here): .'
done
like "native: its algorithms" "$(below backends native)" \
	'^ +allreduce +auto, ring segment=[0-9|]+, recursive_doubling, rabenseifner, binomial, gather, allpairs$'
like "trace: why not" "$(below backends trace)" '^ +cannot run now: .*recorded trace'
if [ -e "$COLLTUNE_MODULE_DIR/colltune-mpi.so" ]; then
	like "mpi: its library" "$(below backends mpi)" '^ +[A-Z].*[0-9]'
	like "mpi: its operations" "$(below backends mpi)" '^ +allreduce +default'
else
	skip "mpi: its library" "built without MPI"
	skip "mpi: its operations" "built without MPI"
fi
if [ -e "$COLLTUNE_MODULE_DIR/colltune-verbs.so" ]; then
	like "verbs: what it can do, or why not" "$(below backends verbs)" \
		'^ +([a-z0-9_]+ +(auto|default)|cannot run now: verbs: .)'
else
	skip "verbs: what it can do, or why not" "built without libibverbs"
fi
like "advice" "$(rows advice)" '^oversubscription .*rank-placement .*defaults $'
like "rules of fabrics" "$(rows 'rules of fabrics')" '^fabric-partial '

ok "without the module" timeout 180 "$COLLTUNE" list --module-dir "$tmp"
is "without the module: backends" "$(rows backends)" "native mpi verbs nccl hccl trace "
like "without the module: why" "$(below backends mpi)" '^ +missing: .*colltune-mpi\.so'
for part in transports backends; do
	like "without the module: why no verbs among $part" "$(below $part verbs)" \
		'^ +missing: .*colltune-verbs\.so'
done

ok "without single copy" timeout 180 "$COLLTUNE" list --module-dir "$tmp" --shm-single 0
unlike "without single copy: said" "$(below transports shm)" 'process_vm_readv'

run timeout 180 "$COLLTUNE" list -t 2
is "with ranks: exit status" "$status" 2
is "with ranks: one line" "$(wc -l <<< "$err")" 1
tap_done
