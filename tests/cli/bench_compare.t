#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two transports in one run: devices in --net, and what bench says of one against the other.
. "${CT_SRCDIR:?}/tests/tap.sh"
plan 23

# bench ARGUMENT…: two ranks as threads
bench() {
	run timeout 300 "$COLLTUNE" bench -t 2 --placement out -n 2 -w 1 --max-iters 3 --budget 10ms "$@"
}

bench allreduce --net shm,tcp:lo --compare -b 8 -e 512 -f 64 --json "$tmp/run.jsonl"
is "two transports: exit status" "$status" 0
like "two transports: both are named with their devices" "$out" \
	'A native/shm default, B native/tcp:lo default; rounds: A 8, B 8'
like "two transports: a verdict" "$out" '# Verdict: allreduce float sum, out of place, 2 ranks: .* In all: of 2 points '
is "two transports: nothing but the tables' rows lacks a #" \
	"$(grep -vc '^#' <<< "$out") $(grep -Ec '^ +(8|512) ' <<< "$out")" "4 4"
# A loaded machine may give no floor, of one transport or of both: then nothing is expected.
cell=' +([0-9.]+ [mnu]?s +[0-9]+%|- +-)'
[[ $out == *'exp A  eff    exp B  eff'* ]] || cell=
is "two transports: both times of both sizes, with what is expected" \
	"$(grep -Ec "^# +(8|512) .*[0-9] [mnu]?s, .*\] +([0-9.e-]+|-)$cell$cell  [a-z]" <<< "$out")" 2
is "the record knows the device" "$(grep -c '"net":"tcp:lo"' "$tmp/run.jsonl")" 16
run "$COLLTUNE" compare "$tmp/run.jsonl" "$tmp/run.jsonl" --a-candidate native/shm \
	--b-candidate native/tcp:lo
like "colltune compare reads the same points" "$out" 'A native/shm default, B native/tcp:lo default'

bench allreduce --net shm,tcp -e 8
like "one round: no claim" "$out" 'two transports, one round: no claim can be made'
bench allreduce --net shm,tcp -e 8 --rounds 2
like "few rounds: inconclusive" "$out" 'inconclusive: 2 rounds, 8 needed'
bench allreduce --net shm -e 8 --compare
is "one candidate: exit status" "$status" 2
like "one candidate: why" "$err" '--compare judges two candidates .* here 1 are measured'
bench allreduce --net tcp:nope -e 8
is "a device that is not there: exit status" "$status" 2
like "a device that is not there: why" "$err" 'no interface or address "nope"'

# Columns of the OSU micro-benchmarks 7.5 (osu_latency prints "1", 23 blanks and "3.34").
bench p2p --osu -b 8 -e 64 -f 8 -d int32
is "--osu: the heads of latency and of both bandwidths" \
	"$(grep -E '^# (Size|Avg)' <<< "$out" | sort | uniq -c | sed 's/^ *//')" \
	"$(printf '%s\n' '1 # Size       Avg Latency(us)' '2 # Size      Bandwidth (MB/s)')"
is "--osu: size and number in 28 columns" "$(grep -Ec '^(8|64) {8,9} +[0-9]+\.[0-9]{2}$' <<< "$out") \
$(grep -E '^[0-9]' <<< "$out" | awk '{ print length($0) }' | sort -u)" "6 28"
bench allreduce --osu -b 8 -e 8
like "--osu: a collective" "$out" '# OSU MPI Allreduce Latency Test v7\.5 '
bench allreduce --osu -b 8 -e 8 --net-fault corrupt:nth=1
is "--osu: wrong data are told" "$status $(grep -c 'Out of bounds values : .* FAILED' <<< "$out")" "1 1"

# Columns of perftest 4.5: 9 of a latency, 5 of a rate.
bench p2p --perftest -b 8 -e 64 -f 8 -d int32
is "--perftest: the heads of latency and of both bandwidths" \
	"$(grep '^ #bytes' <<< "$out" | tr -s ' ' | sort | uniq -c | sed 's/^ *//; s/ *$//' |
		sort -n | sed 's/  / /')" \
	"$(printf '%s\n' '1 #bytes #iterations t_min[usec] t_max[usec] t_typical[usec] t_avg[usec] '\
't_stdev[usec] 99% percentile[usec] 99.9% percentile[usec]' \
		'2 #bytes #iterations BW peak[MB/sec] BW average[MB/sec] MsgRate[Mpps]')"
is "--perftest: the columns" "$(awk '/^ [0-9]/ { print NF, $1 }' <<< "$out" | tr '\n' ' ')" \
	"9 8 9 64 5 8 5 64 5 8 5 64 "
is "--perftest: times and rates in order" "$(awk '/^ [0-9]/ && (NF == 9 ? $3 > $5 || $5 > $8 ||
	$8 > $9 || $9 > $4 + 0.01 || $6 < $3 || $6 > $4 || $7 < 0 : $3 + 0.01 < $4)' <<< "$out")" ""
is "--perftest: rate and message rate agree" "$(awk '/^ [0-9]/ && NF == 5 {
	d = $4 * 1.048576 / $1 - $5 # both are rounded
	if (d < 0) d = -d
	if (d > 0.006 / $1 + 0.00001) print }' <<< "$out")" ""
bench allreduce --perftest -b 8 -e 8
is "--perftest: a collective is refused" "$status $(grep -c -- '--perftest shows p2p' <<< "$err")" "2 1"
bench p2p --perftest -b 8 -e 8 --net-fault corrupt:nth=1
is "--perftest: wrong data are told" \
	"$status $(grep -c 'Out of bounds values : .* FAILED' <<< "$out" | sed 's/[1-3]/some/')" "1 some"
tap_done
