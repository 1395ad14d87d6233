#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Backend nccl over a STAND-IN (tests/fake/nccl-host) for a library with NCCL's ABI and its device library:
# every operation, type and place; what is asked of it; what goes wrong in it.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99

host=$COLLTUNE_MODULE_DIR/nccl-host.so
few=(-n 1 --max-iters 1 --budget 1ms -w 2)
over=(--coll nccl --nccl-lib "$host" --gpu-lib "$host")

# bench OPERATION OPTION…: quickly, over the stand-in
bench() {
	run timeout -s KILL 360 "$COLLTUNE" bench "$@" "${over[@]}" "${few[@]}"
}
# Exit status; measured columns, those that cannot be, and wrong elements of all rows.
sums() {
	awk -v status="$status" '/^ *[0-9]/ {
			for (i = 9; i <= 13; i += 4)
				if ($i == "N/A") none++; else { n++; wrong += $i }
		} END { print status, n + 0, none + 0, wrong + 0 }' <<< "$out"
}

# Types times operations, each at two sizes: out of place and in place.
for n in 1 2 3 4 8; do
	for coll in allreduce alltoall allgather reduce_scatter broadcast reduce gather scatter; do
		rows=12
		case $coll in *reduce*) rows=48 ;; esac
		want="0 $((2 * rows)) 0 0"
		[ $coll != alltoall ] || want="0 $rows $rows 0"
		bench $coll -t $n -b 4K -e 20100 -f 4.9 -d all -o all -r $((n - 1))
		is "$coll, $n ranks, every type, operation and place: right" "$(sums)" "$want"
	done
done
# A library before 2.28 has no calls for the two: their names are changed in a copy.
LC_ALL=C sed 's/ncclGather/ncclGathes/g; s/ncclScatter/ncclScattes/g' "$host" > "$tmp/older.so"
for coll in gather scatter; do
	run timeout -s KILL 120 "$COLLTUNE" bench $coll --coll nccl --nccl-lib "$tmp/older.so" --gpu-lib "$tmp/older.so" \
		"${few[@]}" -t 3 -b 4K -e 20100 -f 4.9 -d all -r 1
	is "$coll by messages, every type and place: right" "$(sums)" "0 24 0 0"
done
bench gather -t 2 -b 24 -e 24 -r 2
is "gather: a root that is no rank: exit status" "$status" 2
bench p2p -t 4 --pairs all -b 8 -e 100000 -f 100 -d all
is "messages between two pairs, every type and kind: right" "$(sums)" "0 54 54 0"
bench barrier -t 3
is "barrier" "$status" 0

like "it is labelled: the device" "$out" 'STAND-IN for a GPU on host memory, driver for CUDA 13.0'
like "it is labelled: the library" "$out" 'NCCL 2\.28\.9 ABI \(nccl-host\.so\)'

# What may be asked for.
bench allreduce -t 3 -e 4K -G 1
is "as a graph: right" "$(sums)" "0 10 0 0"
bench alltoall -t 3 -e 4K -G 1 --nonblocking
is "send and receive as a graph, without blocking: right" "$(sums)" "0 4 4 0"
# nccl-tests' groups and its way of not waiting; in place too, where one alone is verified.
bench allreduce -t 3 -e 4K -m 4 --json "$tmp/groups.jsonl"
is "four operations in a group: right" "$(sums)" "0 10 0 0"
is "four operations in a group: so the records say" "$(grep -c '"inner":4,' "$tmp/groups.jsonl")" 10
like "four operations in a group: the head says so" "$out" '# a sample is 4 operations in one group; times are of one'
bench alltoall -t 3 -b 4K -e 4K -m 2 -G 1 -z 3
is "groups of what is a group itself, as a graph: right" "$(sums)" "0 1 1 0"
run timeout -s KILL 120 "$COLLTUNE" bench reduce -t 3 -b 4K -e 4K -m 2 -z 0 -n 5 --max-iters 5 --budget 1ms -w 2 "${over[@]}" \
	--json "$tmp/queue.jsonl"
is "five groups of two without waiting: right, ten operations a sample" \
	"$(sums) $(grep -c '"inner":10,' "$tmp/queue.jsonl")" "0 2 0 0 2"
run timeout -s KILL 120 "$COLLTUNE" bench allreduce -t 2 -e 8 -z 0 --nonblocking "${over[@]}"
is "without waiting on a communicator that does not block: exit status" "$status" 3
run "$COLLTUNE" bench allreduce -t 2 -e 8 -m 2
is "groups of backend native: exit status" "$status" 3
like "groups of backend native: why not" "$err" 'backend native has one operation at a time'
for r in 1 2; do
	bench reduce_scatter -g 4 -e 4K -R $r
	is "buffers registered ($r), four GPUs of a process: right" "$(sums)" "0 8 0 0"
