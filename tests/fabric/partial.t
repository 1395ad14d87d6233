#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A fabric that does not answer all over, and one that changes: partial, said, in bounded time.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/fabric/ibsim.sh"
cd "$tmp" || exit 99

# until_seen COMMAND…: the console is done when COMMAND says so
until_seen() {
	local tries=0
	until "$@" || [ $((tries += 1)) -gt 1200 ]; do
		sleep 0.05
	done
}

# ends N: ibnetdiscover sees N ends of cables
ends() {
	[ "$(fabric ibnetdiscover 2> /dev/null | grep -c '^\[')" = "$1" ]
}

fewer() {
	! ends 64
}

"$CT_SRCDIR/tests/fabric/fattree" 16 > net
fabric_up net
fabric_console 'Unlink "H9"'
until_seen ends 62
run fabric "$COLLTUNE" topo --fabric
like "a host is gone" "$out" '^  15 hosts with 15 adapters, 8 switches .*, 31 links$'
fabric_console 'ReLink "H9"'
until_seen ends 64
fabric_console 'Error "H5"[1] 100'
until_seen fewer
run fabric "$COLLTUNE" topo --fabric --save f
is "a host does not answer: exit" "$status" 5
like "a host does not answer: said" "$out" '^  partial: [0-9]+ ports? (is|are) up, but what is at the other end'
like "a host does not answer: the rest is there" "$out" '^  15 hosts '
run "$COLLTUNE" topo --fabric --load f
is "from its file: exit" "$status" 5
like "from its file: said" "$out" 'note \(fabric-partial\)'
tap_done
