#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What colltune writes for SONiC fits SONiC's YANG models (their facts: tests/roce/sonic_model.py), whatever the
# link; what would not is refused; and the check finds planted faults.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
model() {
	run python3 "$CT_SRCDIR/tests/roce/sonic_model.py" "$@"
}
sonic=("$COLLTUNE" roce switch-config --nos sonic)

model "$CT_SRCDIR/tests/golden/roce-sonic.json"
is "the golden file fits" "$status $out" "0 "

n=0
for speed in 10 25 40 50 100 200 400 800; do
	for link in "--cable 0 --ports 1" "--cable 300.5 --ports 128 --alpha 8" "--ports 512 --alpha 0.005 --port-mtu 4300"; do
		# shellcheck disable=SC2086 # several words
		"${sonic[@]}" --speed $speed $link --switch-ports Ethernet0,Ethernet4 -o $speed-$((++n)).json || echo failed
	done
done > failed
written=(./*.json)
is "written for all speeds, few and many ports, long cables" "${#written[@]} $(cat failed)" "24 "
model "${written[@]}"
is "all of them fit" "$status $out" "0 "

# refused NAME TEXT OPTION…
refused() {
	local name=$1 text=$2
	shift 2
	run "${sonic[@]}" --speed 100 "$@"
	is "$name: exit status" "$status" 2
	like "$name: named" "$err" "$text"
}
refused "an MTU beyond the model" 'mtu 9300: SONiC takes 68 to 9216' --port-mtu 9300
refused "a factor beyond the model" 'dynamic-th -10: SONiC takes -8 to 7' --alpha 0.001
refused "more ports than its watchdog waits for" 'watchdog-detect 6400: SONiC takes 100 to 5000' --ports 1024

# planted SCRIPT WHERE WHY: the golden file with sed's SCRIPT done to it has just this fault
planted() {
	sed "$1" "$CT_SRCDIR/tests/golden/roce-sonic.json" > bad
	model bad
	is "planted: $2: $3" "$(grep -c . <<< "$out") $(cut -d : -f 2- <<< "$out" | head -n 1)" "1  $2: $3"
}
planted 's/"POLL_INTERVAL": "200"/"POLL_INTERVAL": "50"/' 'PFC_WD|GLOBAL|POLL_INTERVAL' 'not a number from 100 to 1000'
planted 's/"Ethernet4|6"/"Ethernet8|6"/' 'QUEUE|Ethernet8|6' 'no Ethernet8 in PORT'
planted 's/"40m"$/"40"/' 'CABLE_LENGTH|COLLTUNE|Ethernet4' 'does not match [0-9]+m|None'
planted 's/"26": "3"/"26": "16"/' 'DSCP_TO_TC_MAP|COLLTUNE|26' 'not a number from 0 to 15'
planted 's/"dynamic_th"/"dynamic_threshold"/' 'BUFFER_PROFILE|pg_lossless_COLLTUNE|dynamic_threshold' 'no such field'
planted 's/"red_max_threshold": "500736"/"red_max_threshold": "5"/' 'WRED_PROFILE|COLLTUNE_LOSSLESS|red_max_threshold' \
	'less than the least'
planted 's/"CABLE_LENGTH"/"CABLE_LENGTHS"/' 'CABLE_LENGTHS' 'no such table'
tap_done
