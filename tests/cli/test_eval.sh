#!/usr/bin/env bash
# test_eval.sh - evaluations against a definition in other words, of several models, with queries of another set, reports.
# shellcheck source=tests/cli/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# judge PROGRAM ARGUMENTS... - a Python program that fails when something is wrong, where there is a Python.
judge() {
    command -v python3 >/dev/null || return 0
    check python3 "$@"
}

make_scenes
for seed in 0 1 2; do
    "$ADAH" train --data scenes --model "$seed.safetensors" --epochs 1 --seed "$seed" --quiet "${quick[@]}" >/dev/null || exit 1
done

# mAP@all and AP@50 of the codes, recomputed from the files.
expect 0 encode --model 0.safetensors --data scenes --out codes --quiet
expect 0 eval --model 0.safetensors --data scenes --json --quiet
cp stdout one.json
cat >brute.py <<'PYTHON'
import collections, json, statistics
records = [json.loads(line) for line in open("scenes/metadata.jsonl")]
names = open("codes.ids").read().split("\n")[:-1]
assert names == [r["file_name"] for r in records]
def codes(kind):
    raw = open(f"codes.{kind}.npy", "rb").read()[-2 * len(records):]
    return [int.from_bytes(raw[2 * i:2 * i + 2], "little") for i in range(len(records))]
code = {kind: codes(kind) for kind in ("image", "text")}
labels = [set(r["labels"]) for r in records]
def distance(a, i, b, k):
    return bin(code[a][i] ^ code[b][k]).count("1")
queries = [i for i, r in enumerate(records) if r.get("split") == "query"]
database = [i for i, r in enumerate(records) if r.get("split") != "query"]
result = json.load(open("one.json"))
for a in code:
    for b in code:
        aps, cut_aps = [], []
        for q in queries:
            ranked = sorted(database, key=lambda i: (distance(a, q, b, i), i))
            precisions = []
            for rank, i in enumerate(ranked, 1):
                if labels[q] & labels[i]:
                    precisions.append((rank, (len(precisions) + 1) / rank))
            if precisions:
                aps.append(sum(p for _, p in precisions) / len(precisions))
                cut = [p for rank, p in precisions if rank <= 50]
                cut_aps.append(sum(cut) / len(cut) if cut else 0)
        assert len(aps) == result["n_queries"] and len(queries) - len(aps) == result["n_queries_without_relevant"]
        assert len(database) == result["n_database"]
        assert abs(result[f"map_{a}_to_{b}"] - sum(aps) / len(aps)) < 1e-12
        direction = result[f"{a}_to_{b}"]
        assert direction["k"] == 50
        assert abs(direction["map_at_k_by_rank"] - sum(cut_aps) / len(cut_aps)) < 1e-12
        tied = 0
        for q in queries:
            distances = sorted(distance(a, q, b, i) for i in database)
            tied += sum(distances.count(d) > 1 for d in distances[:10])
        assert abs(direction["ties_in_first_10"] - tied / len(queries)) < 1e-12

# The own partner among the queries' other side, ties in random order; how many codes differ.
assert result["own_partner"]["n_queries"] == len(queries)
for a, b in ("image", "text"), ("text", "image"):
    found, ranks = {1: 0, 5: 0, 10: 0}, []
    for q in queries:
        distances = [distance(a, q, b, i) for i in queries]
        own = distance(a, q, b, q)
        before, tied = sum(d < own for d in distances), distances.count(own)
        for k in found:
            found[k] += sum(before + t <= k for t in range(1, tied + 1)) / tied
        ranks.append(statistics.mean(range(before + 1, before + tied + 1)))
    partner = result["own_partner"][f"{a}_to_{b}"]
    for k in found:
        assert abs(partner[f"recall_at_{k}"] - found[k] / len(queries)) < 1e-12
    assert abs(partner["median_rank"] - statistics.median(ranks)) < 1e-12
