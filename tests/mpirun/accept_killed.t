#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Any rank of a job killed in any stage: what was measured is on disk, the report says what is missing, and
# --resume goes on. A moment is a stage and how many more records are on disk by then, no time.
# CT_KILLS: how many moments [2]; CT_KILLS_SEED: others.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/mpirun/ranks.sh"
cd "$tmp" || exit 99
RANDOM=${CT_KILLS_SEED:-1847}
kills=${CT_KILLS:-2}
stages=(pairs collectives ladder congestion soak environment map)
args=(accept --net tcp --budget 1s --rounds 1 -e 4K --no-algorithms --soak 500ms --timeout 180s)

# stage_of DIR: the number of the stage that run.json tells; 0 = none yet
stage_of() {
	local name names=(none environment map internal pairs rails collectives ladder congestion soak) i
	name=$(sed -n 's/^ *"stage": "\(.*\)",*$/\1/p' "$1/run.json" 2> /dev/null)
	for i in "${!names[@]}"; do
		[ "${names[i]}" = "${name:-none}" ] && echo "$i" && return
	done
}

# until_moment DIR STAGE MORE: STAGE or a later one is under way, and MORE records came since; or the job is over
until_moment() {
	local want=0 n first=
	for n in environment map internal pairs rails collectives ladder congestion soak; do
		want=$((want + 1))
		[ "$n" != "$2" ] || break
	done
	while kill -0 "$job" 2> /dev/null; do
		if [ "$(stage_of "$1")" -ge "$want" ]; then
			n=$(points "$1")
			first=${first:-${n:-0}}
			[ "${n:-0}" -lt $((first + $3)) ] || return 0
		fi
		read -rt 0.01 <> <(:) || true
	done
	return 1
}

late=0
for ((i = 0; i < kills; i++)); do
	stage=${stages[i % ${#stages[@]}]} rank=$((RANDOM % 3)) more=$((RANDOM % 4)) dir=kept$i
	# these have no records of their own, or few
	case $stage in environment | map) more=0 ;; esac
	name="kill $i, rank $rank in $stage after $more records"
	job 3 "${args[@]}" --out "$dir"
	until_moment "$dir" "$stage" "$more" || late=$((late + 1))
	seen=$(points "$dir")
	victim=$(rank_process "$rank") && kill -KILL "$victim"
	end_job
	at=$(sed -n 's/^ *"stage": "\(.*\)",*$/\1/p' "$dir/run.json")
	ok "$name: what was seen on disk stays there" [ "$(points "$dir")" -ge "${seen:-0}" ]
	kept=$(points "$dir")
	run "$COLLTUNE" report "$dir"
	if [ "$(state_of "$dir")" = "done" ]; then
		skip "$name: the report says what is missing" "the job came to its end"
	elif [ "${kept:-0}" -gt 0 ]; then
		like "$name: the report says what is missing" "$(tr '\n' ' ' <<< "$status $err")" \
			"^0 .*did not come to its end.* missing: a part of stage $at, in which the run ended"
	else
		is "$name: nothing was measured yet" "$status" 0
	fi
	run timeout -s KILL 360 "$MPIRUN" --oversubscribe -n 3 "$COLLTUNE" "${args[@]}" --out "$dir" --resume
	like "$name: resumed, a verdict" "$(tr '\n' ' ' <<< "$status $out")" '^[015] .*verdict: (pass|warn|fail|inconclusive)'
	is "$name: resumed, its end and whole records" \
		"$(state_of "$dir") $(grep -vc '^{.*}$' "$dir/points.jsonl")" "done 0"
	ok "$name: resumed, nothing is lost" [ "$(points "$dir")" -ge "${kept:-0}" ]
	rm -rf "$dir"
done
ok "most moments came before the job's end ($late of $kills did not)" [ $((2 * late)) -le "$kills" ]

# A kill in the middle of a write cannot be waited for: the record is cut here.
args=(accept -t 2 --net tcp --budget 1s --rounds 1 -e 4K --no-algorithms --stages pairs --out cut)
run timeout 180 "$COLLTUNE" "${args[@]}"
like "a short run" "$status" '^[015]$'
kept=$(points cut)
truncate -s -20 cut/points.jsonl
sed -i 's/"state": "done"/"state": "killed"/' cut/run.json
run "$COLLTUNE" report cut
like "half a record: the report names file and line" "$err" "points.jsonl:$((kept + 1)): a line without its end"
run timeout 180 "$COLLTUNE" "${args[@]}" --resume
like "half a record: resume names file and line" "$err" \
	"cut/points.jsonl:$((kept + 1)): a record that was being written"
is "half a record: measured again" "$(state_of cut) $(grep -vc '^{.*}$' cut/points.jsonl)" "done 0"
ok "half a record: no point is missing" [ "$(points cut)" -ge "$kept" ]
tap_done
