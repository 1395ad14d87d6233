# SPDX-License-Identifier: BSD-3-Clause
# What the shared libraries show, and what they need.
. "${CT_SRCDIR:?}/tests/tap.sh"
check="$CT_SRCDIR/scripts/checks/symbols"
libs="$CT_BUILDDIR/.libs"

ok "the built libraries show ct_ only and need no MPI" "$check" "$libs" "$COLLTUNE"
run nm -D --defined-only "$libs/libcolltune.so"
like "ct_version is shown" "$out" ' T ct_version'

# library NAME CODE [FLAG…]: a shared library NAME made of CODE
library() {
	local name=$1 code=$2
	shift 2
	echo "$code" > "$tmp/x.c"
	${CC:-cc} -shared -fPIC -o "$tmp/$name" "$tmp/x.c" "$@"
}
library libcolltune.so 'int ct_ours(void) { return 0; }'
library colltune-x.so 'int ct_ours(void); int ct_row(void) { return ct_ours(); }'
ok "accepts a module that finds what it needs" "$check" "$tmp"
library colltune-x.so 'int ct_gone(void); int ct_row(void) { return ct_gone(); }'
not_ok "refuses a module that does not" "$check" "$tmp"
is "… and names the symbol" "$out" "colltune-x.so lacks in libcolltune.so: ct_gone"
rm "$tmp/colltune-x.so"
library libcolltune.so 'int ct_gone(void); int ct_ours(void) { return ct_gone(); }'
not_ok "refuses a library that is not complete" "$check" "$tmp"
is "… and names what it lacks" "$out" "libcolltune.so lacks in libcolltune.so: ct_gone"
library libcolltune.so 'int ct_ours(void) { return 0; } int leaked;'
not_ok "refuses a symbol without ct_" "$check" "$tmp"
is "… and names it" "$out" "libcolltune.so shows leaked"
library libmpi.so 'int MPI_Init(void) { return 0; }' -Wl,-soname,libmpi.so.40
library libcolltune.so 'int ct_ours(void) { return 0; }' -Wl,--no-as-needed "$tmp/libmpi.so"
not_ok "refuses a library that needs MPI" "$check" "$tmp"
like "… and names it" "$out" "libcolltune.so needs .*libmpi"
tap_done
