# SPDX-License-Identifier: BSD-3-Clause
# mandoc is silent about every manual page.
. "${CT_SRCDIR:?}/tests/tap.sh"
check="$CT_SRCDIR/scripts/checks/man"
command -v mandoc > /dev/null || skip_all "mandoc is not installed"

ok "mandoc is silent" "$check" "$CT_SRCDIR"
mkdir -p "$tmp/docs/man"
printf '.Dd January 1, 2026\n.Dt X 1\n.Os\n.Sh NAME\n.Nm x\n.Nd a page\n' > "$tmp/docs/man/x.1"
ok "accepts a good page" "$check" "$tmp"
printf '.Sh NAME\n.Bl -nonsense\n' > "$tmp/docs/man/x.1"
not_ok "refuses a bad page" "$check" "$tmp"
tap_done
