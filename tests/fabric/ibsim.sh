# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# A simulated InfiniBand fabric for a test: ibsim and opensm on sockets of their own, so that tests
# may run beside each other. After tap.sh.
#
#   fabric_up NETFILE           starts ibsim, and opensm until it has set the subnet up
#   fabric_console COMMAND…     one line for ibsim's console
#   fabric COMMAND…             runs COMMAND on the simulated host $on; the manager runs on $sm
#   fabric_down                 ends ibsim
on=H1 sm=H0
fabric_pids=()
library=$(find /usr/lib* /usr/local/lib -name libumad2sim.so 2> /dev/null | head -n 1)

for tool in ibsim opensm ibnetdiscover; do
	command -v "$tool" > /dev/null || missing=$tool
done
[ -n "$library" ] || missing=libumad2sim.so
if [ -n "${missing-}" ]; then
	[ -z "${CI-}" ] || { echo "Bail out! no $missing"; exit 99; }
	skip_all "no $missing"
fi
if ! "$COLLTUNE" topo --help | grep -q -e --fabric; then
	skip_all "colltune without fabrics"
fi

fabric_down() {
	[ ${#fabric_pids[@]} = 0 ] || kill -KILL "${fabric_pids[@]}" 2> /dev/null
	exec 7>&-
	[ ${#fabric_pids[@]} = 0 ] || wait "${fabric_pids[@]}" 2> /dev/null
	fabric_pids=()
}
trap 'fabric_down; rm -rf "$tmp"' EXIT

fabric() {
	SIM_HOST=$on LD_PRELOAD=$library timeout 180 "$@"
}

fabric_console() {
	echo "$*" >&7
}

fabric_up() {
	local dir=$tmp/sim.$RANDOM tries=0
	mkdir -p "$dir" && mkfifo "$dir/console" || exit 99
	# abstract socket names: nothing in the file system, nothing on a network
	export IBSIM_SOCKNAME="colltune-test-$$-$RANDOM"
	ibsim -s -N 2048 -S 256 -P 65536 -L 49152 "$1" < "$dir/console" > "$dir/ibsim.log" 2>&1 &
	fabric_pids+=($!)
	exec 7> "$dir/console"
	# A client that comes before ibsim listens would wait for ever.
	until grep -q '########################' "$dir/ibsim.log" 2> /dev/null || [ $((tries += 1)) -gt 2400 ]; do
		kill -0 "${fabric_pids[0]}" || { echo "Bail out! ibsim: $(tail -n 3 "$dir/ibsim.log")"; exit 99; }
		sleep 0.05
	done
	SIM_HOST=$sm LD_PRELOAD=$library OSM_CACHE_DIR=$dir OSM_TMP_DIR=$dir opensm -e -R ftree \
		-f "$dir/opensm.log" -d 2 > "$dir/opensm.out" 2>&1 &
	fabric_pids+=($!)
	tries=0
	until grep -q 'SUBNET UP' "$dir/opensm.log" 2> /dev/null || [ $((tries += 1)) -gt 2400 ]; do
		kill -0 "${fabric_pids[1]}" || { echo "Bail out! opensm: $(tail -n 3 "$dir/opensm.out")"; exit 99; }
		sleep 0.05
	done
	# What it has set up stays; asked politely, it waits for answers of an ibsim that may be gone.
	kill -KILL "${fabric_pids[1]}"
	wait "${fabric_pids[1]}" 2> /dev/null
	fabric_pids=("${fabric_pids[0]}")
}
