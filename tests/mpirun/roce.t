#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune roce under mpirun: facts of a job's hosts gathered, congestion between processes, ports watched.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
ranks() {
	run timeout 360 "$MPIRUN" --bind-to none --oversubscribe -n "$@"
}
python3 "$CT_SRCDIR/tests/roce/trees.py" trees > list || exit 99

ranks 3 "$COLLTUNE" roce check --json c.json
like "check: exit status" "$status" '^[05]$' # 5: no RoCE port here
like "check: a host is asked once" "$out" '^1 host, 0 warnings$'
is "check: JSON" "$(python3 -c '
import json
c = json.load(open("c.json"))
print(c["schema"], len(c["hosts"]), c["hosts"][0]["schema"], c["between"])')" \
	"colltune-roce-check/1 1 colltune-roce-facts/1 []"
ranks 2 "$COLLTUNE" roce watch --sysroot trees/bnxt-healthy --interval 100ms --duration 300ms
is "watch: exit status" "$status" 0
like "watch: the host's port" "$out" ' bnxt_re0:1 '
ranks 4 "$COLLTUNE" roce congest --net tcp --size 4K --span 10ms --rounds 1
is "congest: exit status" "$status" 0
like "congest: incast" "$out" '^incast, 2 flows: goodput'
like "congest: victim" "$out" '^  victim, 64 B one way'
# shellcheck disable=SC2016 # for the shell that is started
ranks 2 bash -c 'exec "$0" roce congest --net tcp --span 10ms --rounds $((OMPI_COMM_WORLD_RANK + 1))' "$COLLTUNE"
is "ranks that were asked for different things: exit status" "$status" 3
like "ranks that were asked for different things: named" "$err" 'rank 1 was started with --rounds 2, rank 0 with 1'
tap_done
