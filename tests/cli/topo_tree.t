#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune topo: this node, a captured one, and the round trip through a machine file.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99

ok "this node" "$COLLTUNE" topo --save here
like "this node: its packages" "$out" '^  [0-9]+ packages?, [0-9]+ NUMA nodes?, [0-9]+ cores?'
like "this node: its hash" "$out" '^machine hash sha256:[0-9a-f]{64}$'
like "this node: what was saved" "$out" '^saved: here$'
is "this node: the file is the owner's alone" "$(stat -c %a here)" 600
tree=$(sed '1d; /^saved: /d' <<< "$out")
ok "loaded again" "$COLLTUNE" topo --load here
is "loaded again: the same tree, and said" "$(sed 1d <<< "$out")" "$tree
loaded: here, not read from this node"

captured=$CT_SRCDIR/tests/fixtures/sysroot-2nic
ok "a captured node" "$COLLTUNE" topo --sysroot "$captured" --save captured --identify
captured_tree=$(sed '1d; /^saved: /d' <<< "$out")
ok "a captured node, loaded again" "$COLLTUNE" topo --load captured
is "a captured node, loaded again: the same tree" "$(sed '1d; /^loaded: /d' <<< "$out")" \
	"$captured_tree"

ok "saved again" "$COLLTUNE" topo --load captured --save again --identify
ok "saved again: the same file" cmp captured again

ok "without --identify" "$COLLTUNE" topo --sysroot "$captured" --save hidden
ok "without --identify: addresses are not in the file" test -z "$(grep -o 0c42a1001122 hidden)"
ok "with --identify: they are" grep -q 0c42a1001122 captured

ok "ranks as threads" "$COLLTUNE" topo -t 2
like "ranks as threads: where they run" "$out" 'ranks 0-1 on PUs? [0-9]'
tap_done
