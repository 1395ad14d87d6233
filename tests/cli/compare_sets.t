#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune compare: made-up records with a known answer, real runs of which one is delayed, and bad
# input. With CT_GOLDEN=write tests/fixtures/compare.txt is written anew; read the difference then.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
escape=$'\033'

# environment MACHINE OPTIONS: the first line of a file of records
environment() {
	printf '%s' '{"schema":"colltune-result/1","kind":"environment","command":"bench allreduce",' \
		'"version":"0.1.0","started":"2026-11-22T05:00:00Z","kernel":"6.1","architecture":"x86_64",' \
		'"clock":{"source":"CLOCK_MONOTONIC","step_ns":1,"cost_ns":20},"nranks":2,' \
		'"hosts":[{"name":"node1","ranks":2,"cpus":4}],"oversubscribed":false,' \
		"\"machine\":\"sha256:$1\",\"options\":{$2},\"seed\":\"1\",\"synchronised_by\":\"barrier\"}"
	echo
}

# points NET BYTES ROUNDS NS: 0.2 % apart, expected 500 ns, one retransmit an operation over tcp
points() {
	awk -v net="$1" -v bytes="$2" -v rounds="$3" -v ns="$4" 'BEGIN {
		for (r = 0; r < rounds; r++) {
			t = int(ns * (1 + 0.002 * r))
			printf "{\"schema\":\"colltune-result/1\",\"kind\":\"point\",\"round\":%d,", r
			printf "\"coll\":\"allreduce\",\"type\":\"float\",\"op\":\"sum\",\"root\":0,"
			printf "\"in_place\":false,\"window\":64,\"asked_bytes\":%d,\"bytes\":%d,", bytes, bytes
			printf "\"count\":%d,\"nranks\":2,\"pairs\":0,\"candidate\":{\"backend\":\"native\",", bytes / 4
			printf "\"net\":\"%s\",\"algo\":\"\",\"knobs\":{}},\"path\":\"p\",\"library\":\"l\",", net
			printf "\"status\":\"ok\",\"why\":\"\",\"inner\":1,\"samples\":2,\"median_ns\":%d,", t
			printf "\"low_ns\":%d,\"high_ns\":%d,\"confidence\":0.5,\"min_ns\":%d,", t, t, t
			printf "\"max_ns\":%d,\"mean_ns\":%d,\"p50_ns\":%d,\"p95_ns\":%d,\"p99_ns\":%d,", t, t, t, t, t
			printf "\"first_ns\":1,\"warmup\":1,\"wrong\":0,\"checked\":1,\"overhead_ns\":0,"
			printf "\"algbw_Bps\":1,\"busbw_Bps\":1,\"messages_per_s\":0,\"precise\":true,"
			printf "\"oversubscribed\":false,\"verdict\":\"unjudged\",\"counters\":{\"rx_bytes\":0,"
			printf "\"tx_bytes\":0,\"retransmits\":%d,\"switches\":0,", net == "tcp" ? 2 : 0
			printf "\"forced_switches\":0,\"page_faults\":0},\"expected\":{\"time_ns\":500,"
			printf "\"busbw_Bps\":1,\"formula\":\"f\",\"basis\":\"b\"},\"efficiency\":1,"
			printf "\"samples_ns\":[%d,%d]}\n", t, t
		}
	}'
}

{
	environment a '"net":"shm"'
	points shm 8 8 1000
	points shm 64 8 1000
	points shm 512 8 1000
	points shm 4096 3 1000
	points shm 8192 8 1000
} > a.jsonl
{
	environment b '"net":"tcp","net-fault":"delay:nth=1:ms=1"'
	points tcp 8 8 2000
	points tcp 64 8 1010
	points tcp 512 8 500
	points tcp 4096 8 9000
	points tcp 16384 8 1000
} > b.jsonl

run "$COLLTUNE" compare a.jsonl b.jsonl --json made.json
is "made up: exit status" "$status" 1
[ "${CT_GOLDEN-}" = write ] && printf '%s\n' "$out" > "$CT_SRCDIR/tests/fixtures/compare.txt"
printf '%s\n' "$out" > got.txt
ok "made up: the whole text" diff "$CT_SRCDIR/tests/fixtures/compare.txt" got.txt
like "made up: JSON" "$(tr -d ' \n' < made.json)" '"bytes":8,"a":.*"result":"slower","worse":true'
run "$COLLTUNE" compare b.jsonl a.jsonl
is "the other way round, the other size is slower" "$(awk '$1 == 512 { print $NF }' <<< "$out")" slower

