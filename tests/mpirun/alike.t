#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Ranks that were asked for different things end at once and say which.
. "${CT_SRCDIR:?}/tests/tap.sh"
plan 8
launch=(timeout 180 "$MPIRUN" --oversubscribe)
bench=("$COLLTUNE" bench allreduce --net tcp -e 64 -n 1 --budget 10ms)

# refused NAME TEXT: the last run ended with status 3 and one line of ours, which is TEXT
refused() {
	is "$1: exit status" "$status" 3
	is "$1: told" "$(grep '^colltune' <<< "$err")" "colltune bench: $2"
}
run "${launch[@]}" -n 1 "${bench[@]}" : -n 2 "${bench[@]}" -f 3
refused "an option that differs" \
	"rank 1 was started with --step-factor 3.0, rank 0 with 4.0: all ranks need the same"
run "${launch[@]}" -n 1 "${bench[@]}" : -n 1 env COLLTUNE_NET=shm \
	"$COLLTUNE" bench allreduce -e 64 -n 1 --budget 10ms
refused "a variable that differs" \
	"rank 1 was started with --net \"shm\", rank 0 with \"tcp\": all ranks need the same"
run "${launch[@]}" -n 1 "${bench[@]}" : -n 1 "$COLLTUNE" accept
refused "another command" \
	"the ranks do not know the same options: another version of colltune, or another command, is among them"
run "${launch[@]}" -n 1 "${bench[@]}" : -n 1 "${bench[@]}" --log error --tcp-iface lo
is "what belongs to a host may differ" "$status" 0
run "${launch[@]}" -n 1 "${bench[@]}" : -n 1 \
	"$COLLTUNE" bench alltoall --net tcp -e 64 -n 1 --budget 10ms
like "another operation" "$err" 'another command: alltoall, rank 0 with allreduce'
tap_done
