# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# A job in the background of which a test stops or ends a rank. Source after tests/tap.sh.
#
#   job RANKS ARGUMENT…    starts colltune under mpirun; $job is mpirun's process
#   rank_process RANK      prints the process of a rank
#   await_points DIR N     waits (20 s at most) until DIR/points.jsonl has N points
#   end_job                waits for mpirun; sets $job_status, $job_out, $job_err
job=

job() {
	local ranks=$1
	shift
	timeout -s KILL 180 "$MPIRUN" --oversubscribe -n "$ranks" "$COLLTUNE" "$@" \
		> "$tmp/job.out" 2> "$tmp/job.err" < /dev/null &
	job=$!
}

# $job is timeout's process: mpirun is its child, and the ranks are mpirun's.
mpirun_process() {
	pgrep -P "$job" | head -n 1
}

rank_process() {
	local pid
	for pid in $(pgrep -P "$(mpirun_process)"); do
		if tr '\0' '\n' < "/proc/$pid/environ" 2> /dev/null |
			grep -qx "OMPI_COMM_WORLD_RANK=$1"; then
			echo "$pid"
			return
		fi
	done
	return 1
}

points() {
	grep -c '"kind":"point"' "$1/points.jsonl" 2> /dev/null
}

await_points() {
	local i n
	for ((i = 0; i < 2400; i++)); do
		n=$(points "$1")
		[ "${n:-0}" -ge "$2" ] && return
		sleep 0.05
	done
	return 1
}

# $job_status, $job_out and $job_err are for the test that sources this file.
# shellcheck disable=SC2034
end_job() {
	job_status=0
	wait "$job" || job_status=$?
	job_out=$(cat "$tmp/job.out")
	job_err=$(cat "$tmp/job.err")
}

state_of() {
	sed -n 's/^ *"state": "\(.*\)",*$/\1/p' "$1/run.json"
}
