#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The backend verbs (RDMA operations themselves) and the verb perftest over simulated InfiniBand.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/fake/fake.sh"
plan 40

raw() {
	ranks 2 bench p2p --coll verbs -n 3 -w 3 --budget 10ms --timeout 180s "$@"
}
# rows_right NAME ROWS: as right, but rows that say N/A are neither
rows_right() {
	is "$1 ends well" "$status" 0
	is "$1: rows, all of them right" "$(awk '$1 ~ /^[0-9]+$/ && $9 != "N/A" { n++; bad += $9 != 0 }
		END { print n + 0, bad + 0 }' <<< "$out")" "$2 0"
}
# pair TEST ARGUMENT…: one side waits, the other names it; sets status, out and err of who names,
# $waiter_status of who waits
pair() {
	local port=$((20000 + RANDOM % 10000)) pid i
	LD_PRELOAD=$CT_BUILDDIR/.libs/fakeib.so timeout -s KILL 180 "$COLLTUNE" perftest "$1" -p "$port" \
		"${@:2}" > "$tmp/waiter" 2> "$tmp/waiter.err" &
	pid=$!
	for ((i = 0; i < 600; i++)); do
		grep -q waiting "$tmp/waiter.err" && break
		read -rt 0.1 <> <(:) || :
	done
	run env LD_PRELOAD="$CT_BUILDDIR/.libs/fakeib.so" timeout -s KILL 180 "$COLLTUNE" perftest "$1" \
		-p "$port" "${@:2}" "${named[@]-127.0.0.1}"
	waiter_status=0
	wait "$pid" || waiter_status=$?
}

fabric devices=2
raw -b 8 -e 8 --algo all
rows_right "every operation, 8 bytes" 26
raw -b 2 -e 128K -f 256 --algo write,send,read -d half
rows_right "sizes" 27
raw -b 64 -e 4K -f 64 --kinds oneway,duplex --window 300 \
	--algo write:qps=4:list=8:cq_mod=16,send:qps=2:list=4:inline=64,read:qps=2
rows_right "queue pairs, lists, completions" 12
like "the head says that it was simulated" "$out" 'SIMULATED device'
ranks 3 bench p2p --coll verbs -b 64 -e 64 -n 3 -w 3 --budget 10ms --kinds oneway,duplex --pairs incast \
	--algo write,send,read
rows_right "incast, 2 to 1" 6
ranks 3 bench p2p --coll verbs -b 64 -e 64 -n 3 -w 3 --budget 10ms --kinds oneway --pairs outcast \
	--algo write,send,read
rows_right "its mirror" 3
raw -b 16 -e 16 --algo fetch_add --kinds latency
like "an atomic of 16 bytes is no atomic" "$out$err" 'fetch_add moves 8 bytes, not 16'
raw -b 8K -e 8K --algo send_ud --kinds latency
like "a datagram has its limit" "$out$err" 'send_ud on fakeib0 carries 1 to 4096 bytes'

for name in write_lat send_lat read_lat atomic_lat; do
	pair "$name" -n 200
	is "$name: exit status of both" "$status $waiter_status" "0 0"
	is "$name: perftest's columns" "$(awk '$1 ~ /^[0-9]+$/ { print NF, $2 }' <<< "$out")" "9 200"
done
for name in write_bw send_bw read_bw; do
	pair "$name" -n 300 -s 4096 -q 2 -t 32
	is "$name: exit status of both" "$status $waiter_status" "0 0"
	is "$name: perftest's columns" "$(awk '$1 ~ /^[0-9]+$/ { print NF, $1, $2 }' <<< "$out")" \
		"5 4096 300"
done
pair write_bw -b -D 0.3 --window 50ms --series "$tmp/series"
is "bidirectional, for a duration" "$status $waiter_status" "0 0"
like "windows are shown" "$out" 'windows: slowest [0-9.]+ MB/sec at [0-9.]+ s'
ok "and written" grep -Eq '^65536,[0-9.]+,[0-9.]+,[0-9]+,' "$tmp/series"
pair write_bw -c UC -n 300 -s 4096
is "writes over UC" "$status $waiter_status" "0 0"
like "they say whose word it is" "$out" "rates are of the sender's completions, what is lost is not seen"
pair send_lat -c UD -n 100
is "datagrams" "$status $waiter_status" "0 0"

ranks 2 perftest write_lat -n 100
is "two ranks of a launcher" "$status $(grep -cE '^ 2 +100 ' <<< "$out")" "0 1"

run "$COLLTUNE" perftest write_lot
is "a test that is none: exit status" "$status" 2
like "a test that is none: the nearest" "$err" 'no test "write_lot"; did you mean write_lat'
run "$COLLTUNE" perftest write_lat -B
like "an option that is none: the nearest" "$err" 'unknown option -B; did you mean -b'
for size in write_lat:3 atomic_lat:16; do
	run timeout 60 "$COLLTUNE" perftest "${size%:*}" -s "${size#*:}"
	is "${size/:/ of }: refused before anybody waits" "$status $(grep -c . <<< "$err")" "2 1"
done
run "$COLLTUNE" perftest write_lat -p 1 --timeout 200ms 127.0.0.1
is "nobody waits: one line, exit status" "$status $(grep -c 'nobody waits on 127.0.0.1 port 1' <<< "$err")" \
	"4 1"
tap_done
