#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune report: a page and files of a result directory; damaged and hostile input.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99

# A result directory of accept, whose times are those of this machine and do not matter here.
run "$COLLTUNE" accept -t 2 --budget 4s --stages environment,pairs --out good
like "accept has a verdict" "$status" '^[015]$'
ok "a page" "$COLLTUNE" report good -o page.html --json page.json --junit page.xml --csv page.csv \
	--markdown page.md --prometheus page.prom
like "said" "$out" '^written: page.html$'
word=$(python3 -c 'import json; print(json.load(open("good/verdict.json"))["verdict"])')
like "the verdict is accept's" "$out" "^verdict: $word: "

# elements FILE: of the page: scripts, elements that load something, the verdict's text
cat > elements.py <<- 'EOF'
	import html.parser, json, sys
	class Page(html.parser.HTMLParser):
	    def __init__(self):
	        super().__init__()
	        self.scripts = self.loads = 0
	        self.inside, self.text, self.data, self.all = "", {}, "", ""
	    def handle_starttag(self, tag, attributes):
	        attributes = dict(attributes)
	        self.scripts += tag == "script"
	        self.loads += any(a in attributes for a in ("src", "srcset", "action", "data", "onerror", "onload"))
	        self.loads += tag in ("img", "iframe", "object", "embed", "link", "base", "form")
	        self.loads += tag == "a" and not attributes["href"].startswith("#")
	        self.inside = attributes.get("id", "")
	    def handle_endtag(self, tag):
	        self.inside = ""
	    def handle_data(self, data):
	        self.text[self.inside] = self.text.get(self.inside, "") + data
	page = Page()
	raw = open(sys.argv[1], "rb").read()
	page.feed(raw.decode("utf-8"))
	data = json.loads(page.text["data"])
	print("scripts", page.scripts)
	print("loads", page.loads)
	print("verdict", page.text["verdict"])
	print("same", page.text["verdict"] == data["verdict"]["word"], page.text["reason"] == data["verdict"]["reason"])
	print("controls", sum(c < 32 and c not in (9, 10) for c in raw))
EOF
elements() {
	python3 elements.py "$1"
}
is "the page: three scripts, nothing loaded, the JSON's verdict" "$(elements page.html)" "scripts 3
loads 0
verdict $word
same True True
controls 0"
like "the page: a policy that allows nothing but its scripts" "$(head -5 page.html)" \
	"default-src 'none'; .*script-src 'sha256-[A-Za-z0-9+/=]+' 'sha256-[A-Za-z0-9+/=]+'; base-uri 'none'"
ok "JUnit: well-formed" xmllint --noout page.xml
is "JUnit: as many tests as it says" "$(xmllint --xpath 'count(//testcase) = //testsuite/@tests and
	count(//failure) = //testsuite/@failures and count(//skipped) = //testsuite/@skipped' page.xml)" true
is "CSV: all rows have as many cells" "$(python3 -c 'import csv, sys
print(len({len(row) for row in csv.reader(open("page.csv"))}))')" 1
is "Prometheus: every line is a comment or a metric" "$(grep -Evc \
	'^(# (HELP|TYPE) .*|[a-z_]+(\{([a-z_]+="([^"\\]|\\.)*",?)*\})? [-+0-9.e]+)$' page.prom)" 0
is "Prometheus: one verdict" "$(grep -c '^colltune_verdict{.*} 1$' page.prom)" 1
run "$COLLTUNE" report good --status
want=5
case $word in pass | warn) want=0 ;; fail) want=1 ;; esac
is "the verdict's exit status" "$status" "$want"

# Texts from elsewhere that mean something to each format.
cp -r good evil
python3 - <<- 'EOF'
	import json
	bad = "=cmd|' /C calc'!A0</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'`|\x1b[31m\u202e\n{x}"
	v = json.load(open("evil/verdict.json"))
	v["reason"] = bad
	for row in v["environment"]:
	    row["host"] = bad
	v["findings"].append({"rule": bad, "severity": "warning", "seen": bad, "why": bad, "set": bad, "undo": bad,
	    "expected": bad, "source": bad, "gain": None})
	for f in v["figures"]:
	    f["note"] = f["candidate"]["backend"] = bad
	json.dump(v, open("evil/verdict.json", "w"))
	lines = [json.loads(line) for line in open("evil/points.jsonl")]
	lines[0]["hosts"][0]["name"] = lines[0]["kernel"] = bad
	lines[0]["options"][bad] = bad
	open("evil/points.jsonl", "w").write("".join(json.dumps(line) + "\n" for line in lines))
