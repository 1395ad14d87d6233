#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune topo --diff: two nodes of one cluster must be equal.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99

captured=$CT_SRCDIR/tests/fixtures/sysroot-2nic
ok "a captured node" "$COLLTUNE" topo --sysroot "$captured" --save one
ok "a machine and itself" "$COLLTUNE" topo --load one --diff one
is "a machine and itself: nothing" "$out" "equal: one and one"

sed 's/"node17"/"node18"/' one > two
ok "another host name" "$COLLTUNE" topo --load one --diff two
like "another host name: told" "$out" '^  /settings/hostname: node17 \| node18$'
like "another host name: equal" "$out" '^equal: one and two$'

sed 's/"mtu": 9000/"mtu": 1500/' one > three
run "$COLLTUNE" topo --load one --diff three
is "another MTU: exit" "$status" 1
is "another MTU: only that" "$out" "settings: 1
  /nics/0000:18:00.0/mtu: 9000 | 1500
different: one and three"

run "$COLLTUNE" topo --sysroot "$captured" --diff missing
is "no such file: exit" "$status" 2
like "no such file: which" "$err" 'missing: No such file'
echo '{"schema":"colltune-machine/9"}' > wrong
run "$COLLTUNE" topo --load one --diff wrong
is "another schema: exit" "$status" 2
like "another schema: where" "$err" 'wrong: /schema'
run "$COLLTUNE" topo --load one --diff one --draw none.svg
is "with --draw: exit" "$status" 2
like "with --draw: why" "$err" 'goes alone'
tap_done
