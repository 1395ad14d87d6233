#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune accept between threads: verdict, exit status and what is kept agree.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
tiny=(accept -t 2 --budget 1s -e 4K --rounds 2 --no-algorithms)

# field FILE NAME: a number or word of the top level of a JSON file as colltune writes it
field() {
	sed -En "s/^  \"$2\": \"?([^\",]*)\"?,?\$/\\1/p" "$1"
}

verdict_agrees() {
	case $(field "$1/verdict.json" verdict) in
	pass | warn) is "$2: pass is 0" "$status" 0 ;;
	fail) is "$2: fail is 1" "$status" 1 ;;
	inconclusive | unjudged) is "$2: inconclusive is 5" "$status" 5 ;;
	*) is "$2: a verdict" "$(field "$1/verdict.json" verdict)" "one of the verdicts" ;;
	esac
	is "$2: the exit status in verdict.json" "$(field "$1/verdict.json" exit)" "$status"
	is "$2: the last lines" "$(tail -n 1 <<< "$out")" "results: $1"
	like "$2: the verdict line" "$out" "^verdict: $(field "$1/verdict.json" verdict)"
}

run timeout 180 "$COLLTUNE" "${tiny[@]}" --out first --json verdict.json
verdict_agrees first "accept"
is "accept: nothing on stderr" "$err" ""
is "accept: run.json" "$(field first/run.json state)" "done"
ok "accept: --json is the same verdict" cmp first/verdict.json verdict.json
is "accept: one machine file" "$(find first/machines -name '*.json' | wc -l)" 1
ok "accept: which topo shows" "$COLLTUNE" topo --load "$(find first/machines -name '*.json')"
is "accept: rank 0 alone may read it" "$(stat -c %a first first/points.jsonl | tr '\n' ' ')" "700 600 "
run timeout 30 "$COLLTUNE" view first
like "accept: view shows it" "$out" '^first: accept, done; [1-9][0-9]* points'

kept=$(wc -l < first/points.jsonl)
run timeout 180 "$COLLTUNE" "${tiny[@]}" --out first --json verdict.json --resume
verdict_agrees first "resumed"
ok "resumed: nothing is lost" [ "$(wc -l < first/points.jsonl)" -ge "$kept" ]

run timeout 180 "$COLLTUNE" "${tiny[@]}" --stages environment,map --out some
verdict_agrees some "some stages"
unlike "some stages: nothing else is measured" "$out" '^(pairs|collectives): '

run timeout 180 "$COLLTUNE" "${tiny[@]}" --net-fault corrupt:nth=3 --out bad
verdict_agrees bad "a corrupt transport"
is "a corrupt transport: exit status" "$status" 1
like "a corrupt transport: said at the end" "$out" '^FAULT INJECTED: corrupt:nth=3'
run timeout 180 "$COLLTUNE" "${tiny[@]}" --net-fault corrupt:nth=3 --exit-style nagios
is "a corrupt transport, for Nagios" "$status" 2
tap_done
