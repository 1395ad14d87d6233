#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune roce congest over soft RoCE: an incast of 3:1 with a victim and a background of another class; congestion
# with loss and without compared. Started outside, it starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --hosts 4 --seconds 1500 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/roce_congest.t"
fi
. "${CT_SRCDIR:?}/tests/tap.sh"
plan 11
cd "$tmp" || exit 99

# ranks N WORD…: of roce
ranks() {
	local n=$1
	shift
	run timeout 720 "$MPIRUN" --bind-to none --oversubscribe -n "$n" "$COLLTUNE" roce "$@" --timeout 600s
}

# small counts: an emulated machine with more ranks than processors
congest=(congest --net verbs --rounds 1 --size 4K --in-flight 2 --span 500ms --pattern incast)
lossy 1 5%
ranks 5 "${congest[@]}" --ib-tc 106 --background-tc 32 --background-size 16K
is "incast over verbs: exit status" "$status" 0
like "incast over verbs: 3 to 1" "$out" '^incast, 3 flows: goodput [1-9][0-9.]* .?B/s, slowest flow '
like "incast: a victim" "$out" '^  victim, 64 B one way: p50 [0-9]'
like "incast: the background, in a class of its own" "$out" \
	'^  beside a background of 5 flows, messages of 16K in traffic class 32 \(DSCP 8\): goodput [1-9][0-9.]* .?B/s'
like "incast: what the ports counted" "$(tr -s '\n ' ' ' <<< "$out")" \
	'RDMA ports: traffic tx_packets [1-9][0-9]*.*; loss rx_out_of_sequence [1-9].*retransmission'
plain 1

# Loss taken away: significant, and the counters that changed are named.
pair=(congest --net verbs --rounds 8 --size 64K --span 200ms --pattern permutation)
lossy 1 5%
lossy 2 5%
ranks 2 "${pair[@]}" --out before
is "before: exit status" "$status" 0
plain 1
plain 2
ranks 2 "${pair[@]}" --out after --baseline before --note 'loss taken away'
is "after: not worse than before" "$status" 0
like "after: faster, significantly" "$out" '^# Verdict: .*faster'
like "after: the lossy side is the baseline" "$out" 'A is the lossy side: [1-9][0-9]* retransmissions per 1000 operations'
like "after: the counters that changed" "$out" '^# RDMA ports per 1000 operations: rx_out_of_sequence A [1-9]'
like "after: note" "$(cat after/notes.jsonl)" 'loss taken away'
tap_done