EOF
ok "hostile texts" "$COLLTUNE" report evil -o evil.html --junit evil.xml --csv evil.csv --markdown evil.md \
	--prometheus evil.prom
is "hostile texts: the page has no more scripts, and loads nothing" "$(elements evil.html | grep -v verdict)" \
	"scripts 3
loads 0
same True False
controls 0"
is "hostile texts: as text" "$(grep -c '&lt;script&gt;alert(1)&lt;/script&gt;' evil.html)" \
	"$(grep -c 'alert(1)' <(sed '/id="data"/d' evil.html))"
like "hostile texts: nothing for the terminal" "$out" '^verdict: .*: =cmd'
is "hostile texts: no control characters" "$(cat evil.* <(printf '%s' "$out$err") | tr -d '\n\t' |
	LC_ALL=C grep -c '[[:cntrl:]]')" 0
ok "hostile texts: JUnit is well-formed" xmllint --noout evil.xml
is "hostile texts: no CSV cell is a formula" "$(python3 -c 'import csv
print(sum(cell[:1] in "=+-@" and cell != "" for row in csv.reader(open("evil.csv")) for cell in row))')" 0
like "hostile texts: Markdown has no element" "$(cat evil.md)" '\\<img src=x'
is "hostile texts: Prometheus" "$(grep -Evc \
	'^(# (HELP|TYPE) .*|[a-z_]+(\{([a-z_]+="([^"\\]|\\.)*",?)*\})? [-+0-9.e]+)$' evil.prom)" 0

# Half-written and wrong: named, and the rest is used.
cp -r good half
sed -i '3s/"median_ns"/"medain_ns"/' half/points.jsonl
printf '{"schema":"colltune-result/1","kind":"po' >> half/points.jsonl
echo '{"schema": "colltune-verdict/1", "verd' > half/verdict.json
echo nonsense > half/machines/zzz.json
sed -i 's/"done"/"killed"/' half/run.json
run "$COLLTUNE" report half -o half.html --json half.json
is "damaged: exit" "$status" 0
like "damaged: the line" "$err" 'left out: half/points.jsonl:3: .*medain_ns'
like "damaged: the last line" "$err" 'points.jsonl:[0-9]+: a line without its end'
like "damaged: the verdict" "$err" 'left out: half/verdict.json'
like "damaged: a machine file" "$err" 'left out: .*zzz.json'
like "damaged: the state" "$err" 'did not come to its end: killed'
is "damaged: all but one point is used" "$(python3 - <<- 'EOF'
	import json
	n = lambda name: sum(p["rounds"] for c in json.load(open(name))["series"] for p in c["points"])
	print(n("page.json") - n("half.json"))
EOF
)" 1
like "damaged: marked on the page" "$(cat half.html)" '<h2>What is missing</h2>'

# Results from two job sizes: in one file, and in two directories.
cp -r good mixed
sed '1d; s/"nranks":2/"nranks":4/' good/points.jsonl >> mixed/points.jsonl
head -n 1 good/points.jsonl >> mixed/points.jsonl
run "$COLLTUNE" report mixed --json mixed.json
lines=$(wc -l < good/points.jsonl)
like "two job sizes in a file: the line is named" "$err" \
	"mixed/points.jsonl:$((lines + 1)): a point of 4 ranks where the job has 2"
like "two runs in a file: the line is named" "$err" "mixed/points.jsonl:$((2 * lines)): a second environment record"
is "two job sizes in a file: all points are used, apart" "$(python3 - <<- 'EOF'
	import json
	count = lambda s, n: sum(p["rounds"] for c in s if c["nranks"] == n for p in c["points"])
	mixed, good = (json.load(open(f))["series"] for f in ("mixed.json", "page.json"))
	print(count(mixed, 2) == count(good, 2) > 0, count(mixed, 4) == count(good, 2))
EOF
)" "True True"
cp -r good four
sed -i 's/"nranks":2/"nranks":4/' four/points.jsonl
run "$COLLTUNE" report good --baseline four --json sized.json
is "a baseline of another size: exit" "$status" 0
like "a baseline of another size: said" "$err" 'four/points.jsonl:1: results of 4 ranks, this job has 2: .*nothing of it is compared'
is "a baseline of another size: no point is compared" \
	"$(python3 -c 'import json; print(json.load(open("sized.json"))["baseline"]["points"])')" "[]"

