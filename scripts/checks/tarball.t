# SPDX-License-Identifier: BSD-3-Clause
# A file of the repository that the tarball lacks is named; what only the repository needs is not missed.
. "${CT_SRCDIR:?}/tests/tap.sh"
check="$CT_SRCDIR/scripts/checks/tarball"
cd "$tmp" || exit 99

mkdir -p repo/.ci repo/docs repo/results/here repo/results repo/lib name-1
touch repo/.ci/run repo/docs/status.md repo/results/here/x.txt repo/results/a.json repo/lib/a.c
git -C repo init -q && git -C repo add .
cp -r repo/lib repo/results name-1/
tar -cJf full.tar.xz name-1
ok "accepts a whole tarball" "$check" repo full.tar.xz
rm name-1/lib/a.c
tar -cJf less.tar.xz name-1
not_ok "refuses one that lacks a file" "$check" repo less.tar.xz
is "… and names it" "$out" "lib/a.c: in no EXTRA_DIST"
rm -rf repo/.git
ok "has no opinion where there is no git" env GIT_CEILING_DIRECTORIES="$tmp" "$check" repo less.tar.xz
tap_done