done
bench allreduce -t 2 -g 2 -e 4K --nonblocking
is "without blocking, -t times -g ranks: right" "$(sums)" "0 10 0 0"
like "-t times -g ranks" "$out" 'bench allreduce: 4 ranks on 1 host'
over=(--coll nccl --nccl-lib "$host" --gpu-lib none)
bench allreduce -t 3 -e 4K
is "host memory: right" "$(sums)" "0 10 0 0"
like "host memory: it says so" "$out" 'host memory, no GPU'
bench allreduce -t 2 -e 8 -G 1
is "a graph on host memory: exit status" "$status" 3
over=(--coll nccl --nccl-lib "$host" --gpu-lib "$host")
bench allgather -t 6 -b 4K -e 4K --split 2
is "split into communicators of two ranks: right" "$(sums)" "0 2 0 0"
like "split: the head says so" "$out" '# split by 2: 3 communicators of 2 ranks at once'
is "split: the size is that of two ranks" "$(awk '/^ *4096/ { print $2 }' <<< "$out")" 512
bench allgather -t 6 -e 4K --split 4
is "groups of different sizes: exit status" "$status" 3
run "$COLLTUNE" bench allreduce -t 2 -e 8 --split 1
is "a backend that makes no groups: exit status" "$status" 3
bench allreduce -t 2 -b 1M -e 1M --placement out --json "$tmp/told.jsonl"
# the stand-in's own model: 5 us and 10 GB/s
is "the library's prediction is in the record" \
	"$(grep -o '"told":{"predicted_ns":[0-9]*,"chosen":""}' "$tmp/told.jsonl")" \
	'"told":{"predicted_ns":109857,"chosen":""}'

# What goes wrong in it.
export CT_FAKE_NCCL_FAULT=wrong:rank=1
bench allreduce -t 3 -b 4K -e 4K --placement out
is "one wrong bit: exit status and elements" "$(sums)" "1 1 1 1"
export CT_FAKE_NCCL_FAULT=async:rank=2:nth=3
bench allreduce -t 3 -b 4K -e 4K --out "$tmp/async"
is "an asynchronous error: exit status" "$status" 4
want='asynchronous error during ncclAllReduce: remote process exited .* \(6\): stand-in: an asynchronous error was'
like "an asynchronous error: who, where, which" "$err" "rank 2.*$want"
like "an asynchronous error: in the record" "$(cat "$tmp/async/run.json")" "$want"
export CT_FAKE_NCCL_FAULT=hang:rank=1:nth=3
bench allreduce -t 3 -b 4K -e 4K -T 3s
is "a hang: exit status" "$status" 4
like "a hang: phase and suspect" "$err" \
	'deadline of 3.00 s passed on rank 0.*allreduce 4K B, nccl default.*suspect: .*waits in ncclAllReduce by NCCL'

# Bad input: one line with what was looked for and where, exit 3.
refused() { # NAME REGEX
	is "$1: exit status, lines" "$status $(wc -l <<< "$err")" "3 1"
	like "$1: why" "$err" "$2"
}
export CT_FAKE_NCCL_FAULT=driver
bench allreduce -t 2 -e 8
refused "driver older than the runtime" \
	'ncclCommInitRank: .*driver version is insufficient.*; the driver is for CUDA 13\.0'
unset CT_FAKE_NCCL_FAULT
export CT_FAKE_NCCL_GPUS=2
bench allreduce -t 4 -e 8
refused "fewer GPUs than ranks" \
	'ranks 0 and 2 would be two ranks on one GPU \(0000:10:00.0\): the driver shows 2 GPUs there.*each of 4 ranks'
export CT_FAKE_NCCL_GPUS=0
bench allreduce -t 2 -e 8
refused "no GPU" 'nccl-host.so: initialising the driver: no CUDA-capable device is detected \(100\)'
unset CT_FAKE_NCCL_GPUS
over=(--coll nccl --nccl-lib "$tmp/libnone.so" --gpu-lib "$host")
bench allreduce -t 2 -e 8
refused "no such library" "no library of NCCL: $tmp/libnone.so: cannot open shared object file"
over=(--coll nccl --nccl-lib libm.so.6 --gpu-lib "$host")
bench allreduce -t 2 -e 8
refused "a library of another kind" "libm.so.6 has no ncclGetVersion: it has not NCCL's ABI"
over=(--coll nccl --nccl-lib "$host" --gpu-lib "$tmp/libnone.so")
bench allreduce -t 2 -e 8
refused "no driver" "no GPU driver: $tmp/libnone.so: cannot open shared object file"
over=(--coll nccl --nccl-lib "$host" --gpu-lib libm.so.6)
bench allreduce -t 2 -e 8
refused "a driver of another kind" "libm.so.6 has no hipInit: it is neither CUDA's driver nor HIP"
run "$COLLTUNE" list --nccl-lib "$tmp/libnone.so"
like "list keeps the row and says why" "$out" "cannot run now: no library of NCCL: $tmp/libnone.so: "
tap_done
