#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# topo, list and accept under a launcher; signals that reach a process started by hand.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99

under() {
	local ranks=$1
	shift
	run timeout 270 "$MPIRUN" --oversubscribe --bind-to none -n "$ranks" "$COLLTUNE" "$@"
}

under 3 topo
is "topo: exit status" "$status" 0
like "topo: where the ranks run" "$out" 'ranks 0-2 on PUs? [0-9]'
is "topo: one tree" "$(grep -c '^machine hash' <<< "$out")" 1
under 2 list
is "list: refuses a launcher" "$status" 2
is "list: in one line" "$(grep -c '^colltune' <<< "$err")" 1

under 4 accept --budget 4s -e 16K --rounds 2 --no-algorithms --out accepted
is "accept: exit status as the verdict says" "$status" \
	"$(sed -n 's/^  "exit": \([0-9]*\),*$/\1/p' accepted/verdict.json)"
like "accept: pass, fail or inconclusive" "$status" '^[015]$'
like "accept: the MPI library is measured too" "$out" '^allreduce mpi '
like "accept: the last line" "$(tail -n 1 <<< "$out")" '^results: accepted'

under 1 bench allreduce -e 8 --budget 1ms --coll mpi
is "one process under a launcher: exit status" "$status" 0

# Without a launcher there is no 137: the signal is the exit status.
for signal in INT TERM; do
	"$COLLTUNE" bench allreduce -t 2 -b 8 -e 1M --budget 300ms --precision 0.0001 --out "by$signal" \
		> shown 2> told < /dev/null &
	process=$!
	for ((i = 0; i < 2400; i++)); do
		[ "$(grep -c '"point"' "by$signal/points.jsonl" 2> /dev/null || true)" -ge 2 ] && break
		kill -0 "$process" || break
		sleep 0.05
	done 2> /dev/null
	kill -"$signal" "$process"
	status=0
	wait "$process" || status=$?
	is "SIG$signal: exit status" "$status" $((128 + $(kill -l "$signal")))
	like "SIG$signal: the point is shown" "$(cat shown)" '^ +8 +2 +float'
	like "SIG$signal: and that there should be more" "$(cat shown)" '^# INCOMPLETE'
	like "SIG$signal: run.json" "$(cat "by$signal/run.json")" '"state": "(interrupted|killed)"'
done
tap_done
