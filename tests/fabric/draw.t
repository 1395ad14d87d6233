#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune topo --fabric --draw: each host where they are few, cells where they are many, red for what
# a finding names.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/fabric/ibsim.sh"
cd "$tmp" || exit 99

# count FILE XPATH
count() {
	xmllint --xpath "string(count($2))" "$1"
}

# crossing FILE: pairs of boxes that overlap without one holding the other
crossing() {
	xmllint --xpath '//*[local-name()="rect"]' "$1" | tr '>' '\n' | awk -F'"' '
		/<rect/ { n++; x[n] = $2; y[n] = $4; r[n] = $2 + $6; b[n] = $4 + $8 }
		END { bad = 0
			for (i = 1; i <= n; i++)
				for (k = i + 1; k <= n; k++) {
					apart = x[k] >= r[i] || x[i] >= r[k] || y[k] >= b[i] || y[i] >= b[k]
					inside = x[k] >= x[i] && y[k] >= y[i] && r[k] <= r[i] && b[k] <= b[i]
					bad += !apart && !inside
				}
			print (n > 3) ? bad : "too few boxes" }'
}

# drawn HOSTS NAME: file f, saved from a simulated fabric of HOSTS, drawn as NAME.svg
drawn() {
	ok "$2" "$COLLTUNE" topo --fabric --load f --draw "$2.svg"
	like "$2: said" "$out" "^drawn: $2.svg\$"
	ok "$2: well-formed" xmllint --noout "$2.svg"
	is "$2: no two boxes cross" "$(crossing "$2.svg")" 0
}

for hosts in 16 1296; do
	"$CT_SRCDIR/tests/fabric/fattree" "$hosts" > net
	fabric_up net
	ok "$hosts hosts: read" fabric "$COLLTUNE" topo --fabric --save f
	fabric_down
	drawn "$hosts" "healthy-$hosts"
	is "$hosts hosts: nothing in red" "$(count "healthy-$hosts.svg" '//*[contains(@class, "bad")]')" 0
	[ "$hosts" = 16 ] || break
	is "16 hosts: each has its box" "$(count healthy-16.svg '//*[@class="host"]')" 16
	is "16 hosts: every cable" "$(count healthy-16.svg '//*[local-name()="line"]')" 32
	like "both colour schemes" "$(cat healthy-16.svg)" 'prefers-color-scheme:dark'
	awk '/"name": "L2"/ { here = 1 } here && /"port": 7/ { port = 1 }
		port && /"lanes": 4/ { sub(/4/, "1"); here = port = 0 } { print }' f > f.low
	run "$COLLTUNE" topo --fabric --load f.low --draw low.svg --dot low.dot
	is "a degraded link: exit" "$status" 1
	like "a degraded link: found" "$out" 'fabric-link-degraded\): L2\[7\] to S2\[3\]: 1x HDR'
	is "a degraded link: one red line" "$(count low.svg '//*[@class="bad"]')" 1
	is "a degraded link: both its ends marked" "$(count low.svg '//*[contains(@class, " low")]')" 2
	like "a degraded link: in words" "$(cat low.svg)" 'L2\[7\] to S2\[3\]: 1x HDR'
	is "Graphviz: every cable" "$(grep -c -e ' -- ' low.dot)" 32
	is "Graphviz: the degraded one is red" "$(grep -c 'color=red' low.dot)" 1
done
boxes=$(count healthy-1296.svg '//*[local-name()="rect"]')
ok "1296 hosts: aggregated" test "$boxes" -lt 40
like "1296 hosts: by pods" "$(cat healthy-1296.svg)" '18 leaves, 324 ports to hosts'

run "$COLLTUNE" topo --fabric --load f --draw no/such/dir.svg
is "cannot write: exit" "$status" 3
tap_done
