#!/usr/bin/env python3
"""bench_encode_rivals.py - pictures to codes by PyTorch, ONNX Runtime or OpenVINO, with the network of a model of adah's.

    bench_encode_rivals.py MODEL FOLDER CODES PIXELS OUT --engine E [--batches "B ..."] [--threads N] [--limit N]

CODES.ids and CODES.image.npy are what `adah encode` wrote, PIXELS is bench_network's. Appends lines of JSON to OUT, from files
and of the network alone, and says how many bits of the codes are adah's.

The network is told once (codes_of), to whichever operations: PyTorch's, or those that write an ONNX graph.
"""
import argparse
import json
import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bench_torch import peak_bytes, read_safetensors

FIRE = ((3, 16, 64), (4, 16, 64), None, (6, 32, 128), (7, 32, 128), None, (9, 48, 192), (10, 48, 192), (11, 64, 256), (12, 64, 256))
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
FULL = (-3.4e38, 3.4e38)


# ---------------------------------------------------------------- the network

def squeezenet(o, x):
    x = o.pool(o.conv(x, "features.0", 2, (0, 0)))
    for fire in FIRE:
        if fire is None:
            x = o.pool(x)
        else:
            x = o.conv(x, f"features.{fire[0]}.squeeze", 1, (0, 0))
            x = o.join(o.conv(x, f"features.{fire[0]}.expand1x1", 1, (0, 0)), o.conv(x, f"features.{fire[0]}.expand3x3", 1, (1, 1)))
    return x


def mobilenet(o, x):
    """TensorFlow's padding of even sizes: the odd pixel at the end. The sides of the maps are even where the stride is 2."""
    x = o.conv(x, "features.0", 2, (0, 1), high=6)
    number, n_in = 1, 32
    for expansion, n_out, n, stride in STAGES:
        for i in range(n):
            step, name = 1 if i else stride, f"features.{number}."
            y = o.conv(x, name + "expand", 1, (0, 0), high=6) if expansion > 1 else x
            y = o.conv(y, name + "depthwise", step, (1, 1) if step == 1 else (0, 1), n_in * expansion, high=6)
            y = o.conv(y, name + "project", 1, (0, 0), high=None)
            x = o.add(x, y) if step == 1 and n_in == n_out else y
            number, n_in = number + 1, n_out
    return o.conv(x, "features.18", 1, (0, 0), high=6)


def codes_of(o, x, config):
    """Before tanh, which moves no sign."""
    f = (squeezenet if config["backbone"] == "squeezenet1_1" else mobilenet)(o, o.normalise(x))
    return o.linear(o.linear(o.mean(f), "image.hashing.0", True), "image.hashing.code", False)


def read_model(path):
    """Weights and configuration; what adah does to a pixel as (factor, addend) a channel, in the order R, G, B."""
    weights, metadata = read_safetensors(path)
    config = json.loads(metadata["config"])
    if config["attention"] or config["pooling"] == "flatten" or config["method"] != "adah":
        raise SystemExit(f"{path}: expected a model without attention")
    weights["image.hashing.0.weight"] = weights["image.hashing.0.weight"] * np.float32(config["feature_scale"] or 1)
    style, one = config["weights_style"], np.ones(3, np.float32)
    if style == "caffe":
        weights["image.backbone.features.0.weight"] = weights["image.backbone.features.0.weight"][:, ::-1].copy()
        pixel = one, -np.array([123, 117, 104], np.float32)
    elif style == "tensorflow":
        pixel = one / np.float32(127.5), -one
    else:
        mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        pixel = (1 / (255 * deviation)).astype(np.float32), (-mean / deviation).astype(np.float32)
    return weights, config, pixel


# ---------------------------------------------------------------- PyTorch

