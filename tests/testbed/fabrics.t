#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two fabrics in one run: two machines of scripts/testbed with two soft RoCE links between them, of
# which the second loses one packet in a hundred. Both are measured in turns, so that whatever else
# the machine does meets both, and judged by ranks over rounds: nothing here depends on a clock.
# Started outside, the test starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --guests 2 --hosts 2 --seconds 1500 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/fabrics.t"
fi
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/testbed/words.sh"
plan 11

# sums FILE NET KEY DEVICE: of KEY at DEVICE over all rounds of candidate NET
sums() {
	grep -F "\"net\":\"$2\"" "$1" | grep -o "\"device\":\"$4\",[^}]*}" |
		grep -o "\"$3\":[0-9]*" | awk -F : '{ n += $2 } END { print n + 0 }'
}
cd "$tmp" || exit 99

lossy 2 1%
on testbed2 lossy 2 1%
run timeout 900 "$MPIRUN" -n 2 "$COLLTUNE" bench allreduce --net verbs:rxe1,verbs:rxe2 --compare \
	-b 256K -e 1M -f 4 -n 2 -w 1 --max-iters 3 --budget 50ms --placement out --timeout 600s \
	--json both.jsonl
is "two fabrics: exit status" "$status" 0
is "two fabrics: nothing wrong" "$(grep -c 'Out of bounds values : 0 OK' <<< "$out")" 2
like "two fabrics: rounds in turns" "$out" 'A native/verbs:rxe1 default, B native/verbs:rxe2 default; rounds: A 8, B 8'
is "per size both medians, their intervals, the ratio" \
	"$(grep -Ec '^# +(256K|1M) +[0-9.]+ ?[mu]?s +\[[^]]*\] +[0-9.]+ ?[mu]?s +\[[^]]*\] +[0-9.]+ \[' <<< "$out")" 2
like "the lossy one is slower, by ranks over rounds" "$out" \
	'^# Verdict: allreduce .*B is (slower at 1M|slower from 256K to 1M|.*, slower at 1M)'
like "the verdict names the lossy one" "$out" '^# Verdict: .* B is the lossy side: [1-9]'
like "both fabrics' counters" "$out" '^# RDMA ports per 1000 operations: .*rx_out_of_sequence A [0-9.]+, B [1-9]'
ok "the sender of the lossy fabric went back" test "$(sums both.jsonl verbs:rxe2 retries rxe2)" -gt 0
ok "the receivers of the lossy fabric met gaps" \
	test "$(sums both.jsonl verbs:rxe2 rx_out_of_sequence rxe2)" -gt 8
is "each end for itself: the other fabric's ports met none of it" \
	"$(sums both.jsonl verbs:rxe2 rx_out_of_sequence rxe1)" 0
is "both ends of both links are in the record" "$(tail -n 1 both.jsonl |
	grep -o '"host":"testbed[12]","device":"rxe[12]"' | sort -u | grep -c .)" 4
tap_done
