#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The ladder and two fabrics in one run over simulated InfiniBand devices: no figure of hardware.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/fake/fake.sh"
plan 12

fabric devices=2
ranks 2 bench ladder -n 2 -w 1 --max-iters 3 --budget 5ms -b 8 -e 8K --window 4 --timeout 180s
like "the ladder: a verdict or a doubt" "$status" '^[05]$'
is "verbs is the lowest rung of both ladders" \
	"$(grep -Ec '^ +1  verbs, host memory +[0-9]' <<< "$out")" 2
is "native's messages stand on it" \
	"$(grep -Ec '^ +3  native/verbs messages .*[%-]      1  [0-9]' <<< "$out")" 2
like "GPU memory says why it is missing" "$out" '2  verbs, GPU memory +missing: .*libcuda'

ranks 2 bench allreduce --net verbs:fakeib0,verbs:fakeib1 --compare -n 2 -w 1 --max-iters 3 \
	--budget 5ms -b 8 -e 4K -f 512 --placement out --timeout 180s
is "two devices: exit status" "$status" 0
like "two devices: both are judged" "$out" 'rounds: A 8, B 8'
like "two devices: each rank used the one that was named" "$out" '# Verdict: .* In all: of 2 points'
is "two devices: nothing wrong" "$(grep -c 'Out of bounds values : 0 OK' <<< "$out")" 2

# Both link layers in one run, as hosts with an InfiniBand and a RoCE port have them.
fabric devices=2 fakeib1.link=ethernet
ranks 2 bench allreduce --net verbs:fakeib0,verbs:fakeib1 --compare -n 2 -w 1 --max-iters 3 \
	--budget 5ms -b 8 -e 4K -f 512 --placement out --timeout 180s
is "InfiniBand beside RoCE: exit status" "$status" 0
like "InfiniBand beside RoCE: one side by LID" "$out" 'fakeib0 port 1, .* LID [0-9]+'
like "InfiniBand beside RoCE: the other by GID" "$out" 'fakeib1 port 1, .* RoCE v2 GID 0 fd'
is "InfiniBand beside RoCE: nothing wrong" "$(grep -c 'Out of bounds values : 0 OK' <<< "$out")" 2
tap_done