for name, items in ("queries", queries), ("data", range(len(records))):
    counts = result["distinct_codes"][name]
    assert counts["n_items"] == len(items)
    for kind in code:
        shared = collections.Counter(code[kind][i] for i in items)
        assert counts[kind]["n_distinct"] == len(shared) and counts[kind]["n_most"] == max(shared.values())
PYTHON
judge brute.py

# The terminal has the same figures; of codes alone, too, and where there are no labels a query's relevant item is its partner.
expect 0 eval --model 0.safetensors --data scenes --quiet
cp stdout table
stdout_has '^own partner +R@1 +R@5 +R@10 +median rank$'
check test "$(grep -cE '^(image to text|text to image)( +[01]\.[0-9]{4}){3} +[0-9]+\.[0-9]$' stdout)" = 2
stdout_has '^different codes of the queries, 18 records: [0-9]+ of images \(at most [0-9]+ share one\), [0-9]+ of texts \([0-9]+\)$'
stdout_has '^different codes of the data set, 120 records: '
expect 0 eval --codes codes --data scenes --quiet
check diff stdout <(head -n "$(wc -l <stdout)" table) # what follows there are attention masks
mkdir unlabelled
sed -E 's/, "labels": \[[^]]*\]//' scenes/metadata.jsonl >unlabelled/metadata.jsonl
ln -s ../scenes/images ../scenes/masks unlabelled/
expect 0 eval --codes codes --data unlabelled --quiet
stdout_has '^18 queries \(0 more have no relevant item\), 18 in the database, 16 bits, relevance by pairs$'
check diff <(grep -A2 '^own partner' stdout) <(grep -A2 '^own partner' table)

# In the fine order: the candidates by the cosine of their vectors and the likeness of their codes.
check_not grep -q own_partner_fine one.json
expect 0 train --data scenes --model fine.safetensors --epochs 1 --quiet "${quick[@]}" --set n_fine=16
expect 0 encode --model fine.safetensors --data scenes --out fine --quiet
expect 0 eval --model fine.safetensors --data scenes --json --quiet
cp stdout fine.json
expect 0 eval --codes fine --data scenes --quiet
check test "$(grep -cE '^  fine order( +[01]\.[0-9]{4}){3} +[0-9]+\.[0-9]$' stdout)" = 2
expect 0 eval --model fine.safetensors --model fine.safetensors --data scenes --quiet --report fine.html
check test "$(grep -cE '^  fine order( +[01]\.[0-9]{4} ± 0\.0000){3} +[0-9]+\.[0-9] ± 0\.0$' stdout)" = 2
check test "$(grep -cE '<td>(text to image|image to text), fine order</td>' fine.html)" = 2
cat >fine.py <<'PYTHON'
import json, re, statistics, struct
records = [json.loads(line) for line in open("scenes/metadata.jsonl")]
def rows(kind, n_bytes):
    raw = open(f"fine.{kind}.npy", "rb").read()[-n_bytes * len(records):]
    return [raw[n_bytes * i:n_bytes * (i + 1)] for i in range(len(records))]
sides = "image", "text"
code = {s: [int.from_bytes(r, "little") for r in rows(s, 2)] for s in sides}
vector = {s: [struct.unpack("16b", r) for r in rows(s + ".fine", 16)] for s in sides}
def dot(v, w):
    return sum(x * y for x, y in zip(v, w))
def cosine(v, w):
    both = dot(v, v) * dot(w, w)
    return struct.unpack("f", struct.pack("f", dot(v, w) / both ** .5))[0] if both else -2
def score(a, q, b, i):
    c = cosine(vector[a][q], vector[b][i])
    return c if c == -2 else struct.unpack("f", struct.pack("f", (c + (1 - 2 * distance(a, q, b, i) / 16) / 4) / 1.25))[0]
def distance(a, q, b, i):
    return bin(code[a][q] ^ code[b][i]).count("1")
