#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The ladder with MPI: its rungs are measured and stand where they should. (That a planted loss is
# found is shown on made-up rounds, tests/unit/test_advise_ladder.c: times are nobody's here.)
. "${CT_SRCDIR:?}/tests/tap.sh"
plan 5

run timeout 450 "$MPIRUN" --bind-to none --oversubscribe -n 2 "$COLLTUNE" bench ladder --net tcp:lo \
	-n 2 -w 1 --max-iters 2 --budget 5ms -b 8 -e 8K --window 2
like "a verdict or a doubt" "$status" '^[05]$'
is "two ladders" "$(grep -c '^# Ladder, \(latency\|rate\): ' <<< "$out")" 2
is "MPI's messages stand on native's" "$(grep -Ec '^ +4  MPI messages .*[%-]      3  [0-9]' <<< "$out")" 2
is "MPI's collectives stand on its messages" \
	"$(grep -Ec '^ +[0-9]  (alltoall|allreduce), mpi .*[%-]      4  [0-9]' <<< "$out")" 3
run timeout 450 "$MPIRUN" --bind-to none --oversubscribe -n 2 "$COLLTUNE" bench ladder --net tcp:lo \
	-n 2 -w 1 --max-iters 2 --budget 5ms -b 8 -e 8K --rounds 1 --coll native
like "a library that is not asked for keeps its rung" "$out" 'MPI messages +missing: not in --coll native'
tap_done