def torch_engine(o, model):
    import torch
    import torch.nn.functional as F
    weights, config, pixel = model

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, value in weights.items():
                value = torch.from_numpy(value)
                self.register_buffer(name.replace(".", "_"),
                                     value.contiguous(memory_format=torch.channels_last) if value.dim() == 4 else value)
            self.factor, self.addend = (torch.from_numpy(p).view(1, 3, 1, 1) for p in pixel)

        def of(self, name):
            name = name.replace(".", "_")
            return getattr(self, name + "_weight"), getattr(self, name + "_bias")

        def normalise(self, x):
            return x.permute(0, 3, 1, 2).to(torch.float32) * self.factor + self.addend

        def conv(self, x, name, stride, pad, groups=1, high=FULL[1]):
            if pad[0] != pad[1]:
                x, pad = F.pad(x, (*pad, *pad)), (0, 0)
            x = F.conv2d(x, *self.of("image.backbone." + name), stride, pad[0], 1, groups)
            if high is None:
                return x
            return F.relu6(x, inplace=True) if high == 6 else F.relu(x, inplace=True)

        def pool(self, x):
            return F.max_pool2d(x, 3, 2, ceil_mode=True)

        def join(self, a, b):
            return torch.cat([a, b], 1)

        def add(self, a, b):
            return a + b

        def mean(self, x):
            return x.mean((2, 3))

        def linear(self, x, name, is_hidden):
            x = F.linear(x, *self.of(name))
            return F.relu(x) if is_hidden else x

        def forward(self, x):
            return codes_of(self, x, config)

    torch.set_num_threads(o.threads)
    network = Network().eval()
    example = torch.zeros((o.batch, config["n_side"], config["n_side"], 3), dtype=torch.uint8)
    name = f"PyTorch {torch.__version__.split('+')[0]}"
    with torch.inference_mode():
        if o.engine == "torch-jit":
            network = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(network, example)))
        elif o.engine == "torch-compile":
            network = torch.compile(network)

    def run(batches):
        with torch.inference_mode():
            for batch in batches:
                yield network(torch.from_numpy(batch)).numpy()

    return name, {"torch": "eager, channels last", "torch-jit": "jit, frozen", "torch-compile": "compiled, channels last"}[o.engine], run


# ---------------------------------------------------------------- ONNX

