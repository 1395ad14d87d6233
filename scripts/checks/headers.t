# SPDX-License-Identifier: BSD-3-Clause
# Each header compiles alone; the installed ones as C11 and C++17 without a word.
. "${CT_SRCDIR:?}/tests/tap.sh"
check="$CT_SRCDIR/scripts/checks/headers"

ok "each header compiles alone" "$check" "$CT_SRCDIR"
unset MPI_CFLAGS
# refuses WHAT LINE: LINE at the end of a public header that is otherwise good
refuses() {
	rm -rf "$tmp/tree"
	mkdir -p "$tmp"/tree/lib/net "$tmp"/tree/{topo,bench}
	echo 'struct ct_x { int y; };' > "$tmp/tree/lib/colltune.h"
	echo "$2" >> "$tmp/tree/lib/${3-colltune.h}"
	not_ok "refuses $1" "$check" "$tmp/tree"
	like "… and names it" "$out" "^(lib/)?${3-colltune.h}: "
}
refuses "what needs another header" 'size_t ct_f(void);'
refuses "what C++ does not know" 'int ct_f(int *restrict class);'
refuses "what only GNU C knows" 'struct ct_z { int n; struct { int a[0]; } b; };'
refuses "an inner header that needs another" 'int ct_f(FILE *f);' net/net.h
tap_done
