#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The page of colltune report in headless Chromium: charts drawn, keyboard, both schemes, no network.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
if ! command -v chromium-headless-shell > /dev/null; then
	[ -z "${CI-}" ] || { echo "Bail out! no chromium-headless-shell"; exit 99; }
	skip_all "no chromium-headless-shell"
fi
mkdir profile
export TMPDIR=$tmp/profile

# seen KEY: of the last look
seen() {
	python3 -c 'import json, sys; print(json.dumps(json.load(open("seen"))[sys.argv[1]]))' "$1"
}

# look NAME PAGE WIDTH SCHEME: what every page must show
look() {
	run timeout -s KILL 360 python3 "$CT_SRCDIR/tests/cli/browser.py" "$2" "$3" "$4"
	printf '%s\n' "$out" > seen
	is "$1: opened" "$status" 0
	is "$1: nothing on the console" "$(seen console)" "[]"
	is "$1: only the file itself is read" "$(seen requests)" '["file"]'
	is "$1: a script that is not the page's does not run" "$(seen intruder)" false
	is "$1: verdict as in its JSON" "$(seen verdict)" "$(seen data)"
	is "$1: no sideways scrolling of the page" "$(seen wide)" false
}

# Recorded rounds of this project.
ok "a report" "$COLLTUNE" report "$CT_SRCDIR/tests/fixtures/rounds40.jsonl" -o page.html
for view in "light 1280" "dark 400"; do
	read -r scheme width <<< "$view"
	look "$scheme, $width wide" page.html "$width" "$scheme"
	case $(seen canvases) in
	0) is "$scheme, $width wide: charts" "none" "some" ;;
	*) is "$scheme, $width wide: every chart is drawn" "$(seen charts)" "$(seen canvases)" ;;
	esac
	like "$scheme, $width wide: pixels in several colours" "$(seen colours)" '^\[([0-9]{2,}(, )?)+\]$'
	case $scheme in light) paper='"rgb(255, 255, 255)"' ;; dark) paper='"rgb(18, 20, 23)"' ;; esac
	is "$scheme: paper" "$(seen paper)" "$paper"
done
is "keyboard: the first stop leads to what to fix" "$(seen first_focus)" '"#fixes"'
is "keyboard: a chart is reached" "$(seen focus)" '"CANVAS"'
like "keyboard: the arrows tell values" "$(seen said)" '\["[^"]+: [0-9.]+ [^"]*", "[^"]+: [0-9.]+ '

# A thousand pretended nodes, with a machine file for each.
printf 'nodes 1000\ncv 0.01\nseed 1\nfault node 7 1.3\nfault nic 500 0 1.4\n' > p.txt
mkdir -p big/machines
"$COLLTUNE" accept --pretend p.txt --json big/isolation.json > said 2>&1
"$COLLTUNE" topo --load "$CT_SRCDIR/topo/machines/cloud-vm.json" --save big/machines/node0000.json > said 2>&1
for i in $(seq -f %04g 1 999); do
	ln big/machines/node0000.json "big/machines/node$i.json"
done
ok "1,000 pretended nodes: a report" "$COLLTUNE" report big -o big.html
look "1,000 pretended nodes" big.html 1280 light
# On a quiet machine 3 s are asked for (docs/status.md tells what was measured); a busy one may take longer.
echo "# opened in $(seen load_s) s, $(stat -c %s big.html) bytes"
is "1,000 pretended nodes: opened in less than 30 s, below 10 MB" "$(python3 -c 'import json, os
print(json.load(open("seen"))["load_s"] < 30, os.stat("big.html").st_size < 10e6)')" "True True"
tap_done
