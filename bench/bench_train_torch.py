#!/usr/bin/env python3
"""bench_train_torch.py - the training step of bench_train.c in PyTorch, from what `bench_train CASE --dump FOLDER` wrote.

    bench_train_torch.py FOLDER OUT [--threads N] [--format default|channels_last] [--compile]
    bench_train_torch.py FOLDER OUT --check

Appends a line of JSON to OUT: the seconds of every step, the parts of a step, memory at the peak; with --check how far the
losses of the first steps, without dropout, are from adah's, and fails where that is more than 1e-3 in the first one.

What PyTorch does well by another way than adah's is done its way: both halves of D in one pass, all ranking losses of a half
step as one batch, their triplets counted by sorting in place of B^3 comparisons, Adam fused, parameters of the other side
taken out of the derivative.
"""
import argparse
import json
import math
import os
import statistics
import sys
import time

import torch
import torch.nn.functional as F

from bench_torch import peak_bytes, read_safetensors

VGG = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)
SMALL_POOLS = (0, 1, 1, 0, 0)  # behind which of the small network's convolutions the map is halved


class Model:
    """The network of network.c; p: parameters by their names in the model file."""

    def __init__(self, p, config, dropout, memory_format):
        self.p, self.c, self.dropout, self.memory_format = p, config, dropout, memory_format
        self.mean = 255 * torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        self.deviation = 255 * torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)

    def linear(self, name, x):
        return F.linear(x, self.p[name + ".weight"].flatten(1), self.p[name + ".bias"])

    def drop(self, x):
        return F.dropout(x, self.dropout) if self.dropout > 0 else x

    def image_input(self, image):
        if image.dtype != torch.uint8:
            return image
        x = (image.permute(0, 3, 1, 2).to(torch.float32) - self.mean) / self.deviation
        return x.contiguous(memory_format=self.memory_format)

    def backbone(self, x):
        return self.small(x) if self.c["backbone"] == "small" else self.vgg(x)

    def small(self, x):
        """Statistics are of the batch; those kept for later move in E's and D's half alone."""
        for number, pool in enumerate(SMALL_POOLS):
            w, norm = self.p[f"image.backbone.features.{number}.weight"], f"image.backbone.norm.{number}"
            x = F.conv2d(x, w, stride=2 if number == 0 else 1, padding=w.shape[2] // 2)
            kept = self.p[norm + ".statistics"] if w.requires_grad else (None, None)
            x = F.relu(F.batch_norm(x, *kept, self.p[norm + ".weight"], self.p[norm + ".bias"], training=True), inplace=True)
            if pool:
                x = F.max_pool2d(x, 2)
        return x

    def vgg(self, x):
        number = 0
        for width in VGG:
            if width:
                name = f"image.backbone.features.{number}"
                x = F.relu(F.conv2d(x, self.p[name + ".weight"], self.p[name + ".bias"], padding=1), inplace=True)
            else:
                x = F.max_pool2d(x, 2)
            number += 2 if width else 1
        return x

    def mask(self, logits):
        """Z = [P >= alpha]; its gradient is that of P / alpha where that is in 0..2."""
        u = F.softmax(logits, 1) * (logits.shape[1] / self.c["attention_threshold"])
        through = u.clamp(0, 2)
        return (u >= 1).to(u.dtype) + (through - through.detach())

    def image_codes(self, x):
        """(2, B, q): H and H^ of the pictures."""
        f = self.backbone(x) if self.c["finetune"] else x
        f = f.flatten(2)
        w = self.p["image.attention.weight"].flatten().expand(len(f), 1, -1)
        z = self.mask((w @ f).squeeze(1) + self.p["image.attention.bias"])
        if self.c["pooling"] == "flatten":
            both, layers = torch.cat([f * z[:, None], f * (1 - z)[:, None]]).flatten(1), (0, 1)
        else:
            share = torch.stack([z, 1 - z], 1)
            both = share @ f.mT / share.sum(2, keepdim=True).clamp(min=1)  # nothing kept: 0 / 1
            both, layers = both.transpose(0, 1).flatten(0, 1), (0,)
        for i in layers:
            both = self.drop(F.relu(self.linear(f"image.hashing.{i}", both)))
        return self.linear("image.hashing.code", both).tanh().unflatten(0, (2, -1))

    def text_codes(self, x):
        f = self.drop(F.relu(self.linear("text.feature.0", x)))
        f = F.relu(self.linear("text.feature.1", f))
        z = self.mask(self.linear("text.attention", f))
        both = torch.cat([f * z, f * (1 - z)])
        return self.linear("text.hashing.code", both).tanh().unflatten(0, (2, -1))

    def codes(self, image, text):
        return self.image_codes(image), self.text_codes(text)


def ranking(query, database, same, similar, margin):
    """(T,) losses of codes (T, B, q): the mean of the active triplets. same: (T, 1, 1), a code is not its own answer.

    Sorted by distance, the negatives of (i, j) nearer than d(i, j) + margin are the first ones, and cumulated sums know
    what they add up to."""
    square = (query * query).sum(2)[:, :, None] + (database * database).sum(2)[:, None] - 2 * query @ database.mT
    d = square.clamp(min=1e-12).sqrt()
    positive = similar & ~(same & torch.eye(len(similar), dtype=torch.bool))
    near = d.masked_fill(similar, math.inf).sort(2).values
    reach = d + margin
    n = torch.searchsorted(near.detach(), reach.detach())
    sums = F.pad(near.masked_fill(near.isinf(), 0).cumsum(2), (1, 0))
    violations = (n * reach - sums.gather(2, n)) * positive
    return violations.sum((1, 2)) / (n * positive).sum((1, 2)).clamp(min=1)


class Training:
    def __init__(self, folder, memory_format, dropout, is_compiled):
        arrays, metadata = read_safetensors(f"{folder}/parameters.safetensors")
        self.c = c = json.loads(metadata["config"])
        p = {}
        for name, value in arrays.items():
            value = torch.from_numpy(value)
            p[name] = value.contiguous(memory_format=memory_format) if ".features." in name and value.dim() == 4 else value
        self.data = {k: torch.from_numpy(v) for k, v in read_safetensors(f"{folder}/batch.safetensors")[0].items()}
        self.model = Model(p, c, c["dropout"] if dropout else 0, memory_format)
        self.attention = [v for k, v in p.items() if ".attention." in k]
        self.backbone = [v for k, v in p.items() if ".backbone." in k and not k.endswith(".statistics")]
        self.head = [v for k, v in p.items() if ".attention." not in k and ".backbone." not in k]
        self.margin = 2 * math.sqrt(c["margin"] * c["n_bits"])
        groups = [{"params": self.head, "lr": c["rate"]}]
        if c["finetune"]:
            groups.append({"params": self.backbone, "lr": c["rate_backbone"]})
        options = {"weight_decay": c["weight_decay"]}
        options["fused" if int(torch.__version__.split(".")[0]) >= 2 else "foreach"] = True
        self.optimiser_head = torch.optim.AdamW(groups, **options)
        self.optimiser_attention = torch.optim.AdamW(self.attention, lr=c["rate_attention"], **options)
        self.head_loss, self.attention_loss = self.losses_of_head, self.losses_of_attention
        if is_compiled and hasattr(torch, "compile"):
            self.head_loss, self.attention_loss = torch.compile(self.head_loss), torch.compile(self.attention_loss)

    def batch(self):
        """Gathered from the set, as adah does."""
        order = torch.randperm(len(self.data["target"]))
        image, text, labels = (self.data[name][order] for name in ("image", "text", "target"))
        return self.model.image_input(image), text, labels

    def losses_of_head(self, image, text, labels):
        """F, its six terms, classifier and contrastive term."""
        c = self.c
        similar = labels @ labels.mT > 0
        (i, i_hidden), (t, t_hidden) = self.model.codes(image, text)
        same = torch.tensor([0, 0, 1, 1, 0, 0], dtype=torch.bool).view(6, 1, 1)
        terms = ranking(torch.stack([t, i, i, t, t, i]), torch.stack([i, t, i, t, i_hidden, t_hidden]), same, similar, self.margin)
        loss = c["triplet_weight"] * (terms[:4].sum() + c["adversarial_weight"] * terms[4:].sum())
        classifier = contrastive = torch.zeros(())
        if c["classifier_weight"] > 0:
            classifier = sum(F.cross_entropy(self.model.linear("classifier", h), labels) for h in (i, t))
        if c["contrastive_weight"] > 0:
            scores = i @ t.mT / (c["n_bits"] * c["contrastive_temperature"])
            target = similar / similar.sum(1, keepdim=True)
            contrastive = F.cross_entropy(scores, target) + F.cross_entropy(scores.mT, target)
        loss = loss + c["classifier_weight"] * classifier + c["contrastive_weight"] * contrastive
        return loss, torch.cat([terms, classifier[None], contrastive[None]]).detach()

    def losses_of_attention(self, image, text, labels):
        """Minus the adversarial terms, plus the retrieval loss where the configuration has it."""
        similar = labels @ labels.mT > 0
        (i, i_hidden), (t, t_hidden) = self.model.codes(image, text)
        query, database, same = [t, i], [i_hidden, t_hidden], [0, 0]
        if self.c["attention_retrieval_weight"] > 0:
            query, database, same = query + [t, i, i, t], database + [i, t, i, t], same + [0, 0, 1, 1]
        same = torch.tensor(same, dtype=torch.bool).view(-1, 1, 1)
        terms = ranking(torch.stack(query), torch.stack(database), same, similar, self.margin)
        return self.c["attention_retrieval_weight"] * terms[2:].sum() - terms[:2].sum()

    def learn(self, is_head):
        for p in self.head + (self.backbone if self.c["finetune"] else []):
            p.requires_grad_(is_head)
        for p in self.attention:
            p.requires_grad_(not is_head)

    def half(self, is_head, marks, *batch):
        self.learn(is_head)
        optimiser = self.optimiser_head if is_head else self.optimiser_attention
        losses = None
        if is_head:
            loss, losses = self.head_loss(*batch)
        else:
            loss = self.attention_loss(*batch)
        marks.append(time.perf_counter())
        loss.backward()
        marks.append(time.perf_counter())
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        marks.append(time.perf_counter())
        return losses

    def step(self):
        """Seconds of the parts, losses."""
        marks = [time.perf_counter()]
        batch = self.batch()
        marks.append(time.perf_counter())
        losses = self.half(True, marks, *batch)
        self.half(False, marks, *batch)
        losses = losses.tolist()
        return [b - a for a, b in zip(marks, marks[1:])], losses


def check(training, folder):
    """The largest relative distance from adah's losses, a step each."""
    names = ("text_to_image", "image_to_text", "image_to_image", "text_to_text", "text_to_image_hidden",
             "image_to_text_hidden", "classifier", "contrastive")
    found = []
    with open(f"{folder}/losses.json") as file:
        for entry in json.load(file):
            theirs = [entry["loss"][name] for name in names]
            ours = training.step()[1]
            found.append(max(abs(a - b) / max(abs(b), 1e-3) for a, b in zip(ours, theirs)))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--format", choices=("default", "channels_last"), default="default")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--check", action="store_true")
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    memory_format = torch.channels_last if o.format == "channels_last" else torch.contiguous_format
    training = Training(o.folder, memory_format, not o.check, o.compile)
    line = {"program": f"PyTorch {torch.__version__.split('+')[0]}", "case": os.path.basename(o.folder.rstrip("/"))}
    if o.check:
        line["relative_distance"] = check(training, o.folder)
    else:
        n_warm, n_steps = (1, 2) if training.c["backbone"] == "vgg16" else (5, 60)
        parts = [training.step()[0] for _ in range(n_warm + n_steps)][n_warm:]
        seconds = [sum(p) for p in parts]
        middle, n_batch = statistics.median(seconds), len(training.data["target"])
        names = ("batch", "forward", "backward", "Adam", "forward of G's half", "backward of G's half", "Adam of G")
        line.update(setting=o.format.replace("_", " ") + (", compiled" if o.compile else ""), batch=n_batch, threads=o.threads,
                    seconds=seconds, median=middle, min=min(seconds), max=max(seconds), pairs_per_second=n_batch / middle,
                    parts={name: statistics.median(p[k] for p in parts) for k, name in enumerate(names)},
                    peak_bytes=peak_bytes())
    with open(o.out, "a") as out:
        print(json.dumps(line, separators=(",", ":")), file=out)
    print(json.dumps(line))
    if o.check and line["relative_distance"][0] > 1e-3:
        sys.exit("the losses of the first step are not adah's")


if __name__ == "__main__":
    main()
