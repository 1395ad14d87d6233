#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune roce switch-config: each text against its golden file, some read back, a stock SONiC map.
# The golden texts follow documents; no switch has read them. CT_GOLDEN=write writes them anew.
. "${CT_SRCDIR:?}/tests/tap.sh"
here=$CT_SRCDIR/tests/golden
link=(--speed 100 --cable 40 --buffer 32M)

# golden NAME OPTION…
golden() {
	local name=$1
	shift
	ok "$name" "$COLLTUNE" roce switch-config "${link[@]}" "$@"
	if [ "${CT_GOLDEN-}" = write ]; then
		printf '%s\n' "$out" > "$here/$name"
	fi
	printf '%s\n' "$out" > "$tmp/$name"
	ok "$name is as it was" diff "$here/$name" "$tmp/$name"
}
golden roce-sonic.json --nos sonic --switch-ports Ethernet0,Ethernet4
for nos in cumulus eos nxos os10 junos; do
	golden "roce-$nos.txt" --nos "$nos"
	like "$nos: says that it is untested" "$(head -n 1 "$tmp/roce-$nos.txt")" 'UNTESTED'
done
golden roce-dcb.txt --host dcb --interface eth2
golden roce-mlnx_qos-unit.txt --host mlnx_qos --interface eth2 --device mlx5_0 --unit

check=("$COLLTUNE" roce switch-config "${link[@]}" --nos sonic --check)
ok "round trip" "${check[@]}" "$tmp/roce-sonic.json"
is "round trip: no difference" "$out" "2 ports, 0 differences from the contract"
sed 's/"26": "3"/"26": "1"/; s/"xoff": "[0-9]*"/"xoff": "1024"/' "$tmp/roce-sonic.json" > "$tmp/bad.json"
run "${check[@]}" "$tmp/bad.json" --switch-ports Ethernet4
is "two planted faults: exit status" "$status" 1
is "two planted faults: both, and no other" "$(grep -c ': differs: ' <<< "$out")" 2

run "${check[@]}" "$CT_SRCDIR/tests/fixtures/sonic-stock.json"
is "stock SONiC: exit status" "$status" 1
for port in Ethernet0 Ethernet4; do # the second names its maps in the older way
	like "$port: DSCP 26 is lossy" "$out" \
		"^$port: differs: dscp-to-tc: DSCP 26 \\(data\\) goes to TC 1, which is lossy; the contract has TC 3"
	like "$port: PFC on 4, too" "$out" "^$port: note: pfc: on, too, on priority 4"
	like "$port: CNP queue" "$out" "^$port: differs: strict: off on queue 6"
	like "$port: Kmin" "$out" "^$port: differs: kmin: 1048576"
	unlike "$port: the watchdog is right" "$out" "^$port: .*watchdog"
done

nvue=("$COLLTUNE" roce switch-config "${link[@]}" --nos cumulus --check)
ok "cumulus: round trip" "${nvue[@]}" "$tmp/roce-cumulus.txt"
like "cumulus: no difference" "$out" '^1 port, 0 differences'
like "cumulus: the mode takes more DSCPs" "$out" '^swp1: note: dscp-to-tc: 7 further DSCPs ride TC 3'
cat > "$tmp/nvue.txt" <<- 'END'
	nv set qos roce mode lossless
	nv set qos congestion-control default-global traffic-class 3 min-threshold 125952
	nv set qos congestion-control default-global traffic-class 0,3 max-threshold 500736
	nv set qos pfc default-global cable-length 40
	nv set qos pfc-watchdog polling-interval 200
	nv set interface swp1-4,swp9 link mtu 9216
	nv set interface swp9 link mtu 1500
