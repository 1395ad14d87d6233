#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The real libnccl over InfiniBand verbs: its own transport NET/IB between two pretended nodes, each with a
# soft RoCE device, on the STAND-IN for CUDA, clean and with one packet in a hundred lost. Started outside, the
# test starts itself again inside.
. "${CT_SRCDIR:?}/tests/tap.sh"
if [ -z "${CT_IN_TESTBED-}" ]; then
	[ -e "$CT_BUILDDIR/tests/nccl/lib/libcuda.so.1" ] || skip_all "configured without libnccl 2.28.9"
	rm -rf "$tmp"
	exec "$CT_SRCDIR/scripts/testbed" --seconds 560 run -- \
		env CT_IN_TESTBED=1 bash "$CT_SRCDIR/tests/testbed/nccl.t"
fi
plan 8
# 2.28.9 ends in its initialisation when there is a device, unless both of these say no to its newer transport.
export NCCL_GIN_ENABLE=0 NCCL_GIN_TYPE=2
# so that a lost acknowledgement costs 0.1 s, not 4
export NCCL_IB_DISABLE=0 NCCL_MAX_NCHANNELS=1 NCCL_IB_TIMEOUT=14 CT_FAKE_GPUS=1

# moved NAME TIMES SIZE…: all operations by two ranks, a node each
moved() {
	local name=$1 times=$2
	shift 2
	run timeout -s KILL 250 env NCCL_DEBUG=INFO NCCL_DEBUG_SUBSYS=INIT,GRAPH,NET \
		NCCL_DEBUG_FILE="$tmp/log.%p" "$CT_SRCDIR/tests/nccl/stand-in" \
		"$CT_BUILDDIR/tests/nccl/moves" -q -g 1 -n 2 -d rxe -i "$times" 2 "$@"
	is "$name: every operation, no element wrong" \
		"$status $(awk '{ n[$1]++; bad += $6 } END { print length(n), bad + 0 }' <<< "$out")" "0 7 0"
	[ "$status" = 0 ] || printf '%s\n' "$out" "$err" "$(tail -n 5 "$tmp"/log.*)" | sed 's/^/# /'
}

# sum NAME: of the two devices' counters
sum() {
	echo $(($(counter rxe1 "$1") + $(counter rxe2 "$1")))
}

before=$(sum sent_pkts)
moved "clean" 1 1024 262144
log=$(cat "$tmp"/log.*)
like "NCCL's own words" "$log" 'via NET/IB/0'
like "the node's own device is used" "$log" 'NET/IB : Using \[0\]rxe2:1/RoCE'
# 7 calls of 256 KiB or more each way in packets of 4096 bytes
ok "the bytes went over the RDMA devices" test $(($(sum sent_pkts) - before)) -gt 900

lossy 1 1%
lossy 2 1%
gaps=$(sum out_of_seq_request) again=$(($(sum rcvd_seq_err) + $(sum completer_retry_err)))
moved "one packet in a hundred lost" 1 262144 262144
lost=$(ip netns exec sw tc -s qdisc show | awk '$6 == "(dropped" { n += $7 } END { print n + 0 }')
ok "packets were dropped ($lost)" test "$lost" -gt 0
ok "the receiver's counter shows gaps" test $(($(sum out_of_seq_request) - gaps)) -gt 0
ok "the sender's counters show what was sent again" \
	test $(($(sum rcvd_seq_err) + $(sum completer_retry_err) - again)) -gt 0
tap_done
