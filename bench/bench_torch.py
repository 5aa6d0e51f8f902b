"""bench_torch.py - what the Python programs of train.sh and encode.sh share."""
import json

import numpy as np

TYPES = {"F32": np.float32, "U8": np.uint8, "I32": np.int32}


def peak_bytes():
    """The most memory that this process had resident."""
    with open("/proc/self/status") as lines:
        for line in lines:
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return 0


def read_safetensors(path):
    """{name: array}, metadata. The package safetensors is none of Debian 12's."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        start = file.tell()
        arrays, metadata = {}, header.pop("__metadata__", {})
        for name, tensor in header.items():
            begin, end = tensor["data_offsets"]
            file.seek(start + begin)
            arrays[name] = np.fromfile(file, TYPES[tensor["dtype"]], (end - begin) // np.dtype(TYPES[tensor["dtype"]]).itemsize)
            arrays[name] = arrays[name].reshape(tensor["shape"])
    return arrays, metadata
