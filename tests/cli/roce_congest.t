#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune roce congest with ranks as threads: patterns, records, before and after, bad input. Loopback: what
# is looked at is that figures are there and add up, not how large they are.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
congest=("$COLLTUNE" roce congest --net tcp --size 16K --span 20ms)

ok "four ranks" "${congest[@]}" -t 4 --rounds 2 --out a
like "says that there is no fabric" "$out" '^one host: no switch and no cable is loaded'
for pattern in 'incast, 2 flows' 'outcast, 2 flows' 'alltoall, 12 flows' 'permutation, 4 flows'; do
	like "$pattern" "$out" "^$pattern: goodput [0-9.]+ .?B/s, slowest flow .*Jain's fairness (0\.[0-9]+|1\.0000)"
done
is "a victim beside incast and outcast" "$(grep -c '^  victim, 64 B one way: p50 ' <<< "$out")" 2
is "congestion impact" "$(grep -c '^  congestion impact .*: [0-9.]*$' <<< "$out")" 2
is "records: operations, patterns, rounds" "$(python3 -c '
import json
seen = {}
for line in open("a/points.jsonl"):
    r = json.loads(line)
    if r["kind"] == "point":
        seen.setdefault((r["coll"], r["candidate"]["algo"]), set()).add(r["round"])
        assert r["candidate"]["backend"] == "congest" and r["candidate"]["net"] == "tcp"
for (coll, algo), rounds in sorted(seen.items()):
    print(coll, algo, len(rounds))')" "p2p_latency incast-victim 2
p2p_latency incast-victim-alone 2
p2p_latency outcast-victim 2
p2p_latency outcast-victim-alone 2
p2p_oneway alltoall 2
p2p_oneway incast 2
p2p_oneway outcast 2
p2p_oneway permutation 2"
ok "two ranks over shared memory" "$COLLTUNE" roce congest -t 2 --net shm --size 4K --span 5ms --rounds 1 \
	--pattern incast,permutation
unlike "two ranks: no victim" "$out" 'victim'
like "flows over rounds are judged from four flows and eight rounds on" "$("${congest[@]}" -t 4 --rounds 8 --span 50ms \
	--pattern permutation | tr -s '\n ' ' ')" 'flows over rounds with new connections: of 32 \(flow, round\) pairs [0-9]+ had'
like "fewer are not" "$("${congest[@]}" -t 2 --rounds 1 --pattern permutation)" \
	'^  flows over rounds: not judged, needed are 8 rounds and 4 flows$'
like "fan-in" "$("${congest[@]}" -t 5 --rounds 1 --pattern incast --fan-in 1)" '^incast, 1 flow:'

run "${congest[@]}" -t 4 --rounds 2 --out b --baseline a --note 'Kmin 150 KB to 120 KB'
like "before and after: exit status" "$status" '^[015]$'
like "before and after: compared" "$out" '^# colltune compare: two sets of results'
like "before and after: too few rounds say nothing" "$out" 'inconclusive|2 rounds'
like "journal" "$(cat b/notes.jsonl)" '"note": *"Kmin 150 KB to 120 KB", *"baseline": *"a"'
like "journal: by whom and when" "$(cat b/notes.jsonl)" '"at": *"20[0-9-]+T[0-9:]+Z", *"by": *"[^"]+"'

bad() {
	local what=$1 why=$2
	shift 2
	run timeout 180 "${congest[@]}" "$@"
	is "$what: exit status" "$status" 2
	like "$what: why" "$err" "$why"
}
bad "one rank" 'needs two ranks' --rounds 1
bad "a pattern misspelt" 'pattern incats: not known; did you mean "incast"' -t 2 --pattern incats
bad "no pattern" 'names none' -t 2 --pattern ''
bad "a baseline without --out" 'need --out' -t 2 --baseline a
bad "a size that does not fit" 'multiple of 16' -t 2 --size 1000
bad "a background without classes" 'background-tc needs --net verbs: "tcp" has no traffic class' -t 2 --background-tc 32
bad "a background's size that does not fit" 'background-size: not a multiple of 16' -t 2 --background-size 1000
tap_done
