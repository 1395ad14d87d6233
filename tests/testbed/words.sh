# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What the tests of the test bed share, inside: sourced after tests/tap.sh.

# ranks N ARGUMENT…: bench by N ranks
ranks() {
	local n=$1
	shift
	run timeout 540 "$MPIRUN" --bind-to none --oversubscribe -n "$n" "$COLLTUNE" bench "$@" \
		-n 3 --budget 50ms --timeout 360s
}

# right NAME ROWS: the last run succeeded and printed ROWS rows, none of them wrong
right() {
	is "$1: status, rows, wrong ones" "$status $(awk '$1 ~ /^[0-9]+$/ { n++; bad += $9 != 0 }
		END { print n + 0, bad + 0 }' <<< "$out")$(grep '^colltune bench:' <<< "$err")" "0 $2 0"
}

# each_operation N ARGUMENT…: point-to-point, all-reduce and all-to-all by N ranks, small and large
each_operation() {
	local n=$1
	shift
	ranks "$n" p2p -b 16 -e 64K -f 4096 --kinds latency,duplex "$@"
	right "p2p, $n ranks" 4
	ranks "$n" allreduce -b 16 -e 64K -f 4096 --placement out "$@"
	right "allreduce, $n ranks" 2
	ranks "$n" alltoall -b 16 -e 64K -f 4096 --placement out "$@"
	right "alltoall, $n ranks" 2
}

# lossy_run NAME N ARGUMENT…: an all-reduce of 128 packets a message while one in a hundred is lost
lossy_run() {
	local name=$1 n=$2
	shift 2
	ranks "$n" allreduce -b 512K -e 512K --placement out --counters "$@"
	right "$name" 1
	like "$name: the difference of the counters shows it" "$out" 'rx_out_of_sequence [1-9]'
}

# during DEVICE WORDS ARGUMENT…: two ranks all-reduce without end as ARGUMENT… says; once DEVICE has sent some
# packets WORDS are done, then all is as after "run"
during() {
	local device=$1 words=$2 from job tries=600
	shift 2
	from=$(counter "$device" sent_pkts)
	timeout 540 "$MPIRUN" --bind-to none --oversubscribe -n 2 "$COLLTUNE" bench allreduce \
		-b 64K -e 64K --placement out --net verbs "$@" > "$tmp/.out" 2> "$tmp/.err" &
	job=$!
	until [ $(($(counter "$device" sent_pkts) - from)) -gt 500 ] || [ $((tries--)) = 0 ]; do
		sleep 0.2
	done
	eval "$words"
	status=0
	wait "$job" || status=$?
	out=$(cat "$tmp/.out")
	err=$(cat "$tmp/.err")
}
