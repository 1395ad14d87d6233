#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# accept with backend nccl over a STAND-IN for its library and driver: figures of a profile are measured at the
# sizes that it asks for, and times of GPUs are not held against floors of the host's memory.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99

host=$COLLTUNE_MODULE_DIR/nccl-host.so
cd "$tmp" || exit 99
cat > gpus.yaml <<'END'
schema: colltune-profile/1
name: gpus
title: a stand-in's
figures:
  - operation: allreduce
    backend: nccl
    from: 256K
    busbw: 0.000001
    source: "made up: any library reaches it"
  - operation: alltoall
    backend: nccl
    from: 128K
    nodes_from: 2
    busbw: 1
    source: "made up, of another number of nodes"
  - operation: reduce
    from: 1K
    to: 1K
    busbw: 0.000001
    source: "made up: of any backend"
END
small=(--stages "environment,collectives" --rounds 1 -e 4K --no-algorithms --budget 60s)
run timeout -s KILL 360 "$COLLTUNE" accept -g 2 --coll native,nccl --nccl-lib "$host" --gpu-lib "$host" \
	"${small[@]}" --profile ./gpus.yaml --json verdict.json
like "the library and the stand-in are named" "$out" '^environment: nccl default: .*STAND-IN'
like "a figure above the largest message is measured" "$out" '^  allreduce +nccl +from +256K .* effic\. [0-9.]+ +(pass|inconclusive)'
like "one of every backend and size" "$out" '^  reduce +any +from +1K .* effic\. [0-9.]+ +(pass|inconclusive)'
like "one of another number of nodes is not" "$out" '^  alltoall +nccl +from +128K .* is of another number of nodes'
is "only what was asked for is larger" "$(jq -r '[.figures[] | select(.bytes > 4096) | "\(.coll) \(.bytes)"] |
	unique | join(",")' verdict.json)" "allreduce 262144"
is "no floor of the host's memory for GPUs" "$(jq -c '[.figures[] | select(.candidate.backend == "nccl") | .expected] |
	unique' verdict.json)" "[null]"
# without a list of backends NCCL is tried, and its absence is no failure
run timeout -s KILL 360 "$COLLTUNE" accept -t 2 --nccl-lib ./none.so --gpu-lib none --stages environment \
	--budget 2s --profile ./gpus.yaml
like "a library that is not there is left out by name" "$out" '^environment: nccl default left out: .*none\.so'
like "its figures say so" "$out" 'not measured here: needs backend nccl'
tap_done
