#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Backend nccl over the real libnccl over InfiniBand verbs: NCCL's own transport NET/IB between two pretended
# nodes, each with a soft RoCE device, on the STAND-IN for CUDA, clean and with one packet in a hundred lost;
# then the ladder with NCCL's rungs. Its figures are the emulators'. Started outside, the test starts itself
# again inside.
. "${CT_SRCDIR:?}/tests/tap.sh"
if [ -z "${CT_IN_TESTBED-}" ]; then
	[ -e "$CT_BUILDDIR/tests/nccl/lib/libcuda.so.1" ] || skip_all "configured without libnccl 2.28.9"
	rm -rf "$tmp"
	exec "$CT_SRCDIR/scripts/testbed" --seconds 1500 run -- \
		env CT_IN_TESTBED=1 bash "$CT_SRCDIR/tests/testbed/nccl.t"
fi
# 2.28.9 ends in its initialisation when there is a device, unless both of these say no to its newer transport.
export NCCL_GIN_ENABLE=0 NCCL_GIN_TYPE=2
# so that a lost acknowledgement costs 0.3 s, not 4; eight in a row, which a loaded machine may take for lost, 2 s
export NCCL_IB_DISABLE=0 NCCL_MAX_NCHANNELS=1 NCCL_IB_TIMEOUT=16 CT_FAKE_GPUS=2
export NCCL_DEBUG=INFO NCCL_DEBUG_SUBSYS=INIT,GRAPH,NET NCCL_DEBUG_FILE="$tmp/log.%p"
# two processes without a launcher
export WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 COLLTUNE_JOB_TOKEN=of-this-guest-alone

# both NAME PORT ARGUMENT…: begins colltune by two ranks, each with a GPU, on a node of NCCL's and with a device of
# its own; finish NAME waits for it
both() {
	local rank name=$1 port=$2
	shift 2
	for rank in 0 1; do
		RANK=$rank COLLTUNE_BOOT_PORT=$port NCCL_HOSTID=node$rank NCCL_IB_HCA="=rxe$((rank + 1)):1" \
			timeout -s KILL 750 "$CT_SRCDIR/tests/nccl/stand-in" "$COLLTUNE" "$@" --boot env --timeout 600s \
			> "$tmp/$name.$rank.out" 2> "$tmp/$name.$rank.err" < /dev/null &
		jobs[$name]+="$! "
	done
}

# two NAME PORT ARGUMENT…: begins bench NAME so
two() {
	both "$1" "$2" bench "$1" "${@:3}" -w 1 --max-iters 1 -n 1 --budget 1ms
}

finish() {
	local job
	status=0
	for job in ${jobs[$1]}; do
		wait "$job" || status=$?
	done
	jobs[$1]=
	out=$(cat "$tmp/$1.0.out")
	err=$(cat "$tmp/$1".?.err)
}
declare -A jobs

# right NAME ROWS: the last run ended well, showed so many rows, none of them with a wrong element
right() {
	is "$1: status, rows, wrong ones" "$status $(awk '$1 ~ /^[0-9]+$/ { n++; bad += $9 != 0 }
		END { print n + 0, bad + 0 }' <<< "$out")" "0 $2 0"
	[ "$status" = 0 ] || printf '%s\n' "$err" "$(tail -n 5 "$tmp"/log.*)" | sed 's/^/# /'
}

# sum NAME: of the two devices' counters
sum() {
	echo $(($(counter rxe1 "$1") + $(counter rxe2 "$1")))
}

# each NAME OPTION…: collectives by bench, then all-reduce, all-to-all and messages as rungs of the ladder
each() {
	local name=$1 coll port=4567 colls="allreduce allgather reduce_scatter broadcast reduce"
	shift
	# all at once: what a rank waits for costs as much as what it does
	for coll in $colls; do
		two "$coll" $((port++)) --coll nccl -b 256K -e 256K --placement out
	done
	for coll in $colls; do
		finish "$coll"
		right "$name: $coll" 1
	done
	like "$name: the table says what it stands on" "$out" 'NCCL 2\.28\.9; stand-in, no GPU'
	rm -rf "$tmp/ladder"
	two ladder $port -b 8 -e 64K --window 2 --rounds 1 --out "$tmp/ladder" "$@"
	finish ladder
	is "$name: the ladder ends, with too few rounds for a verdict" "$status" 5
	[ "$status" = 5 ] || printf '%s\n' "$err" "$(tail -n 5 "$tmp"/log.*)" | sed 's/^/# /'
	like "$name: the ladder says what it stands on" "$out" '^# [0-9]+: stand-in, no GPU'
	is "$name: its rungs of NCCL, wrong elements, and what they stand on" "$(python3 -c '
import json, sys
for ladder in json.load(open(sys.argv[1]))["ladders"]:
    for rung in ladder["rungs"]:
        if "nccl" in rung["name"].lower():
            print(ladder["what"], rung["coll"], rung["rounds"], rung["wrong"], rung.get("path"))' \
		"$tmp/ladder/ladder.json" 2>&1)" "$(printf "%s 1 0 stand-in, no GPU, driver for CUDA 13.0\n" \
		"latency p2p_latency" "latency allreduce" "rate p2p_duplex" "rate alltoall" "rate allreduce")"
}

before=$(sum sent_pkts)
each "clean" --net verbs
for rung in 'verbs, host memory' 'native/verbs messages' 'NCCL messages' 'allreduce, nccl'; do
	is "the ladder: $rung, latency and rate" "$(grep -Ec "^ +[0-9]+  $rung +[0-9.]+ " <<< "$out")" 2
done
log=$(cat "$tmp"/log.*)
like "NCCL's own words" "$log" 'via NET/IB/0'
like "the node's own device is used" "$log" 'NET/IB : Using \[0\]rxe2:1/RoCE'
# at least 256 KiB one way by five operations, each twice, in packets of 4096 bytes
ok "the bytes went over the RDMA devices" test $(($(sum sent_pkts) - before)) -gt 600

# Which class NCCL's packets leave with, as the kernel sees them pass: DSCP 8 where the contract has 26.
NCCL_IB_TC=32 both rides 4600 roce check --traffic --net verbs --ib-tc 106 --size 16K --span 100ms
finish rides
said=$(tr -s '\n ' ' ' <<< "$out")
for device in rxe1 rxe2; do
	like "check --traffic: NCCL by $device" "$said" \
		"rode: $device: nccl \\(NCCL 2\\.28\\.9\\) rode on DSCP 8 \\((9.|100) %\\); priority not exposed; told 32, DSCP 8, by NCCL_IB_TC"
	like "check --traffic: $device: not as the contract says" "$said" \
		"advice \\(library-contract\\): $device port 1: nccl: (9.|100) % of [1-9][0-9]* packets left with DSCP 8; the contract has DSCP 26"
done
[ "$tap_failed" = 0 ] || printf '%s\n' "$out" "$err" | sed 's/^/# /'

lossy 1 1%
lossy 2 1%
gaps=$(sum out_of_seq_request) again=$(($(sum rcvd_seq_err) + $(sum completer_retry_err)))
each "one packet in a hundred lost" --net shm --coll nccl
lost=$(ip netns exec sw tc -s qdisc show | awk '$6 == "(dropped" { n += $7 } END { print n + 0 }')
ok "packets were dropped ($lost)" test "$lost" -gt 0
ok "the receiver's counter shows gaps" test $(($(sum out_of_seq_request) - gaps)) -gt 0
ok "the sender's counters show what was sent again" \
	test $(($(sum rcvd_seq_err) + $(sum completer_retry_err) - again)) -gt 0
tap_done
