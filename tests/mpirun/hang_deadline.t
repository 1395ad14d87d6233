#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A rank that is stopped, and a message that never comes: the job ends by its deadline, names whom
# it waits for, and keeps what it has.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/mpirun/ranks.sh"
fast=(--budget 150ms --precision 0.0001 -n 4 --placement out -f 2)

job 3 bench allreduce -b 8 -e 64M "${fast[@]}" -T 3s --out "$tmp/stop"
ok "points come" await_points "$tmp/stop" 3
started=$SECONDS
kill -STOP "$(rank_process 1)"
end_job
is "a stopped rank: exit status" "$job_status" 4
ok "a stopped rank: ends soon after the deadline" [ $((SECONDS - started)) -le 20 ]
like "a stopped rank: named" "$job_err" '^colltune bench: deadline of 3\.00 s passed on rank [02], host .*, in "allreduce .*"; suspect: .*rank 1'
is "a stopped rank: rank 0 says it once" "$(grep -c 'passed on rank 0' <<< "$job_err")" 1
ok "a stopped rank: points are kept" [ "$(points "$tmp/stop")" -ge 3 ]
is "a stopped rank: run.json" "$(state_of "$tmp/stop")" expired
like "a stopped rank: run.json names it" "$(cat "$tmp/stop/run.json")" '"note": .*rank 1'

job 3 bench allreduce -b 8 -e 1K "${fast[@]}" -T 3s --net-fault drop:nth=50 --out "$tmp/drop"
end_job
is "a lost message: exit status" "$job_status" 4
like "a lost message: who is awaited" "$job_err" '^colltune bench: deadline of 3\.00 s passed on rank 0, .* in "allreduce [0-9]+ B, native/auto default, [a-z -]+"; suspect: rank [12], awaited by rank 0'
is "a lost message: run.json" "$(state_of "$tmp/drop")" expired

run timeout 90 "$COLLTUNE" bench allreduce -t 3 -e 1K "${fast[@]}" -T 2s --net-fault drop:nth=50
is "a lost message between threads: exit status" "$status" 4
is "a lost message between threads: one line" "$(wc -l <<< "$err")" 1
like "a lost message between threads: who is awaited" "$err" 'suspect: rank [0-2], awaited by rank'
tap_done
