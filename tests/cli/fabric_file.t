#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Fabric files: what is odd is shown, what is broken is refused with its place.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99

# fabric NODES: a file with those nodes
fabric() {
	printf '{"schema":"colltune-fabric/1","link":"infiniband","source":"a test","nodes":[%s]}' "$1"
}

# refused NAME NODES REGEX
refused() {
	fabric "$2" > f
	run "$COLLTUNE" topo --fabric --load f
	is "$1: exit" "$status" 2
	is "$1: one line" "$(wc -l <<< "$err")" 1
	like "$1: where" "$err" "$3"
}

# shown NAME NODES REGEX
shown() {
	fabric "$2" > f
	ok "$1" "$COLLTUNE" topo --fabric --load f --draw f.svg --dot f.dot
	like "$1: what" "$out" "$3"
}

a='{"name":"a","type":"hca","ports":[{"port":1,"state":"active","to":[1,1]}]}'
s='{"name":"s","type":"switch","ports":[{"port":1,"state":"active","to":[0,1]}]}'
shown "two ends" "$a,$s" '^  1 host with 1 adapter, 1 switch \(1 leaf\), 1 link$'
shown "nothing" "" '^  0 hosts with 0 adapters, 0 switches, 0 links$'
ring=$(for i in 0 1 2 3; do
	printf '%s{"name":"s%d","type":"switch","ports":[{"port":1,"state":"active","to":[%d,2]},' \
		"$([ $i = 0 ] || echo ,)" $i $(((i + 1) % 4))
	printf '{"port":2,"state":"active","to":[%d,1]}]}' $(((i + 3) % 4))
done)
shown "a ring without hosts" "$ring" '^  0 hosts .*, 4 switches, 4 links$'
shown "two hosts of one name" "${a/\[1,1\]/[2,1]},${a/\[1,1\]/[2,2]},${s%\]\}},{\"port\":2,\"state\":\"active\",\"to\":[1,1]}]}" \
	'^  2 hosts with 2 adapters'
shown "control characters" "${a/\"a\"/\"a\\u001b[31m\"},$s" '^  1 host '
unlike "control characters: not shown" "$(cat f.svg f.dot)" $'\033'

refused "a cable to nowhere" "${a/\[1,1\]/[7,1]},$s" 'f: /nodes/0/ports/0/to: not \[node, port\]'
refused "a cable to itself" "${a/\[1,1\]/[0,1]},$s" '/nodes/0/ports/0/to: that port has another cable'
refused "two cables in one port" "$a,$s,$a" '/nodes/2/ports/0/to: that port'
refused "an unknown key" "${a/\"type\"/\"typ\"},$s" '/nodes/0/typ: unknown key; did you mean "type"'
refused "an unknown word" "${a/hca/hcaa},$s" '/nodes/0/type: unknown word; did you mean "hca"'
refused "a port out of order" "${a/\"port\":1/\"port\":2},$s" '/nodes/0/ports/0/port: 2 is outside 1 to 1'
refused "too many lanes" "${a/\"state\"/\"lanes\":65,\"state\"}" '/nodes/0/ports/0/lanes: 65 is outside'
refused "a table of an adapter" "${a/\"ports\"/\"routes\":\"ff\",\"ports\"}" '/nodes/0/routes: only switches'
refused "half a table" "$a,${s/\"ports\"/\"routes\":\"fff\",\"ports\"}" '/nodes/1/routes: not two of'
refused "a counter below 0" "${a/\"state\"/\"errors\":{\"link_downed\":-1\},\"state\"}" \
	'/nodes/0/ports/0/errors/link_downed: -1 is outside'

printf '{"schema":"colltune-fabric/2"}' > f
run "$COLLTUNE" topo --fabric --load f
like "another schema" "$err" '/schema: not colltune-fabric/1'
fabric "$a,$s" | head -c 90 > f
run "$COLLTUNE" topo --fabric --load f
is "cut off: exit" "$status" 2
like "cut off: line" "$err" 'f:1: '
head -c 4096 /dev/urandom > f
run "$COLLTUNE" topo --fabric --load f
is "noise: exit" "$status" 2
run "$COLLTUNE" topo --fabric --load none
is "no such file: exit" "$status" 3
run "$COLLTUNE" topo --fabric --matrix
is "--fabric with --matrix: exit" "$status" 2
tap_done
