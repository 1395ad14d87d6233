#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Signals: a rank killed from outside, and an interrupted job that goes on later.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/mpirun/ranks.sh"
fast=(--budget 150ms --precision 0.0001 -n 4 --placement out -f 2)

job 3 bench allreduce -b 8 -e 64M "${fast[@]}" -T 20s --out "$tmp/kill"
ok "points come" await_points "$tmp/kill" 3
kill -KILL "$(rank_process 2)"
end_job
is "a killed rank: mpirun's exit status" "$job_status" 137
is "a killed rank: run.json" "$(state_of "$tmp/kill")" killed
ok "a killed rank: points are kept" [ "$(points "$tmp/kill")" -ge 3 ]
like "a killed rank: the others say where they were" "$job_err" '^colltune bench: .*rank|^colltune bench: rank [01] ended by SIGTERM; '
like "a killed rank: what was measured is shown" "$job_out" '^ +8 +2 +float +sum'

last=2M
job 2 bench allreduce -b 8 -e $last "${fast[@]}" --out "$tmp/int"
ok "points come again" await_points "$tmp/int" 3
kill -INT "$(mpirun_process)"
end_job
ok "an interrupted job: fails" [ "$job_status" -ne 0 ]
like "an interrupted job: run.json" "$(state_of "$tmp/int")" '^(interrupted|killed)$'
kept=$(points "$tmp/int")
ok "an interrupted job: points are kept" [ "$kept" -ge 3 ]
before=$(head -n $((kept + 1)) "$tmp/int/points.jsonl" | grep '"point"')

ok "resume" timeout 180 "$MPIRUN" --oversubscribe -n 2 "$COLLTUNE" bench allreduce -b 8 -e $last \
	"${fast[@]}" --out "$tmp/int" --resume
is "resume: the table has every size" "$(grep -c '^ *[0-9]\+ \+[0-9]\+ \+float' <<< "$out")" 19
is "resume: every point once" "$(points "$tmp/int")" 19
is "resume: earlier points stand as they were" \
	"$(grep '"point"' "$tmp/int/points.jsonl" | head -n "$kept")" "$before"
is "resume: run.json" "$(state_of "$tmp/int")" "done"
tap_done
