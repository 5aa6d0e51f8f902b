#!/usr/bin/env python3
"""forward_rivals.py - one forward pass of a network with made-up weights beside PyTorch and ONNX Runtime: how long, and how much of the
processors.

    forward_rivals.py --bench build/bench_layers [--network vit_b_32] [--batch 1] [--threads 1] [--rounds 5] [--runs 9] [--avx2]

Needs torch, onnx, onnxscript and onnxruntime. Each engine is a process of its own; in every round one runs after the other, so that a ratio
is of neighbours in time, and tells the fastest of its runs and the processor seconds of all of them. The model of ONNX Runtime is
PyTorch's, exported, and its output is compared with PyTorch's. --avx2 holds adah and PyTorch to AVX2; ONNX Runtime cannot be held.
Threads that wait sleep soon, as in commands of adah (GOMP_SPINCOUNT), except ONNX Runtime's, which has threads of its own."""
import argparse
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

SIDES = {"vit_b_32": 224, "mobilenet_v2": 224, "efficientnet_lite2": 260}


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def serve(o, forward):
    """A round for each line that comes in. The first passes make what is kept."""
    forward(), forward()
    for _ in sys.stdin:
        fastest, cpu = math.inf, cpu_seconds()
        for _ in range(o.runs):
            start = time.perf_counter()
            forward()
            fastest = min(fastest, time.perf_counter() - start)
        print(json.dumps({"fastest": fastest, "cpu": (cpu_seconds() - cpu) / o.runs}), flush=True)


# ---------------------------------------------------------------- networks

