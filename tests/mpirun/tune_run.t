#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune tune under mpirun: native and Open MPI's forced algorithms in one launch; what the library
# would replace in silence is named; the rules export and load.
. "${CT_SRCDIR:?}/tests/tap.sh"

ok "tune" timeout 900 "$MPIRUN" --oversubscribe -n 3 "$COLLTUNE" tune allreduce alltoall allgather broadcast \
	-e 8K -f 4 --budget 30s -o "$tmp/rules.json"
is "both backends, four operations" "$(grep -cE '^# [a-z_]+, (native|mpi) \(.*\): [0-9]+ settings$' <<< "$out")" 8
like "many settings of Open MPI's all-reduce" "$out" '^# allreduce, mpi \(Open MPI .*\): (1[0-9]|[2-9][0-9]) settings$'
like "a substitution is named" "$out" '^# not run: .* runs instead'
like "what cannot be tried within a launch is listed" "$out" '^# needs --launch: UCX_RNDV_THRESH \(8k\|64k\|256k\): .'
if grep -q '"backend": "mpi"' "$tmp/rules.json"; then
	# all there is may be a number of requests, which the classic format cannot limit
	like "rules of mpi export, or it is told why none can" \
		"$("$COLLTUNE" export "$tmp/rules.json" --to openmpi 2>&1)" \
		"(Open MPI's own decision|none of its rules can be written as openmpi)"
else
	like "defaults are best, or rules" "$out" 'defaults are best'
fi

# The front end starts mpirun itself. How many launches fit into the budget is the machine's business.
ok "settings that need a launch, by a real mpirun" timeout 900 "$COLLTUNE" tune allreduce --launch \
	"$MPIRUN --oversubscribe -n 2" --settings 'OMPI_MCA_pml=nonesuch|ob1' -e 64 -f 8 --budget 4s \
	--module-dir "$COLLTUNE_MODULE_DIR" --launches "$tmp/launches.jsonl"
is "a row for each and for none" "$(grep -cE '^  (\(none\)|OMPI_MCA_pml=(nonesuch|ob1)) +[0-8]( |$)' <<< "$out")" 3
like "one that Open MPI has not" "$out" '^  OMPI_MCA_pml=nonesuch +0 .*(does not run here|the budget ended)$'
unlike "none that ran is told not to" "$out" 'ob1 .*does not run here'
ok "a launch is kept: what ran with its time, what did not as failed" python3 -c '
import json, sys
head, *lines = [json.loads(line) for line in open(sys.argv[1])]
assert head["schema"] == "colltune-launches/1" and lines, head
for l in lines:
    assert l["failed"] == (l["setting"] == "OMPI_MCA_pml=nonesuch") == (l["mean_ns"] == 0), l' "$tmp/launches.jsonl"
tap_done
