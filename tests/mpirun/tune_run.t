#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune tune under mpirun: native and Open MPI's forced algorithms in one launch; what the library
# would replace in silence is named; the rules export and load.
. "${CT_SRCDIR:?}/tests/tap.sh"

ok "tune" timeout 300 "$MPIRUN" --oversubscribe -n 3 "$COLLTUNE" tune allreduce alltoall allgather broadcast \
	-e 8K -f 4 --budget 30s -o "$tmp/rules.json"
is "both backends, four operations" "$(grep -cE '^# [a-z_]+, (native|mpi) \(.*\): [0-9]+ settings$' <<< "$out")" 8
like "many settings of Open MPI's all-reduce" "$out" '^# allreduce, mpi \(Open MPI .*\): (1[0-9]|[2-9][0-9]) settings$'
like "a substitution is named" "$out" '^# not run: .* runs instead'
if grep -q '"backend": "mpi"' "$tmp/rules.json"; then
	ok "rules of mpi export" "$COLLTUNE" export "$tmp/rules.json" --to openmpi
else
	like "defaults are best, or rules" "$out" 'defaults are best'
fi
tap_done
