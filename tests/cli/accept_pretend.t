#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# accept --pretend: planted faults are named, in text and as JSON, and all of it is labelled; a clean
# cluster passes; bad files get one line.
. "${CT_SRCDIR:?}/tests/tap.sh"

cat > "$tmp/faults" << 'EOF'
# two racks of rails
nodes 128
rails 4
leaf 32
seed 4711
fault node 17 1.2
fault out 9 1 1.3   # one way
fault mtu 12 512
fault rail 2 1.15
EOF
run "$COLLTUNE" accept --pretend "$tmp/faults" --json "$tmp/out.json"
is "faults: exit status" "$status" 1
like "the first lines say that it is pretended" "$(sed -n 2p <<< "$out")" '^# PRETENDED: nothing was measured'
like "the verdict says so too" "$(tail -n 1 <<< "$out")" \
	'^verdict \(pretended\): fail, 4 slow parts, 1 nodes that differ$'
like "the node" "$out" 'node 17, all rails both ways: 1\.(19|20|21) times slower'
like "the cable" "$out" 'node 9, NIC of rail 1, sending only: 1\.(29|30|31) times slower'
like "the rail" "$out" 'rail 2 on all nodes: 1\.15 times slower'
like "the MTU" "$out" '^environment: node 12 has MTU 512, most have 9000$'
is "JSON: the same" "$(python3 -c '
import json, sys
f = json.load(open(sys.argv[1]))
print(f["schema"], f["pretended"], sorted((s["kind"], s.get("node"), s.get("rail")) for s in f["slow"]))' \
	"$tmp/out.json")" \
	"colltune-isolation/1 True [('node', 12, None), ('node', 17, None), ('out', 9, 1), ('rail', None, 2)]"

# A directory for report, pairs included, labelled in every format.
run "$COLLTUNE" accept --pretend "$tmp/faults" --out "$tmp/dir" --matrix "$tmp/pairs.svg"
is "--out: exit status, files" "$status $(cd "$tmp/dir" && echo *)" "1 isolation.json matrix.json run.json"
like "--matrix: labelled" "$(cat "$tmp/pairs.svg")" 'PRETENDED: time from each node'
run "$COLLTUNE" report "$tmp/dir" -o "$tmp/p.html" --csv "$tmp/p.csv" --markdown "$tmp/p.md" --junit "$tmp/p.xml" \
	--prometheus "$tmp/p.prom" --json "$tmp/p.json"
like "report: verdict and label" "$status $(tr '\n' ' ' <<< "$out")" \
	'^0 .*verdict: fail: pretended: 4 slow parts, 1 nodes that differ # pretended to fix: '
for f in html csv md xml prom; do
	like "report: $f says pretended" "$(grep -i pretended "$tmp/p.$f")" '[Pp]retended'
done
is "report: the slowest pairs are the planted outliers, twice as long at least" "$(python3 -c '
import json, sys
print(all(p["times"] > 1.9 for p in json.load(open(sys.argv[1]))["worst_pairs"]))' "$tmp/p.json")" True
like "report: the map" "$(cat "$tmp/p.html")" '<svg [^>]*class="cth">'
like "report: what differs" "$(cat "$tmp/p.html")" '<td>/mtu</td><td>512</td><td>9000</td><td>node 12</td>'
run "$COLLTUNE" accept --pretend "$tmp/faults" --out "$tmp/dir"
is "--out: a directory that exists" "$status $(grep -c 'exists; name a new directory' <<< "$err")" "2 1"

printf 'nodes 64\nrails 8\nleaf 16\nseed 31337\n' > "$tmp/clean"
run "$COLLTUNE" accept --pretend "$tmp/clean"
is "clean: exit status" "$status" 0
like "clean: verdict" "$(tail -n 1 <<< "$out")" '^verdict \(pretended\): pass, 0 slow parts'

# bad NAME STATUS TEXT
bad() {
	run "$COLLTUNE" accept --pretend "$tmp/bad"
	is "$1: exit status, lines" "$status $(grep -c . <<< "$err") $(grep -c . <<< "$out")" "$2 1 0"
	like "$1: message" "$err" "$3"
}
printf 'nodes 64\nfault nodes 3 1.1\n' > "$tmp/bad"
bad "a misspelt fault" 2 'bad:2: no fault "nodes"; did you mean "node"\?'
printf 'nodes 64\nfault node 64 1.1\n' > "$tmp/bad"
bad "a node that is not there" 2 'not there: 64 nodes'
rm "$tmp/bad"
bad "no such file" 3 'bad: No such file'
tap_done
