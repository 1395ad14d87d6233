#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The independent ping-pong runs and prints what scripts/agree-mpi reads. No figure is judged here.
. "${CT_SRCDIR:?}/tests/tap.sh"

run timeout 180 "$MPIRUN" --oversubscribe -n 2 "$CT_BUILDDIR/tests/mpirun/pingpong" 4096
is "it ends well" "$status" 0
like "latency of 8 bytes" "$out" '^latency 8 [0-9]+\.[0-9]{3}'
like "rate of 4096 bytes" "$out" '^oneway 4096 [0-9]+\.[0-9]{2}'
is "one line per size and pattern" "$(grep -c . <<< "$out")" 8
tap_done
