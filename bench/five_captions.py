#!/usr/bin/env python3
"""Write metadata.jsonl of flickr8k in which a train photo has its five captions, and a query photo the one that it had.

Usage: five_captions.py FLICKR8K OUT

OUT/images becomes a link to FLICKR8K/images. Nothing is done where OUT/metadata.jsonl exists.
"""
import json
import os
import sys

source, out = sys.argv[1:3]
target = os.path.join(out, "metadata.jsonl")
if not os.path.exists(target):
    os.makedirs(out, exist_ok=True)
    link = os.path.join(out, "images")
    if not os.path.islink(link):
        os.symlink(os.path.realpath(os.path.join(source, "images")), link)
    with open(os.path.join(source, "captions.jsonl"), encoding="utf-8") as lines:
        captions = {record["file_name"]: record["captions"] for record in map(json.loads, lines)}
    with open(os.path.join(source, "metadata.jsonl"), encoding="utf-8") as lines, open(target + ".new", "w", encoding="utf-8") as new:
        for record in map(json.loads, lines):
            if record["split"] == "train":
                record["text"] = captions[record["file_name"]]
            print(json.dumps(record), file=new)
    os.rename(target + ".new", target)
