# SPDX-License-Identifier: BSD-3-Clause
# Each source file names its licence.
. "${CT_SRCDIR:?}/tests/tap.sh"
check="$CT_SRCDIR/scripts/checks/spdx"

ok "each source file names its licence" "$check" "$CT_SRCDIR"
mkdir -p "$tmp"/{lib,topo,bench,tests,scripts,results,docs}
echo '/* SPDX-License-Identifier: BSD-3-Clause */' > "$tmp/lib/x.c"
ok "accepts a file that does" "$check" "$tmp"
for file in lib/y.c scripts/z docs/colltune.1; do
	echo 'nothing' > "$tmp/$file"
	chmod +x "$tmp/$file"
	not_ok "refuses $file without one" "$check" "$tmp"
	is "… and names it" "$out" "$file: no SPDX line"
	rm "$tmp/$file"
done
tap_done
