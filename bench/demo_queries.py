#!/usr/bin/env python3
"""demo_queries.py - asks ten natural queries of a finished demo (make demo) and counts how many of the first ten answers are right.

    bench/demo_queries.py demo-output [--adah build/adah] [--show] [--codes]

An answer is right when the drawing's own folders are those of the query: the folder that it came from, and its labels, which are the
folders in which copies of it lie. Fails where a query has fewer than eight. --codes: by the codes alone, as if nothing were written.
"""
import argparse
import json
import subprocess
import sys

QUERIES = {  # the query, and the folders where its drawings lie
    "bird": {"birds"},
    "red car": {"transportation", "vehicles"},
    "house with trees": {"buildings", "homes"},
    "christmas": {"holiday", "christmas"},
    "flower": {"plants", "flowers"},
    "fish": {"fish"},
    "cat": {"mammals", "housecats"},
    "guitar": {"music"},
    "boat": {"boating"},
    "fruit": {"fruit"},
}
N_ANSWERS, N_WANTED = 10, 8


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--adah", default="build/adah")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--codes", action="store_true")
    options = parser.parse_args()
    folders = {}
    with open(f"{options.folder}/drawings/metadata.jsonl", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            folders[record["file_name"]] = {*record["source"].split("/")[:-1], *record["labels"]}
    counts = []
    for query, wanted in QUERIES.items():
        command = [options.adah, "search", "--model", f"{options.folder}/model.safetensors", "--index", f"{options.folder}/index.adah",
                   "--text", query, "-k", str(N_ANSWERS), "--json"] + ["--no-words"] * options.codes
        hits = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        right = [bool(folders[hit["file_name"]] & wanted) for hit in hits]
        counts.append(sum(right))
        print(f"{query:18} {counts[-1]:2} of {N_ANSWERS}")
        for hit, is_right in zip(hits, right) if options.show else ():
            print(f"    {'+' if is_right else '-'} {hit['text'][:70]}  {sorted(folders[hit['file_name']])}")
    print(f"fewest {min(counts)}, mean {sum(counts) / len(counts):.1f}, wanted {N_WANTED} each")
    return min(counts) < N_WANTED


if __name__ == "__main__":
    sys.exit(main())
