#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune topo --draw: well-formed, nested as the hardware is, what is degraded in red.
. "$CT_SRCDIR/tests/tap.sh"
cd "$tmp" || exit 99
if ! command -v xmllint > /dev/null; then
	[ -z "${CI-}" ] || { echo "Bail out! no xmllint"; exit 99; }
	skip_all "no xmllint"
fi

# count FILE XPATH, without the namespace
count() {
	xmllint --xpath "string(count($2))" "$1"
}

hgx=$CT_SRCDIR/topo/machines/hgx-h100-8rail.json
ok "hgx" "$COLLTUNE" topo --load "$hgx" --draw hgx.svg
like "hgx: said" "$out" '^drawn: hgx.svg$'
ok "hgx: well-formed" xmllint --noout hgx.svg
like "hgx: both colour schemes" "$(cat hgx.svg)" 'prefers-color-scheme:dark'
is "hgx: packages" "$(count hgx.svg '//*[@class="package"]')" 2
is "hgx: switches" "$(count hgx.svg '//*[@class="switch"]')" 4
is "hgx: GPUs" "$(count hgx.svg '//*[@class="gpu"]')" 8
is "hgx: NICs" "$(count hgx.svg '//*[@class="nic"]')" 9
is "hgx: nothing in red" "$(count hgx.svg '//*[@class="red"]')" 0

# Each box lies within the one drawn before it that holds it: no two boxes cross.
crossing=$(xmllint --xpath '//*[local-name()="rect"]' hgx.svg | tr '>' '\n' | awk -F'"' '
	/<rect/ { n++; x[n] = $2; y[n] = $4; r[n] = $2 + $6; b[n] = $4 + $8 }
	END { bad = 0
		for (i = 1; i <= n; i++)
			for (k = i + 1; k <= n; k++) {
				apart = x[k] >= r[i] || x[i] >= r[k] || y[k] >= b[i] || y[i] >= b[k]
				inside = x[k] >= x[i] && y[k] >= y[i] && r[k] <= r[i] && b[k] <= b[i]
				bad += !apart && !inside
			}
		print (n > 20) ? bad : "too few boxes" }')
is "hgx: no two boxes cross" "$crossing" 0

# mlx5_3 at x8, and mlx5_5 down
awk '/"rdma": \[/ { rdma = 1 } /"gpus": \[/ { rdma = 0 } /"name": "mlx5_/ { name = $2 }
	rdma && name ~ /mlx5_3/ { sub(/"pcie_width": 16/, "\"pcie_width\": 8") }
	rdma && name ~ /mlx5_5/ { sub(/"state": "ACTIVE"/, "\"state\": \"DOWN\"") }
	{ print }' "$hgx" > low.json
awk '/"nics": \[/ { nics = 1 } /"rdma": \[/ { nics = 0 } /"name": "/ { name = $2 }
	nics && name ~ /"ib3"/ { sub(/"pcie_width": 16/, "\"pcie_width\": 8") } { print }' low.json > both.json
ok "degraded" "$COLLTUNE" topo --load both.json --draw low.svg
is "degraded: two lines in red" "$(count low.svg '//*[@class="red"]')" 2
is "degraded: two boxes marked" "$(count low.svg '//*[@class="nic low"]')" 2
like "degraded: also in words" "$(cat low.svg)" 'PCIe 32x8, can 32x16: degraded'

ok "this node" "$COLLTUNE" topo --draw here.svg
ok "this node: well-formed" xmllint --noout here.svg

# A name that means something to XML
sed 's/"hgx-h100"/"a<b\&\\"c"/' "$hgx" > odd.json
ok "odd name" "$COLLTUNE" topo --load odd.json --draw odd.svg
is "odd name: kept as text" "$(xmllint --xpath 'string(//*[local-name()="title"])' odd.svg)" 'a<b&"c'

run "$COLLTUNE" topo --load "$hgx" --draw no/such/dir.svg
is "cannot write: exit" "$status" 3
like "cannot write: what" "$err" 'no/such'
tap_done