# A baseline: recorded rounds, and the same with all times doubled.
python3 - "$CT_SRCDIR/tests/fixtures/rounds40.jsonl" <<- 'EOF'
	import json, sys
	lines = [json.loads(line) for line in open(sys.argv[1])]
	for r in lines[1:]:
	    for key in ("median_ns", "low_ns", "high_ns", "min_ns", "max_ns", "mean_ns", "p50_ns", "p95_ns", "p99_ns"):
	        r[key] = 2 * r[key]
	    r["samples_ns"] = [2 * v for v in r["samples_ns"]]
	open("slow.jsonl", "w").write("".join(json.dumps(r, separators=(",", ":")) + "\n" for r in lines))
EOF
recorded=$CT_SRCDIR/tests/fixtures/rounds40.jsonl
run "$COLLTUNE" report slow.jsonl --baseline "$recorded" -o slow.html --json slow.json --csv slow.csv --status
is "slower than the baseline: exit status" "$status" 1
like "slower than the baseline: the first thing to fix" "$(grep -m 1 'class="seen"' slow.html)" \
	'slower, 2\.[0-9]+ times as long as in the baseline'
is "slower than the baseline: both are drawn, one is counted" "$(python3 - <<- 'EOF'
	import csv, json
	p = json.load(open("slow.json"))
	both = [c for c in p["series"] if "beside" in c]
	ours = sum(len(c["points"]) for c in p["series"] if "beside" not in c)
	print(len(both) * 2 == len(p["series"]), p["baseline"]["end"],
	      sum(r["kind"] == "point" for r in csv.DictReader(open("slow.csv"))) == ours)
EOF
)" "True worse True"
run "$COLLTUNE" report "$recorded" slow.jsonl --baseline slow.jsonl -o both.html --json both.json
like "faster than the baseline, a third run beside: said" "$out" '^baseline: .*faster'
is "a third run beside: three curves of each" "$(python3 -c '
import json
s = json.load(open("both.json"))["series"]
print(sum("beside" in c for c in s) == 2 * sum("beside" not in c for c in s))')" True
run "$COLLTUNE" report good --baseline no/such
is "no such baseline: exit" "$status" 3
rm -f mixed.json

# Other sources.
cat > p.txt <<- 'EOF'
	nodes 64
	cv 0.01
	seed 3
	fault nic 17 0 1.3
EOF
run "$COLLTUNE" accept --pretend p.txt --json pretend.json
ok "a pretended cluster" "$COLLTUNE" report pretend.json -o pretend.html
like "a pretended cluster: says so" "$(cat pretend.html)" '<p class="label">pretended</p>'
like "a pretended cluster: the slow part" "$(cat pretend.html)" '<span class="seen">[^<]*17'
# As accept writes them on several hosts.
cp -r good parts
python3 - <<- 'EOF'
	import json
	v = json.load(open("parts/verdict.json"))
	v["isolation"] = json.load(open("pretend.json"))
	v["differences"] = [{"path": "/settings/governor", "value": "powersave", "usual": "performance", "host": "n7",
	    "hosts": 1, "kind": "setting"}]
	json.dump(v, open("parts/verdict.json", "w"))
	lines = [json.loads(line) for line in open("parts/points.jsonl")]
	lines[0]["options"]["net-fault"] = "delay:rank=1"
	open("parts/points.jsonl", "w").write("".join(json.dumps(line) + "\n" for line in lines))
EOF
ok "slow parts in a verdict" "$COLLTUNE" report parts -o parts.html
like "slow parts in a verdict: to fix" "$(cat parts.html)" '<span class="seen">[^<]*17'
like "differences between hosts" "$(cat parts.html)" '<td>/settings/governor</td><td>powersave</td>'
like "a planted fault is said" "$(cat parts.html)" '<p class="label">FAULT INJECTED: delay:rank=1</p>'
ok "a file of records" "$COLLTUNE" report good/points.jsonl -o records.html
like "a file of records: not judged" "$out" 'measured, not judged by accept'
mkdir empty
run "$COLLTUNE" report empty
is "nothing in it: exit" "$status" 2
like "nothing in it: what is looked for" "$err" 'neither points.jsonl nor verdict.json nor ladder.json'
echo '{"schema": "colltune-rules/1"}' > rules.json
run "$COLLTUNE" report rules.json
is "another file of ours: exit" "$status" 2
like "another file of ours: what it could be" "$err" '^colltune report: rules.json: its schema is none of colltune-verdict/1'
run "$COLLTUNE" report no/such
is "nothing there: exit" "$status" 3
run "$COLLTUNE" report good -o no/such/page.html
is "cannot write: exit" "$status" 3
tap_done
