#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two committed sets of results, from a clean and from a lossy guest of the test bed (soft RoCE in an
# emulated machine): compare names the lossy one, with significance, whichever way round.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
sets=$CT_SRCDIR/results/testbed-soft-roce-emulated
clean=$sets/20261122-f801710-clean.jsonl
lossy=$sets/20261122-f801710-lossy.jsonl

run "$COLLTUNE" compare "$clean" "$lossy" --json b.json
is "lossy second: exit status" "$status" 1
like "lossy second: named, with its retransmissions and significance" "$out" \
	'^# Verdict: .* B is the lossy side: 1448 retransmissions per 1000 operations, A 0 \(p = 1e-05 over rounds\)'
like "lossy second: slower, too" "$out" '^# Verdict: .* B is slower from 32K to 512K .* worse than A at 2 of 2'
like "lossy second: each counter of both sides" "$out" \
	'^# RDMA ports per 1000 operations: rx_out_of_sequence A 0, B 1354; retries A 0, B 1448; seq_naks A 0, B 1302;'
is "lossy second: the warnings do not hide it" "$(grep -c '^# warning' <<< "$out")" 0
is "lossy second: as JSON" "$(python3 -c 'import json
loss, = json.load(open("b.json"))["losses"]
print(loss["side"], loss["a_rate"], loss["p"] < 0.001)')" "b 0.0 True"

run "$COLLTUNE" compare "$lossy" "$clean"
is "lossy first: exit status" "$status" 0
like "lossy first: named" "$out" '^# Verdict: .* A is the lossy side: 1448 retransmissions'
run "$COLLTUNE" compare "$clean" "$clean"
is "clean with itself: not by mistake" "$(grep -c 'lossy side' <<< "$out")" 0
like "clean with itself: said" "$out" 'Neither side had to send anything again\.'
run "$COLLTUNE" compare "$lossy" "$lossy"
like "lossy with itself: no difference" "$out" 'Retransmissions per 1000 operations: A 1448, B 1448 \(p = 1, not significant\)'
tap_done
