#!/usr/bin/env python3
"""text_rivals.py - a sentence encoder of BERT's family on a file of texts beside PyTorch and ONNX Runtime: texts a second of the processor.

    text_rivals.py --bench build/bench_texts --encoder FOLDER --texts FILE [--rounds 4] [--sizes 1 8 16 32] [--avx2]

Needs torch, onnx, onnxscript, onnxruntime and tokenizers. FOLDER is as published (bench_texts), its vector the mean of its tokens. In every
round one engine runs after the other, each on one thread, so that a ratio is of neighbours in time. The others get tokens, not texts, sorted by
their number, in batches that are filled up to their longest; of the sizes of a batch the best one of each round counts. Their
vectors are compared with adah's. --avx2 holds adah and PyTorch to AVX2; ONNX Runtime cannot be held and is left out."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ENGINES = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime"}


def read_tensors(path):
    """Of a safetensors file of float32."""
    import numpy as np
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header, data = json.loads(file.read(size)), file.read()
    return {name.removeprefix("bert."): np.frombuffer(data[slice(*t["data_offsets"])], np.float32).reshape(t["shape"])
            for name, t in header.items() if name != "__metadata__" and t["dtype"] == "F32"}


def make_network(folder):
    import torch
    from torch import nn
    config, tensors = json.load(open(os.path.join(folder, "config.json"))), read_tensors(os.path.join(folder, "model.safetensors"))
    n_channels, n_heads = config["hidden_size"], config["num_attention_heads"]

    def filled(layer, *names):
        import numpy as np
        with torch.no_grad():
            for kind in ("weight", "bias"):
                if hasattr(layer, kind):
                    getattr(layer, kind).copy_(torch.from_numpy(np.concatenate([tensors[f"{name}.{kind}"] for name in names])))
        return layer

    class Block(nn.Module):
        def __init__(self, at):
            super().__init__()
            own, n_hidden = f"{at}.attention.self.", config["intermediate_size"]
            self.qkv = filled(nn.Linear(n_channels, 3 * n_channels), own + "query", own + "key", own + "value")
            self.out = filled(nn.Linear(n_channels, n_channels), f"{at}.attention.output.dense")
            self.norm1 = filled(nn.LayerNorm(n_channels, config["layer_norm_eps"]), f"{at}.attention.output.LayerNorm")
            self.up = filled(nn.Linear(n_channels, n_hidden), f"{at}.intermediate.dense")
            self.down = filled(nn.Linear(n_hidden, n_channels), f"{at}.output.dense")
            self.norm2 = filled(nn.LayerNorm(n_channels, config["layer_norm_eps"]), f"{at}.output.LayerNorm")

        def forward(self, x, mask):
            b, n, _ = x.shape
            q, k, v = self.qkv(x).reshape(b, n, 3, n_heads, n_channels // n_heads).permute(2, 0, 3, 1, 4).unbind(0)
            y = nn.functional.scaled_dot_product_attention(q, k, v, mask)
            x = self.norm1(x + self.out(y.transpose(1, 2).reshape(b, n, n_channels)))
            return self.norm2(x + self.down(nn.functional.gelu(self.up(x))))

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            at = "embeddings."
            self.words = nn.Parameter(torch.from_numpy(tensors[at + "word_embeddings.weight"].copy()))
            self.places = nn.Parameter(torch.from_numpy(tensors[at + "position_embeddings.weight"] + tensors[at + "token_type_embeddings.weight"][0]))
            self.norm = filled(nn.LayerNorm(n_channels, config["layer_norm_eps"]), at + "LayerNorm")
            self.blocks = nn.ModuleList(Block(f"encoder.layer.{i}") for i in range(config["num_hidden_layers"]))

        def forward(self, ids, presence):
            x = self.norm(nn.functional.embedding(ids, self.words) + self.places[:ids.shape[1]])
            mask = torch.log(presence)[:, None, None, :]
            for block in self.blocks:
                x = block(x, mask)
            y = (x * presence[:, :, None]).sum(1) / presence.sum(1, keepdim=True)
            return y / y.norm(dim=1, keepdim=True)

    return Encoder().eval()


def make_batches(o, size):
    """(places of texts, ids, presence) of each batch."""
    import numpy as np
    import tokenizers
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(o.encoder, "tokenizer.json"))
    tokenizer.no_padding()
    texts = open(o.texts).read().removesuffix("\n").split("\n")
    ids = [e.ids for e in tokenizer.encode_batch(texts)]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    for first in range(0, len(order), size):
        which = order[first:first + size]
        longest = max(len(ids[i]) for i in which)
        yield (which, np.array([ids[i] + [0] * (longest - len(ids[i])) for i in which]),
               np.array([[1.0] * len(ids[i]) + [0.0] * (longest - len(ids[i])) for i in which], np.float32))


def export(o):
    import torch
    batch, length = torch.export.Dim("b", min=1, max=512), torch.export.Dim("n", min=2, max=512)
    inputs = torch.ones(2, 8, dtype=torch.int64), torch.ones(2, 8)
    torch.onnx.export(make_network(o.encoder), inputs, o.model, dynamo=True, verbose=False, input_names=["ids", "presence"],
                      dynamic_shapes={"ids": {0: batch, 1: length}, "presence": {0: batch, 1: length}})


def serve(o):
    """For each line that comes in, a round: the best of all sizes of batches."""
    import numpy as np
    if o.engine == "torch":
        import torch
        torch.set_num_threads(1)
        network = make_network(o.encoder)

        def forward(ids, presence):
            with torch.inference_mode():
                return network(torch.from_numpy(ids), torch.from_numpy(presence)).numpy()
    else:
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(o.model, options, providers=["CPUExecutionProvider"])

        def forward(ids, presence):
            return session.run(None, {"ids": ids, "presence": presence})[0]
    batches = {size: list(make_batches(o, size)) for size in o.sizes}
    own = np.fromfile(o.vectors, np.float32)
    own = own.reshape(sum(len(b[0]) for b in batches[o.sizes[0]]), -1)
    difference = max(np.abs(forward(ids, presence) - own[which]).max() for which, ids, presence in batches[o.sizes[-1]])
    if not difference < 1e-4:
        raise SystemExit(f"{ENGINES[o.engine]}: vectors differ by {difference}")
    for _ in sys.stdin:
        found = []
        for size in o.sizes:
            start = time.process_time()
            for _, ids, presence in batches[size]:
                forward(ids, presence)
            found.append((len(own) / (time.process_time() - start), size))
        print(json.dumps(max(found)), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", help="the program bench_texts")
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 8, 16, 32])
    parser.add_argument("--avx2", action="store_true")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--vectors", help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.engine:
        return export(o) if o.engine == "export" else serve(o)
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    if o.avx2:
        environment.update(ONEDNN_MAX_CPU_ISA="AVX2", ATEN_CPU_CAPABILITY="avx2", MKL_ENABLE_INSTRUCTIONS="AVX2")
    with tempfile.TemporaryDirectory() as folder:
        vectors, model = os.path.join(folder, "vectors"), os.path.join(folder, "model.onnx")
        common = [sys.executable, __file__, "--encoder", o.encoder, "--texts", o.texts, "--model", model, "--vectors", vectors, "--sizes",
                  *map(str, o.sizes)]

        def run_adah():
            command = [o.bench, o.encoder, o.texts, "1", "1", vectors]
            return int(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()[-6])

        run_adah()
        names = ["torch"] if o.avx2 else list(ENGINES)
        if not o.avx2:
            subprocess.run([*common, "--engine", "export"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        engines = {name: subprocess.Popen([*common, "--engine", name], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                   for name in names}
        ratios = {name: [] for name in names}
        for _ in range(o.rounds):
            own, line = run_adah(), []
            for name, engine in engines.items():
                engine.stdin.write("run\n")
                engine.stdin.flush()
                speed, size = json.loads(engine.stdout.readline())
                ratios[name].append(own / speed)
                line.append(f"{ENGINES[name]} {speed:.0f} (batches of {size})")
            print(f"adah {own}, " + ", ".join(line), flush=True)
        for engine in engines.values():
            engine.stdin.close()
            engine.wait()
        for name in names:
            print(f"adah by {ENGINES[name]}: {statistics.median(ratios[name]):.2f}")


if __name__ == "__main__":
    main()
