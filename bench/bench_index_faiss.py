#!/usr/bin/env python3
"""bench_index_faiss.py - the newest FAISS (the package faiss-cpu) measured as bench_index measures the installed one.

    bench_index_faiss.py FOLDER OUT [--threads N] [--seconds S] [--only TEXT] [--hnsw-max N]

Reads what bench_index_codes made, prints the same table and writes the same lines; see bench_index.cpp for what they say. A
query by itself costs some microseconds more here, for Python's part of it.
"""
import argparse
import ctypes
import json
import os
import resource
import threading
import time

import faiss
import numpy as np


def proc_bytes(file, name):
    with open(file) as lines:
        for line in lines:
            if line.startswith(name + ":"):
                return 1024 * int(line.split()[1])
    return 0


def resident_bytes():
    ctypes.CDLL(None).malloc_trim(0)
    return proc_bytes("/proc/self/status", "RssAnon")


def copy_rate(n_threads):
    """Bytes a second copied from memory to memory: the best of a few runs."""
    n = (1 << 28) // n_threads
    pairs = [(np.full(n, 1, np.uint8), np.full(n, 2, np.uint8)) for _ in range(n_threads)]
    best = 0
    for _ in range(7):
        threads = [threading.Thread(target=np.copyto, args=(to, source)) for source, to in pairs]
        start = time.perf_counter()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        best = max(best, n * n_threads / (time.perf_counter() - start))
    return best


def recall_of(exact, found, k):
    """The share of k-th distances that are exact, and of the exact distances that were found, as sets with repeats."""
    found = np.sort(found, axis=1)
    exact = exact[: len(found), :k].astype(np.int32)
    n_same = 0
    for f, e in zip(found, exact):
        values, counts = np.unique(e, return_counts=True)
        n_same += sum(min(c, np.count_nonzero(f == v)) for v, c in zip(values, counts))
    return float(np.mean(found[:, k - 1] == exact[:, k - 1])), n_same / exact.size


