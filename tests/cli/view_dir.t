#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune view: finished, running and damaged directories; nothing in them reaches the terminal raw.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
escape=$'\033'

ok "a run" timeout 90 "$COLLTUNE" bench allreduce -t 2 -b 8 -e 128 --budget 1ms --placement out \
	--out run
ok "a run: the machine file" "$COLLTUNE" topo --load "$(find run/machines -name '*.json')"
ok "finished" timeout 30 "$COLLTUNE" view run
is "finished: the head" "$(head -n 1 <<< "$out")" "run: bench allreduce, done; 3 points"
is "finished: the points" "$(awk '$1 == "allreduce" { print $4 }' <<< "$out" | tr '\n' ' ')" "8 32 128 "

cp -r run broken
sed -i 's/"state": "done"/"state": "running"/; s/"note": "[^"]*"/"note": "a\\u001b[2Jb\\nc"/' broken/run.json
{
	echo 'no record'
	echo '{"schema":"colltune-result/9","kind":"point"}'
	sed -n 2p run/points.jsonl
	printf '\033[2J\n'
	printf '{"schema":"colltune-result/1","kind":"poi'
} >> broken/points.jsonl
ok "running, damaged" timeout 30 "$COLLTUNE" view --once broken
is "running, damaged: the head" "$(head -n 1 <<< "$out")" "broken: bench allreduce, running; 4 points"
like "running, damaged: what could not be read" "$out" '^3 lines could not be read; the last: line 8: '
is "running, damaged: no escape" "$(grep -c "$escape" <<< "$out$err")" 0
like "running, damaged: the note in one line" "$out" '^note: a\?\[2Jb\?c$'

cp -r run wrong
sed -i '2s/"wrong":0/"wrong":3/' wrong/points.jsonl
ok "wrong data" timeout 30 "$COLLTUNE" view wrong
like "wrong data: said" "$out" 'WRONG DATA$'

cp -r run cut
head -c 40 run/run.json > cut/run.json
run timeout 30 "$COLLTUNE" view cut
is "a cut run.json: exit status" "$status" 2
is "a cut run.json: one line" "$(wc -l <<< "$err")" 1

if command -v script > /dev/null; then
	cp -r run live
	sed -i 's/"state": "done"/"state": "running"/' live/run.json
	(
		sleep 0.5
		sed 's/"state": "running"/"state": "done"/' live/run.json > live/new
		mv live/new live/run.json
	) &
	ok "followed on a terminal" timeout 60 script -qec "'$COLLTUNE' view --interval 20ms live" typed
	is "followed on a terminal: running, then done" \
		"$(grep -ao 'bench allreduce, [a-z]*' typed | uniq | tr '\n' ' ')" \
		"bench allreduce, running bench allreduce, done "
	wait
else
	skip "followed on a terminal" "script(1) is not installed"
fi
tap_done
