#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune roce watch and check, live over soft RoCE: loss, delay, a rate limit and marks of a queue are seen
# within two intervals, loss and marks are named by check. Started outside, it starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --seconds 1500 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/roce.t"
fi
. "${CT_SRCDIR:?}/tests/tap.sh"
plan 18
cd "$tmp" || exit 99

timeout 900 "$MPIRUN" --bind-to none --oversubscribe -n 2 "$COLLTUNE" bench allreduce -b 64K -e 64K \
	--placement out --net verbs --ib-tc 2 -n 100000000 --budget 3600s --timeout 1200s > traffic 2>&1 &
traffic=$!
until [ "$(counter rxe1 sent_pkts)" -gt 500 ] || ! kill -0 "$traffic"; do
	sleep 0.2
done

# two LOOKS: two intervals of watch in $out, its newest look in look.json
two() {
	run timeout 180 "$COLLTUNE" roce watch --interval 2s --duration 4s --json look.json
}
# sum NAME: of all ports in the newest look
sum() {
	grep -oE "\"$1\": *[0-9.]+" look.json | awk '{ n += $NF } END { printf "%.0f\n", n }' FS='[: ]+'
}
judged() {
	run timeout 180 "$COLLTUNE" roce check --window 8s
}

two
is "without a fault: two looks at two ports" "$(grep -cE '^ *[0-9.]+ s .* rxe[12]:1 ' <<< "$out")" 4
like "what soft RoCE has no counter for" "$out" 'paused -  pauses others -  pause in -  pause out -  marks -  CNPs -  again'
ok "without a fault: traffic" test "$(sum tx_Bps)" -gt 100000
judged
like "without a fault: no mark, no pause" "$out" '^1 host, '
unlike "without a fault: no mark is found" "$out" 'ce-marks'

lossy 1 5%
lossy 2 5%
two
like "loss: packets are missed" "$out" 'rxe[12]:1 .*  again [1-9][0-9]*  lost [1-9]|lost [1-9]'
judged
like "loss: named" "$out" 'warning \(silent-loss\): rxe[12] port 1: sent again or noticed losses [0-9]+ times'
like "loss: soft RoCE has no pause to be seen" "$out" 'pause not exposed'
is "loss: exit status" "$status" 1
plain 1
plain 2

# Each all-reduce of 64 KiB waits for a packet to host 1: at most 25 a second, from two ports.
late 1 40ms
two
ok "delay: no more than it allows, within two intervals" test "$(sum tx_Bps)" -lt 4000000
plain 1
rate 1 1mbit
two
ok "rate limit: not far beyond it, within two intervals" test "$(sum tx_Bps)" -lt 1000000
plain 1

ecn 1 5mbit
two
like "marks: seen within two intervals" "$out" 'marked IP packets [1-9]'
ok "marks: the queue marked" test "$(marked 1)" -gt 0
kill "$traffic"
wait "$traffic" 2> /dev/null

run timeout 450 "$MPIRUN" --bind-to none --oversubscribe -n 2 "$COLLTUNE" roce check --traffic --net verbs --ib-tc 106 \
	--size 16K --span 500ms --timeout 360s
like "marks: soft RoCE has no notifications" "$out" 'cnp_tx not exposed, cnp_rx not exposed'
came=$(tr -s '\n ' ' ' <<< "$out" |
	sed -n 's/.*(ce-marks): \([1-9][0-9]*\) packets came with a congestion mark (IpExtInCEPkts); marks and not.*/\1/p')
ok "marks: named by check --traffic" test "${came:-0}" -gt 0
ok "marks: no more than tc counted" test "${came:-0}" -le "$(marked 1)"
plain 1

run "$COLLTUNE" roce facts
like "facts: the port" "$out" '^  rxe1 port 1, e1, counters of rxe$'
like "facts: no DCB on a veth" "$out" 'not read: e1: PFC, ETS and DSCP map \(DCB\): '
tap_done
