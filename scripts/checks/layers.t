# SPDX-License-Identifier: BSD-3-Clause
# Who may include whom: the tree keeps the rule, and the check sees each way to break it.
. "${CT_SRCDIR:?}/tests/tap.sh"
check="$CT_SRCDIR/scripts/checks/layers"

ok "the tree keeps its layers" "$check" "$CT_SRCDIR"

# tree FILE INCLUDE: a small tree in which FILE holds one include line
tree() {
	rm -rf "$tmp/tree"
	mkdir -p "$tmp"/tree/lib/{base,net,coll,plugin} "$tmp"/tree/{topo,bench}
	for area in base net coll; do
		echo '/* door */' > "$tmp/tree/lib/$area/$area.h"
	done
	echo '#include "net/net.h"' > "$tmp/tree/lib/coll/native.c"
	printf '%s\n' "$2" > "$tmp/tree/$1"
}
accepts() {
	tree "$1" "$2"
	ok "accepts $2 in $1" "$check" "$tmp/tree"
}
refuses() {
	tree "$1" "$2"
	not_ok "refuses $2 in $1" "$check" "$tmp/tree"
	like "… and names it" "$out" "^$1:1: .*$3"
}

accepts lib/coll/x.c '#include "net/net.h"'
accepts lib/coll/x.c '#include "coll.h"'
accepts lib/net/x.c '#include "colltune.h"'
accepts lib/net/x.c '#include <net/if.h>'
accepts bench/x.c '#include "coll/coll.h"'
accepts lib/plugin/x.c '#include "base/base.h"'
refuses lib/net/x.c '#include "coll/coll.h"' 'net \(2\) may not know coll \(3\)'
refuses topo/x.c '#include "boot/boot.h"' 'may not know'
refuses lib/coll/x.c '#include "net/shm.h"' 'door header'
refuses lib/coll/x.c '#include "../net/net.h"' 'door header'
refuses lib/coll/x.c '#include "lib/net/net.h"' 'door header'
refuses lib/coll/x.c '# include "net.h"' 'own folder'
refuses lib/coll/x.c '#include "coll/coll.h"' 'bare name'
refuses lib/coll/x.c '#include <net/net.h>' 'quotation marks'
refuses lib/plugin/x.c '#include "net/net.h"' 'may not know'
tree lib/net/y.c ''
mkdir "$tmp/tree/lib/extra"
echo 'int x;' > "$tmp/tree/lib/extra/x.c"
not_ok "refuses a folder without a rank" "$check" "$tmp/tree"
tap_done