def make_vit():
    import torch
    from torch import nn
    n_channels, n_heads, n_patch = 768, 12, 32

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(n_channels, 1e-6), nn.LayerNorm(n_channels, 1e-6)
            self.qkv, self.out = nn.Linear(n_channels, 3 * n_channels), nn.Linear(n_channels, n_channels)
            self.up, self.down = nn.Linear(n_channels, 4 * n_channels), nn.Linear(4 * n_channels, n_channels)

        def forward(self, x):
            b, n, c = x.shape
            q, k, v = self.qkv(self.norm1(x)).reshape(b, n, 3, n_heads, c // n_heads).permute(2, 0, 3, 1, 4).unbind(0)
            y = nn.functional.scaled_dot_product_attention(q, k, v)
            x = x + self.out(y.transpose(1, 2).reshape(b, n, c))
            return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))

    class Vision(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch = nn.Conv2d(3, n_channels, n_patch, n_patch)
            self.first = nn.Parameter(torch.randn(1, 1, n_channels) * 0.02)
            self.positions = nn.Parameter(torch.randn(1, 1 + (SIDES["vit_b_32"] // n_patch) ** 2, n_channels) * 0.02)
            self.blocks = nn.Sequential(*[Block() for _ in range(12)])
            self.norm = nn.LayerNorm(n_channels, 1e-6)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1) + self.positions
            return self.norm(self.blocks(x))

    return Vision()


def make_inverted(stages, width, depth):
    """MobileNetV2 and EfficientNet-Lite, normalisation folded in."""
    import torch
    from torch import nn

    def scaled(n):
        rounded = int(n * width + 4) // 8 * 8
        return rounded + 8 if rounded < 0.9 * n * width else rounded

    def convolution(n_in, n_out, size, stride=1, groups=1, active=True):
        layer = nn.Conv2d(n_in, n_out, size, stride, size // 2, groups=groups)
        nn.init.normal_(layer.weight, std=math.sqrt(2 / (n_in // groups * size * size)))
        return nn.Sequential(layer, nn.ReLU6()) if active else layer

    class Residual(nn.Module):
        def __init__(self, n_in, n_out, size, stride, expansion):
            super().__init__()
            n = n_in * expansion
            first = [convolution(n_in, n, 1)] if expansion > 1 else []
            self.layers = nn.Sequential(*first, convolution(n, n, size, stride, n), convolution(n, n_out, 1, active=False))
            self.adds = stride == 1 and n_in == n_out

        def forward(self, x):
            return x + self.layers(x) if self.adds else self.layers(x)

    layers, n_in = [convolution(3, 32, 3, 2)], 32
    for i, (size, stride, expansion, n_out, n) in enumerate(stages):
        for k in range(math.ceil(n * depth) if 0 < i < len(stages) - 1 else n):
            layers.append(Residual(n_in, scaled(n_out), size, 1 if k else stride, expansion))
            n_in = scaled(n_out)
    return nn.Sequential(*layers, convolution(n_in, 1280, 1))


def make_network(name):
    import torch
    torch.manual_seed(1)
    if name == "vit_b_32":
        return make_vit().eval()
    if name == "mobilenet_v2":
        return make_inverted([(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (3, 2, 6, 32, 3), (3, 2, 6, 64, 4), (3, 1, 6, 96, 3), (3, 2, 6, 160, 3),
                              (3, 1, 6, 320, 1)], 1, 1).eval()
    return make_inverted([(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
                          (3, 1, 6, 320, 1)], 1.1, 1.2).eval()


# ---------------------------------------------------------------- engines

def export(o, path):
    """Writes the model of ONNX Runtime, and what PyTorch makes of a picture."""
    import numpy as np
    import torch
    network, x = make_network(o.network), torch.randn(o.batch, 3, SIDES[o.network], SIDES[o.network])
    with torch.inference_mode():
        np.savez(path + ".npz", x=x.numpy(), y=network(x).numpy())
    torch.onnx.export(network, (x,), path, dynamo=True, verbose=False)


def run_torch(o):
    import torch
    torch.set_num_threads(o.threads)
    network, x = make_network(o.network), torch.randn(o.batch, 3, SIDES[o.network], SIDES[o.network])
    with torch.inference_mode():
        serve(o, lambda: network(x))


def run_onnxruntime(o):
    import numpy as np
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = o.threads, 1
    session = onnxruntime.InferenceSession(o.model, options, providers=["CPUExecutionProvider"])
    name, known = session.get_inputs()[0].name, np.load(o.model + ".npz")
    difference = np.abs(session.run(None, {name: known["x"]})[0] - known["y"]).max() / np.abs(known["y"]).max()
    if not difference < 1e-3:
        raise SystemExit(f"ONNX Runtime differs from PyTorch by {difference}")
    serve(o, lambda: session.run(None, {name: known["x"]}))


class Engine:
    def __init__(self, o, name):
        self.environment = dict({"GOMP_SPINCOUNT": "1000", **os.environ}, OMP_NUM_THREADS=str(o.threads))
        if o.avx2:
            self.environment.update(ONEDNN_MAX_CPU_ISA="AVX2", ATEN_CPU_CAPABILITY="avx2", MKL_ENABLE_INSTRUCTIONS="AVX2")
        common = ["--network", o.network, "--batch", str(o.batch), "--runs", str(o.runs)]
        self.command = [o.bench, *common, "--infer", "--json"] if name == "adah" else \
            [sys.executable, __file__, "--engine", name, "--threads", str(o.threads), "--model", o.model, *common]
        self.process = None if name == "adah" else subprocess.Popen(self.command, env=self.environment, text=True, stdin=subprocess.PIPE,
                                                                    stdout=subprocess.PIPE)

    def run(self):
        if not self.process:
            return json.loads(subprocess.run(self.command, env=self.environment, check=True, capture_output=True, text=True).stdout)
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", help="the program bench_layers")
    parser.add_argument("--network", choices=SIDES, default="vit_b_32")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--avx2", action="store_true")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.engine:
        if o.engine == "export":
            return export(o, o.model)
        return run_torch(o) if o.engine == "torch" else run_onnxruntime(o)
    with tempfile.TemporaryDirectory() as folder:
        o.model = os.path.join(folder, "model.onnx")
        subprocess.run([sys.executable, __file__, "--engine", "export", "--network", o.network, "--batch", str(o.batch), "--model", o.model],
                       check=True, stdout=subprocess.DEVNULL)
        engines = {name: Engine(o, name) for name in ("adah", "torch", "onnxruntime")}
        rounds = [{name: engine.run() for name, engine in engines.items()} for _ in range(o.rounds)]
        for engine in engines.values():
            engine.end()
    print(f"{o.network}, batch {o.batch}, {o.threads} thread{'s' * (o.threads > 1)}{', held to AVX2' * o.avx2}: "
          "fastest ms and processor ms of each round; ratio to adah's of the same round, median")
    for engine in rounds[0]:
        for what in ("fastest", "cpu"):
            ratio = statistics.median(r[engine][what] / r["adah"][what] for r in rounds)
            print(f"{engine:12} {what:8} {ratio:5.2f}  " + " ".join(f"{1e3 * r[engine][what]:.1f}" for r in rounds))


if __name__ == "__main__":
    main()
