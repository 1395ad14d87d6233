#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Faults planted in simulated fat trees: each is found, and nothing else is.
. "${CT_SRCDIR:?}/tests/tap.sh"
. "$CT_SRCDIR/tests/fabric/ibsim.sh"
cd "$tmp" || exit 99

# both A PORT B PORT OPTION: the cable's lines at both ends of file net get OPTION (w=1, e=2)
both() {
	awk -v a="$1" -v pa="$2" -v b="$3" -v pb="$4" -v option="$5" '
		/^(Hca|Switch)/ { split($0, part, "\""); own = part[2] }
		own == a && index($0, "[" pa "] \"" b "\"[" pb "]") == 1 { $0 = $0 " " option }
		own == b && index($0, "[" pb "] \"" a "\"[" pa "]") == 1 { $0 = $0 " " option }
		{ print }' net > net.new && ! cmp -s net net.new && mv net.new net
}

# unplug A PORT B PORT: the cable is gone
unplug() {
	awk -v a="$1" -v pa="$2" -v b="$3" -v pb="$4" '
		/^(Hca|Switch)/ { split($0, part, "\""); own = part[2] }
		own == a && index($0, "[" pa "] \"" b "\"[" pb "]") == 1 { next }
		own == b && index($0, "[" pb "] \"" a "\"[" pa "]") == 1 { next }
		{ print }' net > net.new && ! cmp -s net net.new && mv net.new net
}

# swap A PORT B PORT: what is plugged in there changes places
swap() {
	awk -v a="$1" -v pa="$2" -v b="$3" -v pb="$4" '
		{ line[NR] = $0 }
		/^(Hca|Switch)/ { split($0, part, "\""); own = part[2] }
		own == a && index($0, "[" pa "] ") == 1 { one = NR }
		own == b && index($0, "[" pb "] ") == 1 { two = NR }
		END {
			split(line[one], o, " "); split(line[two], t, " ")
			to1 = o[2]; to2 = t[2]
			line[one] = "[" pa "] " to2; line[two] = "[" pb "] " to1
			here1 = "\"" a "\"[" pa "]"; here2 = "\"" b "\"[" pb "]"
			for (i = 1; i <= NR; i++) {
				n = split(line[i], w, " ")
				if (i != one && i != two && n >= 2 && w[2] == here1) line[i] = w[1] " " here2
				else if (i != one && i != two && n >= 2 && w[2] == here2) line[i] = w[1] " " here1
				print line[i]
			}
		}' net > net.new && mv net.new net
}

# findings: those of $out, one a line, without what to do about them
findings() {
	printf '%s\n' "$out" | awk '/^  - / { if (f != "") print f; f = substr($0, 5); more = 1; next }
		/^    [^ ]/ && more && !/^    (why|set|undo|gain|from): / { sub(/^ +/, ""); f = f " " $0; next }
		{ more = 0 } END { if (f != "") print f }'
}

# check NAME EXIT REGEX…: the fabric in file net has just these findings
check() {
	local name=$1 want=$2 found n=0
	shift 2
	run fabric "$COLLTUNE" topo --fabric --save f
	is "$name: exit" "$status" "$want"
	found=$(findings)
	is "$name: number of findings" "$(grep -c . <<< "$found")" "$#"
	for regex in "$@"; do
		n=$((n + 1))
		like "$name: finding $n" "$found" "$regex"
	done
	run "$COLLTUNE" topo --fabric --load f
	is "$name: the same from the file" "$(findings)" "$found"
}

# made HOSTS [RAILS]: a healthy fabric in file net
made() {
	"$CT_SRCDIR/tests/fabric/fattree" "$@" > net
}

# checked NAME EXIT REGEX…: up, checked, down
checked() {
	fabric_up net
	check "$@"
	fabric_down
}

for hosts in 16 324; do
	made "$hosts"
	checked "$hosts hosts, healthy" 0
done

made 16
both L2 7 S2 3 w=1
checked "16 hosts, a link at 1x" 1 \
	'^warning \(fabric-link-rates\): L2\[7\] to S2\[3\]: set to 1x HDR .* 15 of 16 .* 4x HDR'

made 324
both L11 20 S0 24 e=2
checked "324 hosts, a lower speed" 1 \
	'^warning \(fabric-link-rates\): L11\[20\] to S0\[24\]: set to 4x EDR .* 323 of 324 .* 4x HDR'

made 324
both H100 1 L5 11 w=1
checked "324 hosts, a host's link at 1x" 1 \
	'^warning \(fabric-link-rates\): H100 to L5\[11\]: set to 1x HDR .* 323 of 324 .* 4x HDR'

made 324
unplug L3 23 S2 7
checked "324 hosts, a missing cable" 1 \
	'^warning \(fabric-cable-missing\): L3: 1 cable to S2 missing; without a link: L3\[23\]$'

made 324
swap L3 23 L9 19
checked "324 hosts, two swapped cables" 1 \
	'^warning \(fabric-cable-swapped\): swapped: L9\[19\] to S2\[7\] and L3\[23\] to S0\[19\]$'

made 16 4
swap L0 2 L1 2
# shellcheck disable=SC2034 # of ibsim.sh
sm="H0 HCA-1" on="H1 HCA-1"
checked "16 adapters on 4 rails, two swapped" 1 \
	'^warning \(fabric-cable-swapped\): H1 HCA-1 \(rail 1\) is at L1\[2\], whose .* rail 2$' \
	'^warning \(fabric-cable-swapped\): H1 HCA-2 \(rail 2\) is at L0\[2\], whose .* rail 1$'

# shellcheck disable=SC2034 # of ibsim.sh
sm=H0 on=H1
made 16
fabric_up net
fabric_console 'PerformanceSet "L1"[6] PortCounters.SymbolErrorCounter=200'
fabric_console 'PerformanceSet "H5"[1] PortCounters.LinkDownedCounter=11'
fabric_console 'PerformanceSet "S0"[1] PortCounters.SymbolErrorCounter=10'
# The console has done the last line once it answers for the one after it.
tries=0
until fabric "$COLLTUNE" topo --fabric --json | grep -q '"symbol_errors":10,'; do
	[ $((tries += 1)) -lt 600 ] || break
done
check "16 hosts, error counters" 1 \
	'^warning \(fabric-errors\): L1\[6\]: symbol_errors 200$' \
	'^warning \(fabric-errors\): H5: link_downed 11$'
fabric_down
tap_done
