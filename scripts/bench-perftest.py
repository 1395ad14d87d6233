# SPDX-License-Identifier: BSD-3-Clause
"""bench-perftest.py FILE: the table of scripts/bench-perftest from its raw lines.

Paired: the k-th run of ours with the k-th of perftest of the same cell, which ran next to each other.
The interval of the median of the ratios is the narrowest symmetric pair of order statistics with a
binomial coverage of at least 95 %.
"""
import math
import sys


def interval(values):
    n = len(values)
    best = (0, n - 1, 1.0)
    for k in range((n + 1) // 2):
        outside = 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n
        if 1 - outside >= 0.95:
            best = (k, n - 1 - k, 1 - outside)
    return values[best[0]], values[best[1]], best[2]


def main():
    runs = {}
    with open(sys.argv[1], encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if len(words) == 4:
                runs.setdefault((words[1], int(words[2])), {}).setdefault(words[0], []).append(
                    float(words[3]))
    print(f"{'test':<10} {'bytes':>8} {'perftest':>12} {'colltune':>12} {'ratio':>6} {'low':>6} "
          f"{'high':>6} pairs")
    for (test, size), who in runs.items():
        pairs = list(zip(who.get("colltune", []), who.get("perftest", [])))
        if len(pairs) < 6:
            print(f"{test:<10} {size:>8} fewer than 6 pairs")
            continue
        ratios = sorted(a / b for a, b in pairs)
        low, high, _ = interval(ratios)

        def middle(values):
            values = sorted(values)
            return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2

        scale = 1e3 if test.endswith("_lat") else 1
        print(f"{test:<10} {size:>8} {middle([b for _, b in pairs]) / scale:>12.1f} "
              f"{middle([a for a, _ in pairs]) / scale:>12.1f} {middle(ratios):>6.3f} {low:>6.3f} "
              f"{high:>6.3f} {len(pairs):>5}{'  above 1.10' if low > 1.10 else ''}")
    print("# us per operation (half a round trip; bandwidth: ns per message); ratio = time of colltune /")
    print("# time of perftest; interval of the median of the pairs' ratios, 95 % by order statistics")


if __name__ == "__main__":
    main()
