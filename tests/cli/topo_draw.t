#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune topo --draw: well-formed, nested as the hardware is, what is degraded in red.
. "${CT_SRCDIR:?}/tests/tap.sh"
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
is "hgx: nothing in red" "$(count hgx.svg '//*[contains(@class,"red") or contains(@class,"low")]')" 0
is "hgx: links of switches, devices and the interface" "$(count hgx.svg '//*[starts-with(@class,"wire")]')" $((4 + 16 + 1 + 8))
is "hgx: NVLinks" "$(count hgx.svg '//*[@class="wire nv"]')" 8
is "hgx: their rate, 900 GB/s both ways in the data sheet" "$(grep -c '>18 NVLinks, 450 GB/s<' hgx.svg)" 8
is "hgx: rates on links" "$(count hgx.svg '//*[text()="32 GT/s x16"]')" 16
is "hgx: rates in Gbit/s, of switches as hwloc tells them" "$(count hgx.svg '//*[text()="504 Gbit/s"]')" 20
# Every link ends at the edge of two boxes.
loose=$(sed -n 's/.*<rect x="\([0-9]*\)" y="\([0-9]*\)" width="\([0-9]*\)" height="\([0-9]*\)".*/r \1 \2 \3 \4/p
	s/.*<path d="M\([0-9]*\) \([0-9]*\)H[0-9]*V\([0-9]*\)H\([0-9]*\)".*/p \1 \2 \4 \3/p
	s/.*<path d="M\([0-9]*\) \([0-9]*\)H\([0-9]*\)".*/p \1 \2 \3 \2/p' hgx.svg | sort -r | awk '
	/^r/ { n++; l[n] = $2; t[n] = $3; r[n] = $2 + $4; b[n] = $3 + $5; next }
	{ for (e = 0; e < 2; e++) { x = $(2 + 2 * e); y = $(3 + 2 * e); on = 0
		for (i = 1; i <= n; i++) on += (x == l[i] || x == r[i]) && y >= t[i] && y <= b[i]
		bad += !on } links++ }
	END { print (links > 10) ? bad + 0 : "too few links" }')
is "hgx: links end at boxes" "$loose" 0

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
is "degraded: state and link in red" "$(count low.svg '//*[contains(@class,"red")]')" 2
is "degraded: its link is red" "$(count low.svg '//*[@class="wire x8 low"]')" 1
is "degraded: two boxes marked" "$(count low.svg '//*[@class="nic low"]')" 2
like "degraded: also in words" "$(cat low.svg)" '>32 GT/s x8<'
like "degraded: what it can" "$(cat low.svg)" '>degraded: can 32x16<'

ok "this node" "$COLLTUNE" topo --draw here.svg
ok "this node: well-formed" xmllint --noout here.svg

# A name that means something to XML
sed 's/"hgx-h100"/"a<b\&\\"c"/' "$hgx" > odd.json
ok "odd name" "$COLLTUNE" topo --load odd.json --draw odd.svg
is "odd name: kept as text" "$(xmllint --xpath 'string(//*[local-name()="title"])' odd.svg)" 'a<b&"c'

# As PNG, by a program that may be missing, fail, say nothing useful, or be slow to read.
if command -v rsvg-convert > /dev/null; then
	ok "PNG" "$COLLTUNE" topo --load "$hgx" --draw hgx.png
	is "PNG: signature and the drawing's width" "$(od -An -tx1 -N20 hgx.png | tr -d ' \n')" \
		"89504e470d0a1a0a0000000d49484452$(printf '%08x' "$(xmllint --xpath 'string(/*/@width)' hgx.svg)")"
elif [ -n "${CI-}" ]; then
	is "rsvg-convert" "not installed" "installed"
fi
mkdir -p fake none
rsvg() {
	printf '#!/bin/sh\n%s\n' "$1" > fake/rsvg-convert
	chmod +x fake/rsvg-convert
	run env PATH="$tmp/fake:$PATH" "$COLLTUNE" topo --load "$hgx" --draw no.png
}
rsvg 'exit 1'
is "rsvg-convert fails: exit" "$status" 3
like "rsvg-convert fails: said" "$err" 'rsvg-convert: failed'
rsvg 'echo hello'
like "rsvg-convert gives something else: said" "$err" 'no.png: rsvg-convert gave no PNG'
rsvg 'head -c 70000000 /dev/zero'
like "rsvg-convert says too much: said" "$err" 'rsvg-convert: says more than 67108864 bytes'
is "nothing was written" "$(ls no.png 2> /dev/null)" ""
command=$(command -v "$COLLTUNE")
run env PATH="$tmp/none" "$command" topo --load "$hgx" --draw no.png
like "no rsvg-convert: what to install" "$err" 'no.png: .*rsvg-convert, which is not installed'

# For Graphviz: the same boxes and links.
ok "Graphviz" "$COLLTUNE" topo --load both.json --dot low.dot
like "Graphviz: said" "$out" '^written: low.dot$'
like "Graphviz: the degraded link" "$(cat low.dot)" 'label="32 GT/s x8.ndegraded: can 32x16", color=red'
is "Graphviz: links" "$(grep -c ' -- ' low.dot)" $((4 + 16 + 1 + 8))
sed 's/"hgx-h100"/"a\\"]; b\\\\"/' "$hgx" > quoted.json
ok "Graphviz: a name with quotes" "$COLLTUNE" topo --load quoted.json --dot quoted.dot
if command -v dot > /dev/null; then
	ok "Graphviz: dot reads it" dot -Tsvg -o dot.svg low.dot
	ok "Graphviz: dot reads the quoted name" dot -Tsvg -o quoted.svg quoted.dot
fi

run "$COLLTUNE" topo --load "$hgx" --draw no/such/dir.svg
is "cannot write: exit" "$status" 3
like "cannot write: what" "$err" 'no/such'
tap_done
