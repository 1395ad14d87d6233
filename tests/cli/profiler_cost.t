#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What the NCCL profiler plugin costs a collective of two channels, in instructions counted by callgrind.
. "${CT_SRCDIR:?}/tests/tap.sh"
plan 1
cost="$(dirname "$COLLTUNE")/tests/profiler_cost"
plugin=$COLLTUNE_MODULE_DIR/libnccl-profiler-colltune.so

# instructions COLLECTIVES: all that the program executes
instructions() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null "$cost" "$plugin" "$1" 2>&1 |
		awk '/Collected/ { print $NF }'
}
each=$((($(instructions 21000) - $(instructions 1000)) / 20000))
ok "$each instructions for a collective's eight events, fewer than 1000" \
	test "$each" -gt 0 -a "$each" -lt 1000
tap_done