class Methods:
    def __init__(self, codes):
        self.codes = codes
        self.n, self.n_bits = len(codes), codes.shape[1] * 8
        self.n_lists = round(self.n**0.5)
        self.n_hash_bits = round(float(np.log2(self.n)))
        self.n_hashes = min(4, self.n_bits // self.n_hash_bits)

    def flat(self):
        index = faiss.IndexBinaryFlat(self.n_bits)
        index.add(self.codes)
        return index

    def ivf(self):
        self.quantizer = faiss.IndexBinaryFlat(self.n_bits)
        index = faiss.IndexBinaryIVF(self.quantizer, self.n_bits, self.n_lists)
        index.train(self.codes[: 256 * self.n_lists])
        index.add(self.codes)
        return index

    def hash(self):
        index = faiss.IndexBinaryHash(self.n_bits, self.n_hash_bits)
        index.add(self.codes)
        return index

    def multi_hash(self):
        index = faiss.IndexBinaryMultiHash(self.n_bits, self.n_hashes, self.n_hash_bits)
        index.add(self.codes)
        return index

    def hnsw(self):
        index = faiss.IndexBinaryHNSW(self.n_bits, 32)
        index.add(self.codes)
        return index

    def table(self, hnsw_max):
        """Name, build, [(setting, what it does)], bytes a code as a guess, most codes."""
        n = self.n_bits // 8

        def attribute(name, values, label=None):
            return [(f"{label or name} {v}", lambda index, v=v: setattr(index, name, v)) for v in values]

        def ef(value):
            return lambda index: setattr(index.hnsw, "efSearch", value)

        heap = [("heap", lambda i: setattr(i, "use_heap", True)), ("counting", lambda i: setattr(i, "use_heap", False))]
        no_limit = float("inf")
        return [
            ("IndexBinaryFlat", self.flat, heap, n, no_limit),
            ("IndexBinaryIVF", self.ivf, attribute("nprobe", (1, 4, 16, 64)), 2 * (n + 8), no_limit),
            ("IndexBinaryHash", self.hash, attribute("nflip", (0, 1, 2)), n + 100, no_limit),
            ("IndexBinaryMultiHash", self.multi_hash, attribute("nflip", (0, 1, 2)), n + 100 * self.n_hashes, no_limit),
            ("IndexBinaryHNSW", self.hnsw, [(f"efSearch {e}", ef(e)) for e in (16, 64, 256)], n + 300, hnsw_max),
        ]


def one_at_a_time(index, queries, k, limit):
    found = np.empty((len(queries), k), np.int32)
    single = [queries[i : i + 1] for i in range(len(queries))]
    index.search(single[0], k)  # warm
    n, start = 0, time.perf_counter()
    while n < len(queries) and (n < 5 or time.perf_counter() - start < limit):
        found[n] = index.search(single[n], k)[0][0]
        n += 1
    best = time.perf_counter() - start
    while time.perf_counter() - start < limit:
        pass_start = time.perf_counter()
        for query in single[:n]:
            index.search(query, k)
        best = min(best, time.perf_counter() - pass_start)
    return best / n, found[:n]


def together(index, queries, k, limit, seconds_alone):
    n = min(len(queries), max(20, int(20 * limit / seconds_alone)))
    best, start = float("inf"), time.perf_counter()
    while best == float("inf") or time.perf_counter() - start < limit:
        run_start = time.perf_counter()
        found = index.search(queries[:n], k)[0]
        best = min(best, time.perf_counter() - run_start)
    return best / n, found


def seconds_of_others():
    """Seconds that all processors were at work for others than this process, since some moment on."""
    with open("/proc/stat") as lines:
        user, nice, system, _, _, irq, soft, stolen = (int(x) for x in next(lines).split()[1:9])
    own = resource.getrusage(resource.RUSAGE_SELF)
    return (user + nice + system + irq + soft + stolen) / os.sysconf("SC_CLK_TCK") - own.ru_utime - own.ru_stime


def undisturbed(measure, *arguments):
    """Measures, and again while the machine does much else. What was measured, and the share that others had."""
    best = None
    for _ in range(4):
        before, start = seconds_of_others(), time.perf_counter()
        result = measure(*arguments)
        others = max(0, seconds_of_others() - before) / (time.perf_counter() - start) / os.cpu_count()
        if best is None or others < best[2]:
            best = (*result, others)
        if others < 0.05:
            break
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--threads", type=int, default=faiss.omp_get_max_threads())
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--only", default="")
    parser.add_argument("--hnsw-max", type=int, default=1000000)
    o = parser.parse_args()
    faiss.omp_set_num_threads(o.threads)
    codes, queries, exact = (np.load(f"{o.folder}/{name}.npy") for name in ("codes", "queries", "exact"))
    methods = Methods(codes)
    library = "FAISS " + faiss.__version__
    common = {"n": methods.n, "n_bits": methods.n_bits, "threads": o.threads}
    rate = copy_rate(o.threads)
    print(f"{methods.n} codes of {methods.n_bits} bits, {o.threads} threads; memory to memory copy {rate * 1e-9:.1f} GB/s; "
          f"{faiss.get_compile_options().strip()}")
    with open(o.out, "w") as out:

        def write(**fields):
            print(json.dumps({**common, **fields}, separators=(",", ":")), file=out, flush=True)

        write(copy_bytes_per_second=rate)
        for name, build, settings, n_code_bytes, n_max in methods.table(o.hnsw_max):
            if o.only not in f"{library} {name}":
                continue
            free, wanted, reason = proc_bytes("/proc/meminfo", "MemAvailable"), n_code_bytes * methods.n, None
            if methods.n > n_max:
                reason = f"not built for more than {n_max} codes: it takes too long"
            elif wanted > 0.7 * free:
                reason = f"would take about {wanted * 1e-9:.1f} GB of {free * 1e-9:.1f} GB"
            if reason:
                write(library=library, method=name, left_out=reason)
                print(f"{library:<12} {name:<21} left out: {reason}")
                continue
            before, start = resident_bytes(), time.perf_counter()
            index = build()
            build_seconds, n_bytes = time.perf_counter() - start, max(0, resident_bytes() - before)
            for setting, apply in settings:
                apply(index)
                for k in (1, 10, 100):
                    alone = undisturbed(one_at_a_time, index, queries, k, o.seconds)
                    for seconds, found, others, n in (
                        (*alone, 1),
                        (*undisturbed(together, index, queries, k, o.seconds, alone[0]), 0),
                    ):
                        kth, recall = recall_of(exact, found, k)
                        write(library=library, method=name, setting=setting, k=k, together=n or len(found), n_queries=len(found),
                              seconds_per_query=seconds, recall_kth=kth, recall=recall, build_seconds=build_seconds,
                              index_bytes=n_bytes, others=others)
                        print(f"{library:<12} {name:<21} {setting:<12} {k:4} {n or len(found):5} {seconds * 1e6:12.2f} "
                              f"{kth:7.4f} {recall:7.4f} {build_seconds:9.2f} {n_bytes / 1048576:9.1f} {others:6.2f}", flush=True)
            del index


if __name__ == "__main__":
    main()
