# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# The few words of a shell test; each test begins with . "${CT_SRCDIR:?}/tests/tap.sh", ends with
# tap_done, and may keep files in $tmp, which is removed at the end.
#
#   run COMMAND…               runs it; sets $status, and $out and $err to what it wrote
#   variables_and_words NAME=VALUE… -- WORD…   sets the arrays variables and words to what stands before and
#                              behind --
#   ok NAME COMMAND…           passes if COMMAND exits 0
#   not_ok NAME COMMAND…       passes if COMMAND exits 1 … 125 (a crash or a missing command fails)
#   is NAME GOT WANT           passes if both texts are equal
#   like NAME TEXT REGEX       passes if the extended regular expression is found in TEXT
#   unlike NAME TEXT REGEX     passes if it is not
#   skip NAME REASON           counts a test that cannot run here
#   skip_all REASON            ends the whole test so
#   plan N                     says beforehand how many tests follow (tap_done says it otherwise)
set -u
LC_ALL=C
export LC_ALL
tap_count=0
tap_failed=0
tap_plan=
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

plan() {
	tap_plan=$1
	echo "1..$1"
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# tap_result STATUS NAME [EXPLANATION]: one line of TAP; the explanation only for a failure
tap_result() {
	tap_count=$((tap_count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_count - $2"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_count - $2"
		printf '%s\n' "${3-}" | sed 's/^/# /'
	fi
}

# $out and $err are for the test that sources this file.
# shellcheck disable=SC2034
run() {
	status=0
	"$@" > "$tmp/.out" 2> "$tmp/.err" < /dev/null || status=$?
	out=$(cat "$tmp/.out")
	err=$(cat "$tmp/.err")
}

# For the functions of tests that are called so.
# shellcheck disable=SC2034
variables_and_words() {
	variables=()
	while [ "$1" != -- ]; do
		variables+=("$1")
		shift
	done
	shift
	words=("$@")
}

ok() {
	local name=$1
	shift
	run "$@"
	tap_result "$status" "$name" "exit $status: $*
$out
$err"
}

not_ok() {
	local name=$1 good=1
	shift
	run "$@"
	[ "$status" -ge 1 ] && [ "$status" -le 125 ] && good=0
	tap_result "$good" "$name" "exit $status: $*
$out
$err"
}

is() {
	local good=1
	[ "$2" = "$3" ] && good=0
	tap_result "$good" "$1" "got:  $2
want: $3"
}

like() {
	local good=0
	printf '%s\n' "$2" | grep -Eq -e "$3" || good=1
	tap_result "$good" "$1" "no match for: $3
in: $2"
}

unlike() {
	local good=0
	printf '%s\n' "$2" | grep -Eq -e "$3" && good=1
	tap_result "$good" "$1" "unwanted match for: $3
in: $2"
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

tap_done() {
	[ -n "$tap_plan" ] || echo "1..$tap_count"
	exit "$tap_failed"
}
