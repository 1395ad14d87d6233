#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two machines of scripts/testbed as two hosts, and a link that is slow one way: the verdict names the way. Of
# two hosts nobody can tell whether the cable or an end of it is slow: what is named is the way between them.
# Started outside, the test starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --guests 2 --hosts 1 --seconds 560 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/slow.t"
fi
. "${CT_SRCDIR:?}/tests/tap.sh"

# times: how many times slower the worst way is, as a whole number; 0 = none is named
times() {
	local n
	n=$(sed -En 's/^ +1\. testbed[12] to testbed[12]: ([0-9]+)\..* than the way back$/\1/p' <<< "$out")
	echo "${n:-0}"
}

rate 1 500kbit # what this machine sends: 4 KiB take 66 ms
run timeout 480 "$MPIRUN" -n 2 "$COLLTUNE" accept --net verbs --ib-dev rxe1 -e 4K --stages pairs --rounds 1 \
	--no-algorithms --budget 5s --timeout 300s
said=$(tr -s '\n ' ' ' <<< "$out")
like "one way limited: named" "$out" '^ +1\. testbed1 to testbed2: [0-9.]+ times slower .* than the way back$'
ok "one way limited: by far" [ "$(times)" -ge 2 ]
like "one way limited: in the verdict" "$said" 'verdict: .*slow: testbed1 to testbed2'
tap_done
