# SPDX-License-Identifier: BSD-3-Clause
# The limits of size and complexity: the tree keeps them, and the check sees what is over.
. "${CT_SRCDIR:?}/tests/tap.sh"
check="$CT_SRCDIR/scripts/checks/sizes"
for tool in ctags pmccabe; do
	command -v $tool > /dev/null || skip_all "$tool is not installed"
done

ok "the tree keeps its limits" "$check" "$CT_SRCDIR"

mkdir -p "$tmp"/{lib,topo,bench,tests}
# lines N: N lines of C
lines() {
	local i
	for ((i = 0; i < $1; i++)); do
		echo "	x++;"
	done
}
# function N: one of N lines, its braces and its head included
function_of() {
	printf 'int f(int x)\n{\n'
	lines $(($1 - 4))
	printf '	return x;\n}\n'
}
# branches N: a function of complexity N + 1
branches() {
	local i
	printf 'int g(int x)\n{\n'
	for ((i = 0; i < $1; i++)); do
		echo "	if (x == $i) return $i;"
	done
	printf '	return x;\n}\n'
}

function_of 80 > "$tmp/lib/x.c"
branches 14 > "$tmp/lib/y.c"
ok "accepts 80 lines and a complexity of 15" "$check" "$tmp"
function_of 81 > "$tmp/lib/x.c"
not_ok "refuses a function of 81 lines" "$check" "$tmp"
like "… and names it" "$out" '^lib/x.c:1: f has 81 lines'
rm "$tmp/lib/x.c"
branches 15 > "$tmp/lib/y.c"
not_ok "refuses a complexity of 16" "$check" "$tmp"
like "… and names it" "$out" '^lib/y.c\(1\): g: complexity 16'
rm "$tmp/lib/y.c"
function_of 70 > "$tmp/lib/x.c"
lines 930 > "$tmp/lib/x.h"
ok "accepts a file below 1,000 lines" "$check" "$tmp"
lines 71 >> "$tmp/lib/x.h"
not_ok "refuses a file of 1,001 lines" "$check" "$tmp"
like "… and names it" "$out" '^lib/x.h: more than 1000 lines'
tap_done
