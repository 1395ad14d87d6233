#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The ladder's rungs of backend nccl, over a STAND-IN (tests/fake/nccl-host) for NCCL and a GPU's driver:
# messages on the lowest layer that runs, collectives on NCCL's own messages; each says what it stands on.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99

host=$COLLTUNE_MODULE_DIR/nccl-host.so
# ladder OPTION…: one round over shared memory
ladder() {
	run timeout -s KILL 360 "$COLLTUNE" bench ladder -t 2 --net shm -n 2 -w 1 --max-iters 3 --budget 5ms \
		-b 8 -e 64K --rounds 1 --nccl-lib "$host" --gpu-lib "$host" "$@"
}

ladder --out "$tmp/out"
is "one round is no verdict" "$status" 5
is "send and receive: latency and rate, on native's messages" \
	"$(grep -Ec '^ +5  NCCL messages +[0-9.]+ .*  3  [0-9]' <<< "$out")" 2
is "all-reduce stands on NCCL's messages" "$(grep -Ec '^ +[0-9]+  allreduce, nccl +[0-9.]+ .*  5  [0-9]' \
	<<< "$out")" 2
is "all-to-all too" "$(grep -Ec '^ +[0-9]+  alltoall, nccl +[0-9.]+ .*  5  [0-9]' <<< "$out")" 1
is "labelled: both ladders" "$(grep -c '^# 5: STAND-IN for a GPU on host memory' <<< "$out")" 2
is "labelled: the record" "$(python3 -c '
import json, sys
for ladder in json.load(open(sys.argv[1]))["ladders"]:
    for rung in ladder["rungs"]:
        if "nccl" in rung["name"].lower():
            print(rung["rounds"], rung["wrong"], rung["path"].split(",")[0])' "$tmp/out/ladder.json" | sort -u)" \
	"1 0 STAND-IN for a GPU on host memory"

ladder --coll native
like "not asked for: it says so" "$out" '^ +5  NCCL messages +missing: not in --coll native'
export CT_FAKE_NCCL_GPUS=1
ladder
like "two ranks on one GPU: which" "$out" '^ +5  NCCL messages +missing: .*ranks 0 and 1 would be two ranks on one GPU'
unset CT_FAKE_NCCL_GPUS
export CT_FAKE_NCCL_FAULT=wrong:rank=1
ladder
is "wrong data: exit status" "$status" 1
like "wrong data: the rung is named" "$out" '^# Ladder, .*: wrong data at .*(NCCL messages|nccl)'
tap_done
