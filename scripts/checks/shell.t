# SPDX-License-Identifier: BSD-3-Clause
# The shell linter is silent about every script.
# shellcheck disable=SC2016 # the planted scripts hold dollars of their own
. "${CT_SRCDIR:?}/tests/tap.sh"
check="$CT_SRCDIR/scripts/checks/shell"
command -v shellcheck > /dev/null || skip_all "shellcheck is not installed"

ok "shellcheck is silent" "$check" "$CT_SRCDIR"
mkdir -p "$tmp"/{scripts,tests,.ci}
printf '#!/bin/sh\necho "$1"\n' > "$tmp/scripts/good"
chmod +x "$tmp/scripts/good"
ok "accepts a good script" "$check" "$tmp"
printf '#!/bin/sh\nrm $1\n' > "$tmp/scripts/bad"
chmod +x "$tmp/scripts/bad"
not_ok "refuses an unquoted word" "$check" "$tmp"
like "… and names it" "$out" '^scripts/bad: see above'
rm "$tmp/scripts/bad"
echo 'cd $x' > "$tmp/tests/bad.t"
not_ok "refuses it in a test" "$check" "$tmp"
tap_done