class OnnxGraph:
    """The operations of codes_of as nodes; values are names."""

    def __init__(self, weights, pixel):
        from onnx import helper, numpy_helper
        self.helper, self.to_tensor, self.weights, self.pixel = helper, numpy_helper.from_array, weights, pixel
        self.nodes, self.constants = [], {}

    def constant(self, name, value):
        self.constants[name] = self.to_tensor(np.ascontiguousarray(value), name)
        return name

    def node(self, kind, *inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def of(self, name):
        return [self.constant(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias")]

    def normalise(self, x):
        x = self.node("Cast", x, to=self.helper.np_dtype_to_tensor_dtype(np.dtype(np.float32)))
        x = self.node("Mul", x, self.constant("factor", self.pixel[0]))
        return self.node("Transpose", self.node("Add", x, self.constant("addend", self.pixel[1])), perm=[0, 3, 1, 2])

    def conv(self, x, name, stride, pad, groups=1, high=FULL[1]):
        size = self.weights[f"image.backbone.{name}.weight"].shape[2]
        x = self.node("Conv", x, *self.of("image.backbone." + name), kernel_shape=[size, size], strides=[stride, stride],
                      pads=[pad[0], pad[0], pad[1], pad[1]], group=groups)
        if high == 6:
            return self.node("Clip", x, self.constant("zero", np.float32(0)), self.constant("six", np.float32(6)))
        return self.node("Relu", x) if high else x

    def pool(self, x):
        return self.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

    def join(self, a, b):
        return self.node("Concat", a, b, axis=1)

    def add(self, a, b):
        return self.node("Add", a, b)

    def mean(self, x):
        return self.node("Flatten", self.node("GlobalAveragePool", x))

    def linear(self, x, name, is_hidden):
        x = self.node("Gemm", x, *self.of(name), transB=1)
        return self.node("Relu", x) if is_hidden else x


def onnx_model(o, model):
    from onnx import TensorProto, helper
    weights, config, pixel = model
    graph = OnnxGraph(weights, pixel)
    result = codes_of(graph, "pixels", config)
    side = config["n_side"]
    graph = helper.make_graph(graph.nodes, "adah",
                              [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [o.batch, side, side, 3])],
                              [helper.make_tensor_value_info(result, TensorProto.FLOAT, [o.batch, config["n_bits"]])],
                              list(graph.constants.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def onnxruntime_engine(o, model):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = o.threads, 1
    session = ort.InferenceSession(onnx_model(o, model), options, providers=["CPUExecutionProvider"])
    return f"ONNX Runtime {ort.__version__}", "", lambda batches: (session.run(None, {"pixels": b})[0] for b in batches)


def openvino_engine(o, model):
    import openvino as ov
    kind = "bf16" if o.engine == "openvino-bf16" else "f32"
    core = ov.Core()
    compiled = core.compile_model(core.read_model(onnx_model(o, model)), "CPU", {
        "PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_NUM_THREADS": o.threads, "INFERENCE_PRECISION_HINT": kind})

    def run(batches):
        found = {}
        queue = ov.AsyncInferQueue(compiled)
        queue.set_callback(lambda request, i: found.__setitem__(i, request.get_output_tensor().data.copy()))
        for i, batch in enumerate(batches):
            queue.start_async(batch, i)
        queue.wait_all()
        return (found[i] for i in range(len(found)))

    return f"OpenVINO {ov.__version__.split('-')[0]}", "throughput" + (", bfloat16" if kind == "bf16" else ""), run


def make_engine(o, model):
    """Its name, what it was set to, and a function from batches of pixels to batches of codes."""
    make = {"torch": torch_engine, "onnxruntime": onnxruntime_engine, "openvino": openvino_engine}[o.engine.split("-")[0]]
    return make(o, model)


# ---------------------------------------------------------------- pictures

def shrunk_by(width, height, side):
    """The most that a JPEG decoder may shrink by."""
    return next(f for f in (8, 4, 2, 1) if f == 1 or min(width, height) >= f * side)


def decoder_of(kind, side):
    if kind == "pillow":
        from PIL import Image

        def decode(path, to):
            with Image.open(path) as picture:
                picture.draft("RGB", (side, side))  # by the decoder itself, where it is much larger
                to[:] = picture.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    elif kind == "cv2":
        import cv2
        from PIL import Image
        cv2.setNumThreads(1)
        flags = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2, 1: cv2.IMREAD_COLOR}

        def decode(path, to):
            with Image.open(path) as head:
                flag = flags[shrunk_by(*head.size, side)]
            picture = cv2.resize(cv2.imread(path, flag), (side, side), interpolation=cv2.INTER_AREA)
            cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=to)
    elif kind == "simplejpeg":
        import cv2
        import simplejpeg
        cv2.setNumThreads(1)

        def decode(path, to):
            with open(path, "rb") as file:
                picture = simplejpeg.decode_jpeg(file.read(), "RGB", fastdct=True, fastupsample=True, min_height=side, min_width=side)
            cv2.resize(picture, (side, side), dst=to, interpolation=cv2.INTER_AREA)
    else:
        import torch
        from torchvision.io import ImageReadMode, read_image

        def decode(path, to):
            picture = read_image(path, ImageReadMode.RGB)[None]
            picture = torch.nn.functional.interpolate(picture, (side, side), mode="bilinear", antialias=True)
            to[:] = picture[0].permute(1, 2, 0).numpy()
    return decode


def decoded(paths, decode, side, o):
    """Batches, a few of them ahead; the last is filled up with zeros."""
    with ThreadPoolExecutor(o.workers) as pool:
        waiting, starts = deque(), iter(range(0, len(paths), o.batch))
        while True:
            while len(waiting) < 4 and (start := next(starts, None)) is not None:
                batch = np.zeros((o.batch, side, side, 3), np.uint8)
                waiting.append((batch, [pool.submit(decode, p, to) for p, to in zip(paths[start:start + o.batch], batch)]))
            if not waiting:
                return
            batch, futures = waiting.popleft()
            for future in futures:
                future.result()
            yield batch


def fastest_decoder(paths, side):
    found = {}
    for kind in ("pillow", "cv2", "simplejpeg", "torchvision"):
        to = np.zeros((side, side, 3), np.uint8)
        try:
            decode = decoder_of(kind, side)
            decode(paths[0], to)
        except ImportError:
            continue
        start = time.perf_counter()
        for path in paths:
            decode(path, to)
        found[time.perf_counter() - start] = kind, decode
    return found[min(found)]


def best_batch(o, model, pixels):
    """Of the sizes to try, by a short run of the network alone."""
    found = {}
    for o.batch in [int(b) for b in o.batches.split()]:
        run = make_engine(o, model)[2]
        for i in range(2):
            start = time.perf_counter()
            for _ in run(in_memory(pixels, o.batch)):
                pass
            found[o.batch] = time.perf_counter() - start
    return min(found, key=found.get)


def in_memory(pixels, n_batch):
    for start in range(0, len(pixels), n_batch):
        batch = pixels[start:start + n_batch]
        if len(batch) < n_batch:
            batch = np.concatenate([batch, np.zeros((n_batch - len(batch), *batch.shape[1:]), np.uint8)])
        yield batch


def main():
    parser = argparse.ArgumentParser()
    for name in ("model", "folder", "codes", "pixels", "out"):
        parser.add_argument(name)
    parser.add_argument("--engine", required=True,
                        choices=("torch", "torch-jit", "torch-compile", "onnxruntime", "openvino", "openvino-bf16"))
    parser.add_argument("--batches", default="4 16 64")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="threads that decode")
    parser.add_argument("--limit", type=int, help="fewer pictures")
    parser.add_argument("--not-held", action="store_true", help="say so: this engine has no switch for it")
    o = parser.parse_args()
    model = read_model(o.model)
    side = model[1]["n_side"]
    theirs = np.unpackbits(np.load(o.codes + ".image.npy"), 1, bitorder="little")[:o.limit]
    with open(o.codes + ".ids") as file:
        paths = [os.path.join(o.folder, name.rstrip("\n")) for name in file][:o.limit]
    pixels = np.load(o.pixels)[:o.limit].reshape(-1, side, side, 3)
    n = len(paths)
    decoder, decode = fastest_decoder(paths[:40], side)
    o.batch = best_batch(o, model, pixels[:256])
    program, setting, run = make_engine(o, model)
    setting = ", ".join(filter(None, (setting, "not held" if o.not_held else "")))
    for source in ("network alone", "from files"):
        batches = (lambda m: in_memory(pixels[:m], o.batch)) if source == "network alone" else \
            (lambda m: decoded(paths[:m], decode, side, o))
        for _ in run(batches(min(n, 4 * o.batch))):  # warm
            pass
        start = time.perf_counter()
        codes = np.concatenate(list(run(batches(n))))[:n]
        seconds = time.perf_counter() - start
        line = {"program": program, "from": source, "pictures": n, "threads": o.threads,
                "setting": ", ".join(filter(None, (setting, f"batch {o.batch}", decoder if source == "from files" else ""))),
                "seconds": seconds, "pictures_per_second": n / seconds, "equal_bits": float(np.mean((codes >= 0) == theirs))}
        if source == "from files":
            line["peak_bytes"] = peak_bytes()
        with open(o.out, "a") as out:
            print(json.dumps(line, separators=(",", ":")), file=out)
        print(json.dumps(line), flush=True)
    os._exit(0)  # OpenVINO's threads may wait for each other when the interpreter ends


if __name__ == "__main__":
    main()
