# SPDX-License-Identifier: BSD-3-Clause
"""What the benchmarks share: launching, reading result records, the machine's name, ratios with intervals."""
import json
import math
import os
import platform
import re
import subprocess
import sys


def fail(text, status=3):
    print(f"{os.path.basename(sys.argv[0])}: {text}", file=sys.stderr)
    sys.exit(status)


def machine_name():
    """A short name from the processor's model: "intel-xeon-processor-2cpu"."""
    model = platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
        model = found.group(1) if found else model
    except OSError:
        pass
    model = re.sub(r"\((R|TM|tm)\)|@.*|\bCPU\b", " ", model)
    return "-".join(re.findall(r"[a-z0-9.]+", model.lower())[:5]) + f"-{os.cpu_count()}cpu"


def launch(mpirun, command, timeout_s):
    """Runs COMMAND as two ranks, each bound to a core of its own (cores 0 and 1), and returns
    its standard output."""
    # Root in a container is a usual place to try this; the ranks stay on this machine.
    env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    whole = [mpirun, "-n", "2", "--map-by", "core", "--bind-to", "core", *command]
    try:
        done = subprocess.run(whole, env=env, timeout=timeout_s, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    except (OSError, subprocess.TimeoutExpired) as error:
        fail(str(error))
    if done.returncode != 0:
        fail(f"exit {done.returncode}: {' '.join(whole)}")
    return done.stdout


def read_records(path):
    """The environment record and the points of one file of result records."""
    try:
        with open(path, encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
    except (OSError, ValueError) as error:
        fail(f"{path}: {error}")
    if not records or records[0].get("kind") != "environment":
        fail(f"{path}: the first record is not the environment")
    return records[0], [r for r in records[1:] if r.get("kind") == "point"]


def median(values):
    v = sorted(values)
    return (v[(len(v) - 1) // 2] + v[len(v) // 2]) / 2


def mann_whitney_counts(m, n):
    """How many of the orders of m + n values give U = 0 … m * n (Mann and Whitney 1947)."""
    table = {}

    def counts(a, b):
        if a == 0 or b == 0:
            return [1]
        if (a, b) not in table:
            # the largest of all is one of the a (above all b) or one of the b
            out = [0] * (a * b + 1)
            for u, c in enumerate(counts(a - 1, b)):
                out[u + b] += c
            for u, c in enumerate(counts(a, b - 1)):
                out[u] += c
            table[a, b] = out
        return table[a, b]

    return counts(m, n)


def ratio_interval(a, b, level=0.95):
    """Ratio of a typical A to a typical B (Hodges-Lehmann on logarithms) and its interval from the
    exact distribution of Mann-Whitney's U. With too few values for LEVEL the interval is open."""
    logs = sorted(math.log(x / y) for x in a for y in b)
    counts = mann_whitney_counts(len(a), len(b))
    total, below, k = sum(counts), 0, 0
    while below + counts[k] <= (1 - level) / 2 * total:
        below += counts[k]
        k += 1
    if k == 0:
        return math.exp(median(logs)), 0.0, math.inf
    return math.exp(median(logs)), math.exp(logs[k - 1]), math.exp(logs[len(logs) - k])


def size_text(n):
    for unit in ("", "K", "M"):
        if n < 1024 or n % 1024:
            return f"{n}{unit}"
        n //= 1024
    return f"{n}G"


def print_ratios(points):
    """One block per pattern, out of place: a round's median is one value."""
    times = {}
    for p in points:
        if p["status"] != "ok" or p["in_place"]:
            continue
        backend = p["candidate"]["backend"]
        key = p["coll"], p["bytes"]
        times.setdefault(key, {}).setdefault(backend, []).append(max(p["median_ns"], 1))
    for coll in dict.fromkeys(c for c, _ in times):
        print(f"\n# {coll}: time of mpi / time of native, 95 % interval over rounds\n"
              f"{'bytes':>8} {'native us':>11} {'mpi us':>11} {'ratio':>7} {'low':>7} {'high':>7}")
        for size in sorted(s for c, s in times if c == coll):
            both = times[coll, size]
            if set(both) != {"native", "mpi"}:
                print(f"{size_text(size):>8} only {', '.join(both)}")
                continue
            ratio, low, high = ratio_interval(both["mpi"], both["native"])
            rounds = min(len(both["mpi"]), len(both["native"]))
            word = ("inconclusive: fewer than 8 rounds" if rounds < 8 else
                    "native is faster" if low > 1 else "mpi is faster" if high < 1 else
                    "not resolved")
            print(f"{size_text(size):>8} {median(both['native']) / 1e3:11.2f} "
                  f"{median(both['mpi']) / 1e3:11.2f} {ratio:7.3f} {low:7.3f} {high:7.3f}  "
                  f"{word}")
