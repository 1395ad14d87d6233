#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The backend verbs, RDMA operations themselves, and a search beside an exhaustive sweep, over two soft RoCE
# devices in one guest of scripts/testbed. Started outside, the test starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --seconds 1260 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/raw.t"
fi
. "${CT_SRCDIR:?}/tests/tap.sh"

# ranks N ARGUMENT…: bench p2p by N ranks over the backend verbs
ranks() {
	local n=$1
	shift
	run timeout 180 "$MPIRUN" --bind-to none --oversubscribe -n "$n" "$COLLTUNE" bench p2p --coll verbs \
		-n 3 -w 3 --budget 10ms --timeout 30s "$@"
}
# right NAME ROWS: the last run succeeded, printed ROWS rows, and none of them was wrong
right() {
	is "$1 ends well ($err)" "$status" 0
	is "$1: rows, all of them right" "$(awk '$1 ~ /^[0-9]+$/ { n++; bad += $9 != 0 && $9 != "N/A" }
		END { print n + 0, bad + 0 }' <<< "$out")" "$2 0"
}

ranks 2 -b 8 -e 8 --algo all
right "every operation, 8 bytes" 30

# What is fastest here is the emulator's business: the search ends, judges itself, and its rules are rules.
run timeout 720 "$MPIRUN" --bind-to none --oversubscribe -n 2 "$COLLTUNE" tune allreduce --coll native --net verbs \
	-b 64 -e 4K -f 64 --no-model --judge --budget 5s --timeout 360s -o "$tmp/rules.json"
is "a search over verbs ends well ($(grep '^colltune' <<< "$err"))" "$status" 0
is "a row for each size, choice beside the sweep's best" "$(sed -n '/^# judged: allreduce, native/,$p' <<< "$out" |
	grep -cE '^ +(64|4096) +-?[0-9.]+ .*[a-z] \| [a-z]')" 2
like "its verdict" "$out" '^# verdict coll=allreduce backend=native mean_loss_percent='
unlike "no data were wrong" "$out" 'WRONG'
ok "its rules load" timeout 180 "$COLLTUNE" tune --check "$tmp/rules.json" -t 2 --net shm --budget 1s
tap_done
