#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The command killed at random moments: what was measured is on disk, --resume goes on and ends with a verdict.
# CT_KILLS: how many moments [3].
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
RANDOM=4711
kills=${CT_KILLS:-3}
args=(accept -t 3 --net tcp --budget 2s --rounds 2 -e 4K --no-algorithms --out kept)

# points: complete records on disk
points() {
	[ ! -e kept/points.jsonl ] || grep -c '"kind":"point".*}$' kept/points.jsonl
}

resume=()
lost=0 before=0
for ((i = 0; i < kills; i++)); do
	"$COLLTUNE" "${args[@]}" "${resume[@]}" > out 2> err &
	job=$!
	# a moment of the run, not of the clock: after so many more points, or its end
	want=$((before + 1 + RANDOM % 12)) tries=3000
	until [ "$(points || true)" -ge "$want" ] 2> /dev/null || ! kill -0 "$job" 2> /dev/null ||
		[ $((tries--)) = 0 ]; do
		read -rt 0.01 <> <(:) || true
	done
	kill -KILL "$job" 2> /dev/null
	wait "$job" 2> /dev/null
	now=$(points || true)
	[ "${now:-0}" -ge "$before" ] || lost=1
	before=${now:-0}
	if [ -e kept/run.json ]; then
		resume=(--resume)
	else
		rm -rf kept
	fi
done
is "$kills kills: nothing that was on disk is lost" "$lost" 0
ok "$kills kills: points were kept" [ "$before" -gt 0 ]
run timeout 360 "$COLLTUNE" "${args[@]}" "${resume[@]}"
like "resumed: ends with a verdict" "$out" '^verdict: (pass|warn|fail|inconclusive)'
like "resumed: exit status" "$status" '^[015]$'
ok "resumed: more is there" [ "$(points)" -ge "$before" ]
is "resumed: each record is whole" "$(grep -vc '^{.*}$' kept/points.jsonl)" 0
tap_done
