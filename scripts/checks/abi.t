# SPDX-License-Identifier: BSD-3-Clause
# The test of the public structs' layout must see a layout that has changed.
. "${CT_SRCDIR:?}/tests/tap.sh"
header="$CT_SRCDIR/lib/colltune.h"

# layout SED-EXPRESSION: builds and runs tests/abi/structs.c against a header edited so
layout() {
	sed "$1" "$header" > "$tmp/colltune.h"
	${CC:-cc} -std=gnu11 -I"$tmp" -o "$tmp/structs" "$CT_SRCDIR/tests/abi/structs.c" &&
		"$tmp/structs"
}
ok "accepts the header as it is" layout ''
not_ok "sees a field in the middle" layout 's/^\tuint64_t budget_ns;/\tuint32_t extra;\n&/'
like "… and names what moved" "$out" '^not ok .*ct_plan.budget_ns'
not_ok "sees a field that has grown" layout 's/int32_t check, in_place;/int64_t check, in_place;/'
not_ok "sees a struct that has grown" layout 's/^\tdouble algbw_Bps, busbw_Bps;/&\n\tint more;/'
like "… and names it" "$out" '^not ok .*struct ct_point'

# Every public struct that has a size field has rows in the test.
awk '/^struct [a-z_]+ \{/ { name = $2 } /^\tsize_t size;/ { print name }' "$header" > "$tmp/names"
while read -r name; do
	ok "$name is pinned" grep -q "WHOLE($name, " "$CT_SRCDIR/tests/abi/structs.c"
done < "$tmp/names"
tap_done
