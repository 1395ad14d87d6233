# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Simulated InfiniBand for a test: docs/fakeib.md. Source after tests/tap.sh.
#
#   fabric WORD…         a new fabric, described by the words; later commands use it
#   ctl WORD…            fakeib-ctl on it
#   ranks N WORD…        colltune by N ranks on it; sets $status, $out, $err
#   right NAME ROWS      the last run ended well and printed ROWS rows with nothing wrong
#   told NAME REGEX      the last run ended with status $told_status, and said REGEX in one line
# What the MPI library itself moves never goes over the simulated devices.
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader,tcp
told_status=3
fabrics=0

fabric() {
	fabrics=$((fabrics + 1))
	FAKEIB_DIR=$tmp/fabric$fabrics
	FAKEIB=$*
	export FAKEIB_DIR FAKEIB
}

ctl() {
	"$CT_BUILDDIR/tests/fake/fakeib-ctl" "$@"
}

ranks() {
	local n=$1
	shift
	run timeout -s KILL 270 "$MPIRUN" --bind-to none --oversubscribe -n "$n" \
		-x LD_PRELOAD="$CT_BUILDDIR/.libs/fakeib.so" "$COLLTUNE" "$@"
}

# shellcheck disable=SC2154 # run, of tap.sh, sets status, out and err
right() {
	is "$1 ends well" "$status" 0
	is "$1: rows, all of them right" "$(awk '$1 ~ /^[0-9]+$/ { n++; bad += $9 != 0 }
		END { print n + 0, bad + 0 }' <<< "$out")" "$2 0"
}

told() {
	like "$1: exit status" "$status" "^($told_status)\$"
	like "$1: is told" "$err" "$2"
}
