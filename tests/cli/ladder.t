#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune bench ladder by threads, without RDMA and MPI: rungs, reasons, records, exit statuses.
. "${CT_SRCDIR:?}/tests/tap.sh"
python=/usr/bin/python3
plan 19

ladder() {
	run timeout 450 "$@" -n 2 -w 1 --max-iters 3 --budget 5ms -b 8 -e 64K
}

ladder "$COLLTUNE" bench ladder -t 2 --net shm --out "$tmp/out"
like "a verdict or a doubt" "$status" '^[05]$'
is "two ladders" "$(grep -c '^# Ladder, \(latency\|rate\): ' <<< "$out")" 2
like "verbs keeps its rung" "$out" '1  verbs, host memory +missing: the ladder stands on --net shm'
like "GPU memory keeps its rung" "$out" '2  verbs, GPU memory +missing: '
# Where there is no memory for the floors, there is no model.
like "native is held against the model" "$out" '3  native/shm messages .*( model  | - +alone)'
like "MPI's rung says why it is empty" "$out" '4  MPI messages +missing: .*mpirun'
like "NCCL's rung too" "$out" '5  NCCL messages +missing: '
like "a collective stands on messages" "$out" '7  allreduce, native/shm .*[%-]      3 '
like "what is expected is told" "$out" '# 3 expected: S / copy .*hop| - +alone'
is "ten rounds of five tests in the records" \
	"$(grep -c '"kind":"point"' "$tmp/out/points.jsonl")" 50
is "ladder.json says the same" "$("$python" -c '
import json, sys
made = json.load(open(sys.argv[1]))
latency, rate = made["ladders"]
print(made["schema"], [r["rounds"] for r in rate["rungs"]], latency["rungs"][5]["against"],
      all(l["sentence"] in sys.argv[2] for l in made["ladders"]))' "$tmp/out/ladder.json" "$out")" \
	"colltune-ladder/1 [0, 0, 10, 0, 0, 10, 10] 2 True"
before=$(grep '^# Ladder' <<< "$out")
ladder "$COLLTUNE" bench ladder -t 2 --net shm --out "$tmp/out" --resume
is "resumed: nothing is measured, the same is said" "$(grep '^# Ladder' <<< "$out")" "$before"
is "resumed: no record more" "$(grep -c '"kind":"point"' "$tmp/out/points.jsonl")" 50

ladder taskset -c 0 "$COLLTUNE" bench ladder -t 2 --net shm --rounds 3
is "more ranks than processors: exit status" "$status" 5
is "more ranks than processors: no claim" \
	"$(grep -c '^# Ladder.*: inconclusive (more ranks than processors)' <<< "$out")" 2
ladder "$COLLTUNE" bench ladder -t 2 --net shm --rounds 2 --net-fault corrupt:nth=1
is "wrong data: exit status" "$status" 1
is "wrong data: named" "$(grep -c '^# Ladder.*: wrong data at native/shm messages' <<< "$out")" 2
ladder "$COLLTUNE" bench ladder
is "one rank: exit status" "$status" 2
like "one rank: why" "$err" 'ladder needs at least 2 ranks'
tap_done