run "$COLLTUNE" compare a.jsonl a.jsonl
is "few rounds at one size: exit status" "$status" 5
like "few rounds at one size: said" "$out" ' 4K .* inconclusive: 3 rounds, 8 needed$'
grep -v '"bytes":4096,' a.jsonl > c.jsonl
ok "equal data" "$COLLTUNE" compare c.jsonl c.jsonl
like "equal data: said" "$out" 'the same within 5 % from 8 to 8K\. In all: no regression'

{
	sed 1d a.jsonl
	sed 1d b.jsonl
} | cat <(environment a '') - > both.jsonl
run "$COLLTUNE" compare both.jsonl both.jsonl --a-candidate native/shm --b-candidate native/tcp
is "two candidates of one file: exit status" "$status" 1
like "two candidates of one file: a note" "$out" '^# one run, its candidates measured in turns$'

# A rank that receives each message ten milliseconds late is slower than one that does not, on a busy
# machine too.
bench=("$COLLTUNE" bench allreduce -t 2 --rounds 8 -b 64 -e 4K -f 64 -n 6 -w 1 --max-iters 6 --budget 20ms
	--placement out --net shm)
ok "a run" timeout 180 "${bench[@]}" --out clean
ok "a delayed run" timeout 180 "${bench[@]}" --json late.jsonl --net-fault delay:nth=1:ms=10
run "$COLLTUNE" compare clean late.jsonl
is "delayed: exit status" "$status" 1
like "delayed: the verdict" "$out" '^# Verdict: .* B is slower from 64 to 4K .* worse than A at 2 of 2'
like "delayed: the cause" "$out" '^# warning: B: faults were injected on purpose: --net-fault delay'
is "delayed: significant at each size" "$(awk '$NF == "slower" && $(NF - 1) < 0.05' <<< "$out" | wc -l)" 2
run "$COLLTUNE" compare late.jsonl clean
is "without the delay it is faster" "$status" 0
sed -i 's/"state": "done"/"state": "killed"/' clean/run.json
run "$COLLTUNE" compare clean late.jsonl
like "a run that was killed" "$out" '^# warning: A: .* state is "killed"$'

# refused STATUS NAME PATTERN ARGUMENT…: that exit status and one line that fits
refused() {
	local expected=$1 name=$2 pattern=$3
	shift 3
	run "$COLLTUNE" compare "$@"
	is "$name: exit status" "$status" "$expected"
	is "$name: one line" "$(printf '%s\n' "$err" | wc -l)" 1
	like "$name: says why" "$err" "$pattern"
	is "$name: nothing else" "$out" ""
}
bad() {
	refused 2 "$@"
}
mkdir broken none
sed '3s/"median_ns":/"median":/' a.jsonl > broken/points.jsonl
sed '2s,colltune-result/1,colltune-result/9,' a.jsonl > other.jsonl
head -c 2500 a.jsonl > cut.jsonl
head -n 1 a.jsonl > bare.jsonl
bad "one argument" 'needs an argument: A B' a.jsonl
refused 3 "no such file" '^colltune compare: nowhere: No such file or directory$' a.jsonl nowhere
refused 3 "an empty directory" 'none/points.jsonl: No such file' none a.jsonl
bad "a malformed line" '^colltune compare: broken/points.jsonl:3: /median' broken a.jsonl
bad "another schema" 'other.jsonl:2: /schema: ' a.jsonl other.jsonl
bad "a cut-off line" 'cut.jsonl:[0-9]+: the last line is cut off' cut.jsonl a.jsonl
bad "no points" 'bare.jsonl: no points in it' a.jsonl bare.jsonl
bad "no such candidate" -- a.jsonl b.jsonl --a-candidate mpi
like "no such candidate: those there are" "$err" 'no candidate fits "mpi"; there is native/shm default'
run "$COLLTUNE" compare a.jsonl b.jsonl --json a.jsonl/x
is "unwritable --json: exit status" "$status" 3
is "unwritable --json: one line" "$(wc -l <<< "$err")" 1

sed '1s/"name":"node1"/"name":"\\u001b[2Jnode"/; 1s/"kernel":"6.1"/"kernel":"\\u001b[31m"/' \
	a.jsonl > "${escape}[2J.jsonl"
run "$COLLTUNE" compare a.jsonl "${escape}[2J.jsonl"
is "no escape reaches the terminal" "$(grep -c "$escape" <<< "$out$err")" 0
like "but the difference is told" "$out" '^# warning: kernel differs: A 6.1, B \?\[31m$'
tap_done
