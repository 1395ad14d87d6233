#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Where buffers lie: huge pages, and memory of a GPU that a made-up libcuda offers, whose bytes reach
# simulated InfiniBand through a dma-buf alone. No figure of hardware.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/fake/fake.sh"

cd "$tmp" || exit 99
# shellcheck disable=SC2086 # CC may be of several words
ok "the made-up libcuda is built" ${CC:-cc} -shared -fPIC -o libcuda.so.1 "$CT_SRCDIR/tests/fake/cumem.c"
# gpu WORD…: colltune by two ranks that have it
gpu() {
	LD_LIBRARY_PATH="$tmp" ranks 2 "$@"
}
bench=(-n 3 -w 3 --max-iters 3 --budget 10ms --timeout 180s)

fabric devices=2
run env LD_LIBRARY_PATH="$tmp/nowhere" "$COLLTUNE" bench p2p -t 2 -e 8 --memory cude
is "no such memory: exit status" "$status" 2
like "no such memory: the nearest" "$err" 'no memory "cude"; did you mean cuda'
run env CT_FAKE_GPUS=0 LD_LIBRARY_PATH="$tmp" "$COLLTUNE" bench p2p -t 2 -e 8 --memory cuda
is "no GPU: exit status" "$status" 3
like "no GPU: says so" "$err" 'CUDA: no GPU can be used'
run env LD_LIBRARY_PATH="$tmp" "$COLLTUNE" bench p2p -t 2 -e 8 --memory cuda:7
like "a GPU that is not there" "$status $err" '^3 .*no GPU 7, there are 2'

ranks 2 bench allreduce --net verbs -b 8 -e 1M -f 512 "${bench[@]}" --memory huge
right "huge pages" 2
like "the head tells the memory" "$out" '^# memory huge: '

gpu bench p2p --coll verbs -b 8 -e 8 --algo all --memory cuda "${bench[@]}"
is "GPU memory: ends well" "$status" 0
is "GPU memory: rows, all of them right" "$(awk '$1 ~ /^[0-9]+$/ && $9 != "N/A" { n++; bad += $9 != 0 }
	END { print n + 0, bad + 0 }' <<< "$out")" "24 0"
like "what needs the processor's eyes says so" "$out$err" 'told by the last byte in memory'
gpu bench p2p --coll verbs -b 64 -e 1M -f 128 --algo write,send,read --kinds oneway,duplex \
	--memory cuda:1 "${bench[@]}"
right "GPU memory, sizes" 18
gpu bench p2p --net verbs -b 8 -e 1M -f 64 --memory cuda "${bench[@]}"
right "GPU memory over the transport" 9
gpu bench allreduce --net verbs -b 8 -e 64 --memory cuda "${bench[@]}"
like "what only the host's memory does says so" "$status $(tr '\n' ' ' <<< "$err")" \
	'^3 .*takes memory of the host only for allreduce, not cuda'
CT_FAKE_DMABUF=0 LD_LIBRARY_PATH="$tmp" ranks 2 bench p2p --coll verbs -b 64 -e 64 --algo send \
	--memory cuda "${bench[@]}"
like "no dma-buf, and nothing else that takes it" "$out$err" 'no dma-buf \(CUDA: this driver or GPU exports'
gpu bench ladder -n 2 -w 1 --max-iters 3 --budget 5ms -b 8 -e 8K --window 4 --timeout 180s
is "the ladder has its rung" "$(grep -Ec '^ +2  verbs, GPU memory +[0-9]' <<< "$out")" 2
gpu bench p2p --coll verbs -b 64 -e 64 --algo send --kinds oneway --memory cuda --json "$tmp/gpu.jsonl" "${bench[@]}"
like "the record says where the buffers lay" "$(cat "$tmp/gpu.jsonl")" '"candidate":\{[^}]*"memory":"cuda"'
tap_done
