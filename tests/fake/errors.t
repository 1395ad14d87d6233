#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The transport verbs when simulated InfiniBand fails: every completion status, events of ports, queue
# pairs and devices in mid-run, limits. Each ends the job before its deadline, in words that name
# the device, the port, the peer, the queue pairs, the syndrome and the likely cause.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/fake/fake.sh"

bench=(bench allreduce --net verbs -b 8 -e 128K -f 16384 -n 3 --budget 50ms --timeout 180s)
# threads: two ranks as threads of one process
threads() {
	run env LD_PRELOAD="$CT_BUILDDIR/.libs/fakeib.so" timeout -s KILL 270 "$COLLTUNE" "${bench[@]}" -t 2
}
# no_deadline NAME: the last run ended by itself
no_deadline() {
	unlike "$1: not by its deadline" "$err" 'deadline of'
}

# ---- before it starts ----
fabric devices=2 state=down
threads
told "a port that is down" 'verbs: fakeib[01] port 1 is down, needed is PORT_ACTIVE .*subnet manager'
fabric lid=0
threads
told "no LID" 'verbs: fakeib0 port 1 has LID 0, needed is one that a subnet manager assigned'
fabric max_qp=0
threads
told "too few queue pairs" 'verbs: device fakeib0 has max_qp 0, needed is 1 for 2 ranks'
fabric max_mr=1
threads
told "too few registrations" 'verbs: fakeib0 cannot register [0-9]+ bytes'
export told_status='3|4' # an environment that fails, or a peer that is lost
fabric subnet=1 fakeib1.subnet=2 devices=2 timeouts=0.001
threads
told "two subnets that nothing joins" 'verbs: fakeib[01] port 1, to rank [01] on fakeib[01] .* 12, .*LID is unreachable'

# ---- a completion fails ----
while read -r number cause; do
	fabric devices=2
	ctl fail fakeib1 send 30 "$number" $((number + 0x100))
	threads
	told "status $number" "verbs: fakeib1 port 1, to rank [01] on fakeib0 \(QP [0-9]+, its [0-9]+\): .*\
\(status $number, vendor syndrome 0x$(printf %x $((number + 0x100)))\): .*$cause"
	no_deadline "status $number"
done << 'CAUSES'
1 longer than its buffer
2 this device failed
4 memory of this rank is not registered
5 ended by an earlier error
6 memory window
7 answered what cannot be
8 not registered for what the peer wrote
9 another path MTU
10 peer's memory is not registered
11 peer's device failed
12 LID is unreachable
13 its process hangs
16 peer's device gave up
19 this device failed
20 began to answer
21 gives no reason
CAUSES
fabric devices=2 timeouts=0.001
ctl fail fakeib1 recv 30 4
threads
told "a receive fails" 'verbs: fakeib1 port 1, to rank [01] on fakeib0 .*\(status 4, vendor syndrome 0xfa04\)'
no_deadline "a receive fails"

# ---- something happens in mid-run ----
# after NAME REGEX WORD…: two processes; the words of fakeib-ctl come true at the 40th message
after() {
	local name=$1 regex=$2
	shift 2
	fabric devices=2 timeouts=0.01
	ctl "$@" after 40
	ranks 2 "${bench[@]}"
	told "$name" "$regex"
	no_deadline "$name"
}
after "the port goes down" \
	'fakeib1 port 1: the port went down.*port error|fakeib0 port 1, to rank [01] on fakeib1 .*status 12' \
	port fakeib1 down
after "the LID changes" 'fakeib1 port 1: its LID changed from 5 to 99|on fakeib1 .*status 12' \
	lid fakeib1 99
after "a queue pair fails" 'fakeib1 port 1, to rank [01] \(QP [0-9]+, its [0-9]+\): local catastrophic QP error|on fakeib1 .*status 12' \
	qp-fatal fakeib1
after "the device fails" 'fakeib1 port 1: the device failed.*local catastrophic error|on fakeib1 .*status 12' \
	device-fatal fakeib1
tap_done
