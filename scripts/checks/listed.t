# SPDX-License-Identifier: BSD-3-Clause
# Each source file and test is named in a makefile part.
. "${CT_SRCDIR:?}/tests/tap.sh"
check="$CT_SRCDIR/scripts/checks/listed"

ok "each source and test is listed" "$check" "$CT_SRCDIR"
mkdir -p "$tmp"/{lib/net,topo,bench,tests/unit,scripts,results,docs}
touch "$tmp/Makefile.am" "$tmp"/lib/net/{shm.c,net.h} "$tmp/tests/unit/test_shm.c"
echo 'core_sources += lib/net/shm.c lib/net/net.h' > "$tmp/lib/net/local.mk"
echo 'unit_tests += tests/unit/test_shm' > "$tmp/tests/local.mk"
ok "accepts sources and a test that are" "$check" "$tmp"
for file in lib/net/shm2.c topo/x.h tests/unit/test_sh.c tests/x.t; do
	touch "$tmp/$file"
	not_ok "refuses $file, which is not" "$check" "$tmp"
	is "… and names it" "$out" "$file: in no local.mk"
	rm "$tmp/$file"
done
tap_done
