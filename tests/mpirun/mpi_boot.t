#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The bootstrap of libcolltune-mpi in a program that calls MPI_Init itself.
. "${CT_SRCDIR:?}/tests/tap.sh"

for n in 1 2 3 4 7; do
	run timeout 180 "$MPIRUN" --oversubscribe -n "$n" "$CT_BUILDDIR/tests/mpirun/mpi_boot"
	[ "$status" -eq 0 ] && ! grep -q '^not ok' <<< "$out" && grep -q '^1\.\.[1-9]' <<< "$out"
	tap_result $? "bootstrap of $n ranks" "$out
$err"
done
tap_done
