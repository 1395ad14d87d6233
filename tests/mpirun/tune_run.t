#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune tune under mpirun: native and Open MPI's forced algorithms in one launch; what the library
# would replace in silence is named; the rules export and load.
. "${CT_SRCDIR:?}/tests/tap.sh"

ok "tune" timeout 900 "$MPIRUN" --oversubscribe -n 3 "$COLLTUNE" tune allreduce alltoall allgather broadcast \
	reduce gather scatter -e 8K -f 4 --budget 90s -o "$tmp/rules.json"
is "both backends, seven operations" "$(grep -cE '^# [a-z_]+, (native|mpi) \(.*\): [0-9]+ settings$' <<< "$out")" 14
like "many settings of Open MPI's all-reduce" "$out" '^# allreduce, mpi \(Open MPI .*\): (1[0-9]|[2-9][0-9]) settings$'
like "segments of its reduce" "$out" '^# reduce, mpi \(Open MPI .*\): [2-9][0-9] settings$'
like "a substitution is named" "$out" '^# not run: .* runs instead'
like "what cannot be tried within a launch is listed" "$out" '^# needs --launch: UCX_RNDV_THRESH \(8k\|64k\|256k\): .'
if python3 -c 'import json, sys
sys.exit(not any(r["backend"] == "mpi" for r in json.load(open(sys.argv[1]))["rules"]))' "$tmp/rules.json"; then
	# all there is may be a number of requests, which the classic format cannot limit
	like "rules of mpi export, or it is told why none can" \
		"$("$COLLTUNE" export "$tmp/rules.json" --to openmpi 2>&1)" \
		"(Open MPI's own decision|none of its rules can be written as openmpi)"
else
	like "defaults are best, or rules" "$out" 'defaults are best'
fi

# A library that says it is another: MPI as the standard has it runs all the same.
read -ra cc <<< "$CC" # it may be two words, as "ccache gcc"
cat > "$tmp/other.c" << 'END'
#include <string.h>
int MPI_Get_library_version(char *text, int *length);
int MPI_Get_library_version(char *text, int *length)
{
	strcpy(text, "MPICH Version:\t4.1.2\nMPICH Release date: ...");
	*length = (int)strlen(text);
	return 0;
}
END
ok "a stand-in for the version" "${cc[@]}" -shared -fPIC -o "$tmp/other.so" "$tmp/other.c"
ok "tune over an MPI that is not Open MPI" timeout 900 "$MPIRUN" --oversubscribe -n 2 -x "LD_PRELOAD=$tmp/other.so" \
	"$COLLTUNE" tune allreduce gather -e 64 -f 8 --budget 30s --no-model
like "why it has no knobs" "$out" '^# mpi: nothing to search but its own choice: MPICH Version: 4\.1\.2 is not Open MPI$'
like "those it lacks" "$out" '^# not here: gather of mpi by basic_linear, binomial, linear_sync; segsize, '
is "the rest works" "$(grep -cE '^# (allreduce|gather), (native|mpi \(MPICH) .*: ([0-9]+) settings$' <<< "$out")" 4

# The front end starts mpirun itself. How many launches fit into the budget is the machine's business.
ok "settings that need a launch, by a real mpirun" timeout 900 "$COLLTUNE" tune allreduce --launch \
	"$MPIRUN --oversubscribe -n 2" --settings 'OMPI_MCA_pml=nonesuch|ob1' -e 64 -f 8 --budget 6s \
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
