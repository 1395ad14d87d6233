#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The ladder with MPI: a loss planted in one layer (every message of native's transport is late by
# 5 ms, MPI's are not) is found in that layer.
. "$CT_SRCDIR/tests/tap.sh"
plan 4

run timeout 150 "$MPIRUN" --bind-to none --oversubscribe -n 2 "$COLLTUNE" bench ladder --net tcp:lo \
	--net-fault delay:ms=5 -n 2 -w 1 --max-iters 2 --budget 5ms -b 8 -e 8K --window 2
like "a verdict or a doubt" "$status" '^[05]$'
is "the planted loss is found" "$(grep -Ec \
	'^# Ladder, .*largest (unexplained loss lies|loss seen is) at native/tcp:lo messages' <<< "$out")" 2
is "MPI's messages cost less than the late ones below them" \
	"$(grep -Ec '^ +4  MPI messages .*[%-]      3  0\.' <<< "$out")" 2
like "a fault is not a result" "$out" 'FAULT INJECTED: delay:ms=5'
tap_done
