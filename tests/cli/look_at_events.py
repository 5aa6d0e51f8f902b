#!/usr/bin/env python3
"""look_at_events.py RECORD DIR - whether the newest event file in DIR tells what the history of a training record does.

It is read by a decoder of its own, which checks every length and checksum of the file, written from the formats' descriptions; and with
--tensorboard by TensorBoard itself, which reads all files of the folder.
"""

import json
import struct
import sys
from pathlib import Path


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        length, check = struct.unpack_from("<QI", data, at)
        assert check == masked(data[at:at + 8]), f"checksum of the length at {at}"
        body = data[at + 12:at + 12 + length]
        assert len(body) == length, f"record at {at} is cut off"
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(body), f"checksum of the record at {at}"
        yield body
        at += 16 + length


def number(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def fields(data):
    at, found = 0, []
    while at < len(data):
        key, at = number(data, at)
        if key & 7 == 0:
            value, at = number(data, at)
        elif key & 7 == 2:
            length, at = number(data, at)
            value, at = data[at:at + length], at + length
        else:
            form = {1: "<d", 5: "<f"}[key & 7]
            value, at = struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
        assert at <= len(data)
        found.append((key >> 3, value))
    return found


def read(path):
    """{tag: [(step, value)]}"""
    series = {}
    events = [dict(fields(body)) for body in records(path.read_bytes())]
    assert events[0][3] == b"brain.Event:2" and dict(fields(events[1][7])) == {1: 1}, events[:2]
    assert all(1.5e9 < event[1] < 1e11 for event in events)
    for event in events[2:]:
        for field, value in fields(event[5]):
            parts = dict(fields(value))
            assert field == 1
            series.setdefault(parts[1].decode(), []).append((event[2], parts[2]))
    return series


def read_with_tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()
    assert tags["scalars"], tags
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags["scalars"]}


def main():
    wanted = {}
    for epoch in json.load(open(sys.argv[1]))["history"]:
        for name, value in epoch.items():
            if name == "loss":
                for loss, mean in value.items():
                    wanted.setdefault("loss/" + loss, []).append((epoch["epoch"], mean))
            elif name != "epoch":
                group, _, rest = name.partition("_")
                wanted.setdefault(f"{group}/{rest}", []).append((epoch["epoch"], value))
    folder = Path(sys.argv[2])
    newest = sorted(folder.glob("events.out.tfevents.*"))[-1]
    series = read_with_tensorboard(folder) if "--tensorboard" in sys.argv else read(newest)
    rates = series.pop("learning_rate")
    assert [step for step, _ in rates] == [step for step, _ in wanted[next(iter(wanted))]] and all(rate > 0 for _, rate in rates), rates
    assert series.keys() == wanted.keys(), (series.keys(), wanted.keys())
    for tag, points in wanted.items():
        assert [step for step, _ in points] == [step for step, _ in series[tag]], (tag, points, series[tag])
        assert all(abs(a - b) <= 1e-6 * max(1, abs(a)) for (_, a), (_, b) in zip(points, series[tag])), (tag, points, series[tag])


main()
