#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune topo --fabric counts what ibnetdiscover counts, on simulated fat trees, and tells how long
# both took.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/fabric/ibsim.sh"
cd "$tmp" || exit 99

# least COMMAND…: milliseconds, the least of three runs; told, not judged
least() {
	local best=999999 began took
	for _ in 1 2 3; do
		began=$(date +%s%N)
		fabric "$@" > least.out 2>&1
		took=$((($(date +%s%N) - began) / 1000000))
		[ "$took" -ge "$best" ] || best=$took
	done
	echo "$best"
}

# counts FILE: hosts, switches, links of what ibnetdiscover printed, each link seen from both ends
counts() {
	awk '/^Ca/ { hosts++ } /^Switch/ { switches++ } /^\[[0-9]+\]/ { ends++ }
		END { print hosts + 0, switches + 0, ends / 2 }' "$1"
}

for hosts in 16 324 1296; do
	"$CT_SRCDIR/tests/fabric/fattree" "$hosts" > "net.$hosts"
	fabric_up "net.$hosts"
	ok "$hosts hosts: ibnetdiscover" fabric ibnetdiscover
	printf '%s\n' "$out" > "peer.$hosts"
	read -r cas switches links <<< "$(counts "peer.$hosts")"
	is "$hosts hosts: ibnetdiscover's count is what was made" "$cas $switches" \
		"$hosts $(grep -c ^Switch "net.$hosts")"
	ok "$hosts hosts: colltune" fabric "$COLLTUNE" topo --fabric --save "f.$hosts"
	like "$hosts hosts: the same count" "$out" \
		"^  $cas hosts with $cas adapters, $switches switches .*, $links links\$"
	like "$hosts hosts: all counters and tables" "$out" \
		"tables of $switches of $switches switches, .* of $((2 * links)) of $((2 * links)) linked"
	like "$hosts hosts: no oversubscription" "$out" "\($((switches > 100 ? 72 : hosts == 16 ? 4 : 18))\) .* 1\.00:1\$"
	unlike "$hosts hosts: nothing is partial" "$out" 'partial'
	echo "# $hosts hosts: ibnetdiscover $(least ibnetdiscover) ms, topo --fabric --cables" \
		"$(least "$COLLTUNE" topo --fabric --cables) ms; with counters and routes" \
		"$(least "$COLLTUNE" topo --fabric) ms (least of 3 each)"
	fabric_down
	ok "$hosts hosts: loaded again" "$COLLTUNE" topo --fabric --load "f.$hosts" --save "g.$hosts"
	ok "$hosts hosts: saved again, the same" cmp "f.$hosts" "g.$hosts"
	is "$hosts hosts: no GUID in the file" "$(grep -c 0x "f.$hosts")" 0
done
tap_done