queries = [i for i, r in enumerate(records) if r.get("split") == "query"]
n_candidates = max(1, min(200, len(queries) // 4))
while n_candidates < 20:
    n_candidates *= 2
result = json.load(open("fine.json"))["own_partner_fine"]
assert result["n_queries"] == len(queries)
for a, b in sides, sides[::-1]:
    found, ranks = {1: 0, 5: 0, 10: 0}, []
    for q in queries:
        near = sorted(queries, key=lambda i: distance(a, q, b, i))
        keys = {i: (0, -score(a, q, b, i), distance(a, q, b, i)) for i in near[:n_candidates]}
        keys.update({i: (1, distance(a, q, b, i)) for i in near[n_candidates:]})
        before, tied = (sum(k < keys[q] for k in keys.values()), list(keys.values()).count(keys[q]))
        for k in found:
            found[k] += sum(before + t <= k for t in range(1, tied + 1)) / tied
        ranks.append(before + (tied + 1) / 2)
    direction = result[f"{a}_to_{b}"]
    for k in found:
        assert abs(direction[f"recall_at_{k}"] - found[k] / len(queries)) < 1e-12
    assert abs(direction["median_rank"] - statistics.median(ranks)) < 1e-12
# The report shows answers in the same order: six images for the first one among the queries.
database = [i for i, r in enumerate(records) if r.get("split") != "query"]
answers = sorted(database, key=lambda i: (-score("image", queries[0], "image", i), distance("image", queries[0], "image", i), i))[:6]
shown = re.findall(r'distance (\d+)</span><br>([^<]*)', open("fine.html").read().split("<h2>Images find words")[1])[:6]
for i, (told, text) in zip(answers, shown, strict=True):
    assert int(told) == distance("image", queries[0], "image", i) and text.startswith(records[i]["text"]), (i, text)
PYTHON
judge fine.py

# Several models: each as alone, then mean and sample standard deviation.
models=(--model 0.safetensors --model 1.safetensors --model 2.safetensors)
check_not grep -q '"models"' one.json
expect 0 eval "${models[@]}" --data scenes --json --quiet
cp stdout three.json
check_json
for key in models mean deviation; do
    check test "$(grep -o "\"$key\":" three.json | wc -l)" = 1
done
check grep -qF "$(cat one.json)" three.json
cat >mean.py <<'PYTHON'
import json, statistics
one, three = json.load(open("one.json")), json.load(open("three.json"))
assert three["models"][0] == one and [m["seed"] for m in three["models"]] == [0, 1, 2]
def judge(mean, deviation, single):
    if isinstance(mean, dict):
        for key in mean:
            judge(mean[key], deviation[key], [s[key] for s in single])
        return
    if isinstance(mean, list):
        for i in range(len(mean)):
            judge(mean[i], deviation[i], [s[i] for s in single])
    elif isinstance(mean, float):
        assert abs(mean - statistics.mean(single)) < 1e-12 and abs(deviation - statistics.stdev(single)) < 1e-12
    else:
        assert mean == deviation and all(s == mean for s in single)
judge(three["mean"], three["deviation"], three["models"])
assert set(one) - set(three["mean"]) == {"model", "seed"}, set(one) - set(three["mean"])
PYTHON
judge mean.py
expect 0 eval "${models[@]}" --data scenes --quiet
for seed in 0 1 2; do
    stdout_has "^$seed.safetensors, seed $seed$"
done
stdout_has '^mean of 3 models ± sample standard deviation$'
check test "$(grep -cE '^(image|text) to (image|text)( +0\.[0-9]{4} ± 0\.[0-9]{4}){4}$' stdout)" = 4
check test "$(grep -cE '^(image|text) to (image|text) ' stdout)" = 24
check test "$(grep -cE '^(image to text|text to image)( +[01]\.[0-9]{4} ± 0\.[0-9]{4}){3} +[0-9]+\.[0-9] ± [0-9]+\.[0-9]$' stdout)" = 2
stdout_has 'mAP@50 by rank'

expect 0 train --data scenes --model long.safetensors --epochs 1 --quiet --bits 32 --set n_side=16 --threads 1
expect 1 eval --model 0.safetensors --model long.safetensors --data scenes --quiet
stderr_has '^adah: evaluation 2 and the first differ in n_bits'
expect 1 eval --model 0.safetensors --model absent.safetensors --data scenes --quiet --json
stderr_has 'absent.safetensors'
check test ! -s stdout
expect 2 eval "${models[@]}" --codes codes --data scenes
stderr_has 'give either --model or --codes'

# Reports: the facts, a chart a curve; of several models their mean and a line each.
split_checksum=$(grep -o '"split_checksum":"[0-9a-f]*"' one.json | cut -d'"' -f4)
check test "${#split_checksum}" = 32
expect 0 info --data scenes
stdout_has "^split_checksum: $split_checksum$"
charts() { grep -o '<svg [^>]*><title>[^<]*' "$1" | sed 's/.*<title>//'; }
expect 0 eval --model 0.safetensors --data scenes --quiet --report one.html
check grep -q "Data scenes; checksum of its split $split_checksum; " one.html
expect 0 eval --model 0.safetensors --data scenes --quiet --report asked.html --ask red --ask 'blue & red'
for asked in red 'blue &amp; red'; do
    check test "$(grep -cF "<figure class=\"query w\">&ldquo;$asked&rdquo;</figure><figure><img" asked.html)" = 1