END
run "${nvue[@]}" "$tmp/nvue.txt"
is "cumulus: one port's MTU" "$(grep differs: <<< "$out")" "swp9: differs: mtu: 1500, the contract has 9216"
ok "cumulus: a port of a range" "${nvue[@]}" "$tmp/nvue.txt" --switch-ports swp3
run "${nvue[@]}" "$tmp/nvue.txt" --switch-ports swp5
is "cumulus: a port of none" "$(grep differs: <<< "$out")" "swp5: differs: mtu: not stated, the contract has 9216"
sed 's/mode lossless/mode lossy/' "$tmp/nvue.txt" > "$tmp/lossy.txt"
run "${nvue[@]}" "$tmp/lossy.txt" --switch-ports swp1
like "cumulus: lossy mode" "$out" '^swp1: differs: pfc: off on priority 3'
run "${nvue[@]}" "$tmp/roce-sonic.json"
is "cumulus: another system's file: exit status" "$status" 2

eos=("$COLLTUNE" roce switch-config "${link[@]}" --nos eos --check)
ok "eos: round trip" "${eos[@]}" "$tmp/roce-eos.txt"
is "eos: no difference" "$out" "1 port, 0 differences from the contract"
ok "eos: written for two ports" "$COLLTUNE" roce switch-config "${link[@]}" --nos eos \
	--switch-ports Ethernet1,Ethernet2/1 -o "$tmp/eos.two"
ok "eos: two ports" "${eos[@]}" "$tmp/eos.two"
is "eos: two ports" "$out" "2 ports, 0 differences from the contract"
sed -e 's/^qos map dscp 26 to traffic-class 3/qos map dscp 26 27 to traffic-class 1/' -e 's/priority 3 no-drop/priority 4 no-drop/' \
	-e 's/minimum-threshold 126/minimum-threshold 256/' -e '/qos map dscp 27 to/d' "$tmp/roce-eos.txt" > "$tmp/eos-bad.txt"
run "${eos[@]}" "$tmp/eos-bad.txt"
is "eos: planted faults: exit status" "$status" 1
like "eos: the data's class" "$out" '^Ethernet1: differs: dscp-to-tc: DSCP 26 \(data\) goes to TC 1, which is lossy'
like "eos: PFC" "$out" '^Ethernet1: differs: pfc: off on priority 3'
like "eos: Kmin" "$out" '^Ethernet1: differs: kmin: 256000, the contract has 126000'
is "eos: planted faults and no other" "$(grep -c ': differs: ' <<< "$out")" 3
printf 'interface Ethernet7\n   mtu 9214\n' > "$tmp/bare.txt"
run "${eos[@]}" "$tmp/bare.txt"
like "eos: a port without a profile" "$out" '^Ethernet7: differs: pfc: not stated'
like "eos: its own map" "$out" '^Ethernet7: note: dscp-to-tc: 7 further DSCPs ride TC 3'
run "${eos[@]}" "$tmp/roce-sonic.json"
is "eos: another system's file: exit status" "$status" 2

# bad FILE WHY STATUS
bad() {
	run "${check[@]}" "$1"
	is "$2: exit status" "$status" "$3"
	is "$2: one line" "$(wc -l <<< "$err")" 1
}
echo '[]' > "$tmp/list.json"
bad "$tmp/list.json" "a list" 2
echo '{"PORT": 3' > "$tmp/cut.json"
bad "$tmp/cut.json" "cut off" 2
echo '{"PORT_QOS_MAP": 3, "PORT": []}' > "$tmp/types.json"
bad "$tmp/types.json" "wrong types" 2
: > "$tmp/empty.json"
bad "$tmp/empty.json" "empty" 2
ln -s list.json "$tmp/link.json"
bad "$tmp/link.json" "a link" 3
run "$COLLTUNE" roce switch-config "${link[@]}" --nos nxos --check "$tmp/list.json"
is "no reader: exit status" "$status" 2
run "$COLLTUNE" roce switch-config "${link[@]}"
is "neither switch nor host: exit status" "$status" 2
run "$COLLTUNE" roce switch-config "${link[@]}" --nos sonic --switch-ports "a;b"
is "a port's name: exit status" "$status" 2
# shellcheck disable=SC2016 # is to reach the program
run "$COLLTUNE" roce switch-config "${link[@]}" --host dcb --interface 'x$(id)'
is "an interface's name: exit status" "$status" 2
tap_done