done
check test "$(grep -c '<figure class="query w">' asked.html)" = 2
# What holds the words is shown first, as a search does.
cat >words.py <<'PYTHON'
import json, re, sys
records = [json.loads(line) for line in open("scenes/metadata.jsonl")]
asked = sys.argv[1]
held = [r["text"] for r in records if r.get("split") != "query" and asked in " ".join([r["text"], *r["labels"]]).split()]
shown = re.findall(r'</span><br>([^<\[]*) \[', open("asked.html").read().split("&rdquo;")[1])[:6]
assert held and len(shown) == 6 and all(text in held for text in shown[:len(held)]), (held, shown)
PYTHON
judge words.py red
expect 2 eval --model 0.safetensors --data scenes --ask red
stderr_has '^adah eval: --ask needs --report$'
check grep -q 'Codes of 16 bits; backbone small; method adah; preset default; seed 0; ' one.html
check_not grep -q '&plusmn;' one.html
check test "$(charts one.html | grep -cE '^(Precision-recall by radius \((micro|macro)\)|Precision of the first N)$')" = 3
check test "$(charts one.html | grep -c '^Loss of each term$')" = 1
expect 0 eval "${models[@]}" --data scenes --quiet --report three.html --json
check_json
check grep -q '; 3 models, seeds 0, 1, 2; ' three.html
check test "$(grep -oE '<td>[01]\.[0-9]{4} &plusmn; 0\.[0-9]{4}</td>' three.html | wc -l)" = 22
check test "$(grep -c '<td>text to image</td>' three.html)" = 2
check grep -qE '<tr><td>images of the data set</td><td>120</td><td>[0-9.]+ &plusmn; [0-9.]+</td>' three.html
check test "$(charts three.html | grep -cE ', (image to text|text to image)$')" = 6
check test "$(grep -oE 'model [123], seed [012]</text>' three.html | wc -l)" = 18
if command -v xmllint >/dev/null; then
    grep -o '<svg .*</svg>' three.html | while read -r svg; do echo "$svg" | xmllint --noout - || echo bad; done >bad
    check test ! -s bad
fi
check_no_leftovers .

# Queries of another set: labels go by name, whatever their order; images of both sets are no answers to themselves.
mkdir others
cp -r scenes/images scenes/masks others/
tac scenes/metadata.jsonl | sed -E 's/"split": "[a-z]*"/"split": "train"/' >others/metadata.jsonl
expect 0 eval --model 0.safetensors --data scenes --queries others --split train --json --quiet
check_json
stdout_has '"n_queries_in_database": ?102\b'
stdout_has '"queries": ?"others"'
sed -E 's/("labels": \[)[^]]*/\1"unheard of"/' scenes/metadata.jsonl >others/metadata.jsonl
expect 0 eval --model 0.safetensors --data scenes --queries others --json --quiet
stdout_has '"n_queries": ?0\b'
stdout_has '"n_queries_without_relevant": ?18\b'
finish
