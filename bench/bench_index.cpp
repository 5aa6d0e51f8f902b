/* bench_index.cpp - adah's searches beside FAISS's binary indexes, by FAISS's C++ interface.
 *
 *     bench_index FOLDER OUT [--threads N] [--seconds S] [--only TEXT] [--hnsw-max N]
 *
 * FOLDER holds what bench_index_codes made. Every method searches for the 1, 10 and 100 nearest, one query after another and
 * 1,000 together; OUT gets a line of JSON a measurement, stdout a table. What it says:
 *
 *     seconds_per_query   one at a time: the mean over the queries that fit into S seconds (5 at least); together: the time of all
 *                         by their number, which is below 1,000 where they would take longer than 20 S. Both of the fastest of
 *                         the passes that fit into S seconds, since other work on the machine only ever adds
 *     recall_kth          the share of queries whose k-th distance is the exact one
 *     recall              the share of the exact k distances that were found; ids would say nothing, since many codes are as far
 *     others              the share of the machine that other work took meanwhile: where it is above a twentieth, a measurement is
 *                         made up to four times and the least disturbed one is given
 *     index_bytes         what resident memory grew by while it was built, and the codes where a method uses ours in place
 *
 * A method that would take more than 0.7 of the free memory, or that is not built for so many codes, has a line that says so.
 * IndexBinaryIVF has sqrt(n) lists and learns from 256 codes a list; hashes have about log2(n) bits. */
#include "bench_index_ours.h"

#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexBinaryHNSW.h>
#include <faiss/IndexBinaryHash.h>
#include <faiss/IndexBinaryIVF.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <malloc.h>
#include <memory>
#include <omp.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace {

struct options {
    std::string folder, out, only;
    int n_threads = omp_get_max_threads();
    double seconds = 0.5;
    size_t hnsw_max = 1000000;
};

struct data {
    size_t n = 0, n_bits = 0, n_queries = 0, k_max = 0;
    std::unique_ptr<uint8_t, void (*)(void *)> codes{nullptr, ours_free}, queries{nullptr, ours_free},
        exact{nullptr, ours_free};
};

/* A way to search, built. */
struct searcher {
    std::function<bool(size_t setting, const uint8_t *queries, size_t n, size_t k, int32_t *distances)> search;
    bool uses_codes_in_place = false;
};

struct method {
    std::string library, name;
    std::vector<std::string> settings;
    double n_bytes_a_code; /* a guess, beyond which it is not tried */
    size_t n_max;
    std::function<searcher()> build;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

[[noreturn]] void stop(const std::string &message) {
    std::fprintf(stderr, "bench_index: %s\n", message.c_str());
    std::exit(1);
}

/* A line "NAME: N kB" of a file of /proc, in bytes. */
double proc_bytes(const char *file, const std::string &name) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
        if (line.compare(0, name.size() + 1, name + ":") == 0)
            return 1024 * std::atof(line.c_str() + name.size() + 1);
    return 0;
}

double resident_bytes() {
    malloc_trim(0);
    return proc_bytes("/proc/self/status", "RssAnon");
}

/* ---------------------------------------------------------------- FAISS */

using faiss_index = faiss::IndexBinary;

/* set: does what a setting says. */
template <class index_type>
searcher searcher_of(std::shared_ptr<index_type> index, std::function<void(index_type &, size_t)> set) {
    auto label = std::make_shared<std::vector<faiss_index::idx_t>>();
    return {[=](size_t setting, const uint8_t *queries, size_t n, size_t k, int32_t *distances) {
        set(*index, setting);
        label->resize(n * k);
        index->search(faiss_index::idx_t(n), queries, faiss_index::idx_t(k), distances, label->data());
        return true;
    }};
}

std::vector<method> faiss_methods(const data &d, const options &o) {
    const std::string library = "FAISS " + std::to_string(FAISS_VERSION_MAJOR) + "." +
                                std::to_string(FAISS_VERSION_MINOR) + "." + std::to_string(FAISS_VERSION_PATCH);
    const int n_bits = int(d.n_bits);
    const double n_code_bytes = double(d.n_bits) / 8;
    const auto n = faiss_index::idx_t(d.n);
    const uint8_t *codes = d.codes.get();
    const size_t n_lists = size_t(std::lround(std::sqrt(double(d.n))));
    const int n_hash_bits = int(std::lround(std::log2(double(d.n)))), n_hashes = std::min(4, n_bits / n_hash_bits);
    std::vector<method> m;
    m.push_back({library, "IndexBinaryFlat", {"heap", "counting"}, n_code_bytes, SIZE_MAX, [=] {
                     auto index = std::make_shared<faiss::IndexBinaryFlat>(n_bits);
                     index->add(n, codes);
                     return searcher_of<faiss::IndexBinaryFlat>(
                         index, [](faiss::IndexBinaryFlat &i, size_t setting) { i.use_heap = setting == 0; });
                 }});
    m.push_back({library,
                 "IndexBinaryIVF",
                 {"nprobe 1", "nprobe 4", "nprobe 16", "nprobe 64"},
                 2 * (n_code_bytes + 8),
                 SIZE_MAX,
                 [=] {
                     auto quantizer = new faiss::IndexBinaryFlat(n_bits);
                     auto index = std::make_shared<faiss::IndexBinaryIVF>(quantizer, size_t(n_bits), n_lists);
                     index->own_fields = true;
                     index->train(std::min(n, faiss_index::idx_t(256 * n_lists)), codes);
                     index->add(n, codes);
                     return searcher_of<faiss::IndexBinaryIVF>(index, [](faiss::IndexBinaryIVF &i, size_t setting) {
                         i.nprobe = size_t(1) << 2 * setting;
                     });
                 }});
    m.push_back({library, "IndexBinaryHash", {"nflip 0", "nflip 1", "nflip 2"}, n_code_bytes + 100, SIZE_MAX, [=] {
                     auto index = std::make_shared<faiss::IndexBinaryHash>(n_bits, n_hash_bits);
                     index->add(n, codes);
                     return searcher_of<faiss::IndexBinaryHash>(
                         index, [](faiss::IndexBinaryHash &i, size_t setting) { i.nflip = int(setting); });
                 }});
    m.push_back({library,
                 "IndexBinaryMultiHash",
                 {"nflip 0", "nflip 1", "nflip 2"},
                 n_code_bytes + 100 * n_hashes,
                 SIZE_MAX,
                 [=] {
                     auto index = std::make_shared<faiss::IndexBinaryMultiHash>(n_bits, n_hashes, n_hash_bits);
                     index->own_fields = true;
                     index->add(n, codes);
                     return searcher_of<faiss::IndexBinaryMultiHash>(
                         index, [](faiss::IndexBinaryMultiHash &i, size_t setting) { i.nflip = int(setting); });
                 }});
    m.push_back({library,
                 "IndexBinaryHNSW",
                 {"efSearch 16", "efSearch 64", "efSearch 256"},
                 n_code_bytes + 300,
                 o.hnsw_max,
                 [=] {
                     auto index = std::make_shared<faiss::IndexBinaryHNSW>(n_bits, 32);
                     index->add(n, codes);
                     return searcher_of<faiss::IndexBinaryHNSW>(index, [](faiss::IndexBinaryHNSW &i, size_t setting) {
                         i.hnsw.efSearch = 16 << 2 * int(setting);
                     });
                 }});
    return m;
}

/* ---------------------------------------------------------------- adah */

std::vector<method> our_methods(const data &d) {
    std::vector<method> m;
    for (size_t i = 0; i < ours_n_methods; i++) {
        const ours_method *ours = &ours_methods[i];
        std::vector<std::string> settings;
        for (const char *const *s = ours->settings; *s; s++)
            settings.push_back(*s);
        m.push_back({"adah", ours->name, settings, 0, SIZE_MAX, [ours, &d] {
                         std::shared_ptr<void> index(ours->build(d.codes.get(), d.n, d.n_bits), ours->release);
                         if (!index)
                             stop("out of memory");
                         return searcher{[ours, index](size_t setting, const uint8_t *queries, size_t n, size_t k,
                                                       int32_t *distances) {
                                             return ours->search(index.get(), setting, queries, n, k, distances) != 0;
                                         },
                                         true};
                     }});
    }
    return m;
}

/* ---------------------------------------------------------------- measuring */

struct recall {
    double kth = 0, distances = 0;
};

/* How many of the exact k distances are among those found, both as sets with repeats. */
recall recall_of(const data &d, std::vector<int32_t> found, size_t n, size_t k) {
    recall r;
    for (size_t q = 0; q < n; q++) {
        int32_t *f = found.data() + q * k;
        const uint8_t *exact = d.exact.get() + q * d.k_max;
        std::sort(f, f + k);
        size_t n_same = 0;
        for (size_t i = 0, j = 0; i < k && j < k;) {
            n_same += f[i] == exact[j];
            const bool is_less = f[i] < exact[j], is_same = f[i] == exact[j];
            i += is_less || is_same;
            j += !is_less;
        }
        r.kth += f[k - 1] == exact[k - 1];
        r.distances += double(n_same) / double(k);
    }
    return {r.kth / double(n), r.distances / double(n)};
}

struct output {
    FILE *file;
    std::string beginning; /* of every line: what all have in common */
};

struct measurement {
    size_t k, n_together, n_queries;
    double seconds;
    recall found;
    double others = 0;
};

/* Seconds that all processors were at work for others than this process, since some moment on. */
double seconds_of_others() {
    std::ifstream in("/proc/stat");
    std::string cpu;
    double user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, stolen = 0;
    in >> cpu >> user >> nice >> system >> idle >> wait >> irq >> soft >> stolen;
    rusage own{};
    getrusage(RUSAGE_SELF, &own);
    return (user + nice + system + irq + soft + stolen) / double(sysconf(_SC_CLK_TCK)) -
           double(own.ru_utime.tv_sec + own.ru_stime.tv_sec) -
           1e-6 * double(own.ru_utime.tv_usec + own.ru_stime.tv_usec);
}

/* Measures, and again while the machine does much else. */
measurement undisturbed(const std::function<measurement()> &measure_once) {
    measurement best{};
    for (int attempt = 0; attempt < 4; attempt++) {
        const double others_before = seconds_of_others(), start = now();
        measurement x = measure_once();
        x.others = std::max(0.0, seconds_of_others() - others_before) / (now() - start) /
                   double(sysconf(_SC_NPROCESSORS_ONLN));
        if (attempt == 0 || x.others < best.others)
            best = x;
        if (best.others < 0.05)
            break;
    }
    return best;
}

void print(const output &out, const method &m, const std::string &setting, double build_seconds, double index_bytes,
           const measurement &x) {
    std::fprintf(
        out.file,
        "{%s,\"library\":\"%s\",\"method\":\"%s\",\"setting\":\"%s\",\"k\":%zu,\"together\":%zu,\"n_queries\":%zu,"
        "\"seconds_per_query\":%.9g,\"recall_kth\":%.6g,\"recall\":%.6g,\"build_seconds\":%.6g,\"index_bytes\":%.0f,"
        "\"others\":%.3g}\n",
        out.beginning.c_str(), m.library.c_str(), m.name.c_str(), setting.c_str(), x.k, x.n_together, x.n_queries,
        x.seconds, x.found.kth, x.found.distances, build_seconds, index_bytes, x.others);
    std::fflush(out.file);
    std::printf("%-11s %-21s %-12s %4zu %5zu %12.2f %7.4f %7.4f %9.2f %9.1f %6.2f\n", m.library.c_str(),
                m.name.c_str(), setting.c_str(), x.k, x.n_together, x.seconds * 1e6, x.found.kth, x.found.distances,
                build_seconds, index_bytes / 1048576, x.others);
    std::fflush(stdout);
}

measurement one_at_a_time(const data &d, const options &o, const searcher &s, size_t setting, size_t k) {
    std::vector<int32_t> distances(d.n_queries * k);
    const auto search = [&](size_t q) {
        if (!s.search(setting, d.queries.get() + q * d.n_bits / 8, 1, k, distances.data() + q * k))
            stop("a search failed");
    };
    search(0); /* warm */
    size_t n = 0;
    const double start = now();
    while (n < d.n_queries && (n < 5 || now() - start < o.seconds))
        search(n++);
    double best = now() - start;
    while (now() - start < o.seconds) {
        const double pass_start = now();
        for (size_t q = 0; q < n; q++)
            search(q);
        best = std::min(best, now() - pass_start);
    }
    return {k, 1, n, best / double(n), recall_of(d, distances, n, k)};
}

measurement together(const data &d, const options &o, const searcher &s, size_t setting, size_t k,
                     double seconds_alone) {
    std::vector<int32_t> distances(d.n_queries * k);
    const double n_fitting = 20 * o.seconds / seconds_alone;
    const size_t n = n_fitting >= double(d.n_queries) ? d.n_queries : std::max(size_t(20), size_t(n_fitting));
    double best = INFINITY;
    const double start = now();
    do {
        const double run_start = now();
        if (!s.search(setting, d.queries.get(), n, k, distances.data()))
            stop("a search failed");
        best = std::min(best, now() - run_start);
    } while (now() - start < o.seconds);
    return {k, n, n, best / double(n), recall_of(d, distances, n, k)};
}

void measure(const data &d, const options &o, const method &m, const output &out) {
    const double free_bytes = proc_bytes("/proc/meminfo", "MemAvailable"), wanted = m.n_bytes_a_code * double(d.n);
    char reason[128] = "";
    if (d.n > m.n_max)
        std::snprintf(reason, sizeof reason, "not built for more than %zu codes: it takes too long", m.n_max);
    else if (wanted > 0.7 * free_bytes)
        std::snprintf(reason, sizeof reason, "would take about %.1f GB of %.1f GB", wanted * 1e-9, free_bytes * 1e-9);
    if (*reason) {
        std::fprintf(out.file, "{%s,\"library\":\"%s\",\"method\":\"%s\",\"left_out\":\"%s\"}\n",
                     out.beginning.c_str(), m.library.c_str(), m.name.c_str(), reason);
        std::printf("%-11s %-21s left out: %s\n", m.library.c_str(), m.name.c_str(), reason);
        return;
    }
    const double bytes_before = resident_bytes(), start = now();
    const searcher s = m.build();
    const double build_seconds = now() - start;
    double index_bytes = std::max(0.0, resident_bytes() - bytes_before);
    if (s.uses_codes_in_place)
        index_bytes += double(d.n) * double(d.n_bits) / 8;
    for (size_t setting = 0; setting < m.settings.size(); setting++)
        for (size_t k : {1, 10, 100}) {
            const measurement alone = undisturbed([&] { return one_at_a_time(d, o, s, setting, k); });
            print(out, m, m.settings[setting], build_seconds, index_bytes, alone);
            print(out, m, m.settings[setting], build_seconds, index_bytes,
                  undisturbed([&] { return together(d, o, s, setting, k, alone.seconds); }));
        }
}

data read_data(const std::string &folder) {
    data d;
    size_t n_bytes = 0, n_query_bytes = 0, n_exact = 0;
    d.codes.reset(ours_read_array((folder + "/codes.npy").c_str(), &d.n, &n_bytes));
    d.queries.reset(ours_read_array((folder + "/queries.npy").c_str(), &d.n_queries, &n_query_bytes));
    d.exact.reset(ours_read_array((folder + "/exact.npy").c_str(), &n_exact, &d.k_max));
    if (!d.codes || !d.queries || !d.exact)
        std::exit(1);
    if (n_bytes != n_query_bytes || n_exact != d.n_queries || d.k_max < 100 || d.n < 100)
        stop("codes, queries and exact distances do not belong together");
    d.n_bits = n_bytes * 8;
    return d;
}

options read_options(int argc, char **argv) {
    options o;
    if (argc < 3 || argc % 2 == 0)
        stop("expected FOLDER OUT [--threads N] [--seconds S] [--only TEXT] [--hnsw-max N]");
    o.folder = argv[1];
    o.out = argv[2];
    for (int i = 3; i < argc; i += 2) {
        const std::string name = argv[i];
        if (name == "--threads")
            o.n_threads = std::max(1, std::atoi(argv[i + 1]));
        else if (name == "--seconds")
            o.seconds = std::atof(argv[i + 1]);
        else if (name == "--only")
            o.only = argv[i + 1];
        else if (name == "--hnsw-max")
            o.hnsw_max = std::strtoull(argv[i + 1], nullptr, 10);
        else
            stop("unknown option " + name);
    }
    return o;
}

} // namespace

int main(int argc, char **argv) {
    const options o = read_options(argc, argv);
    omp_set_num_threads(o.n_threads);
    const data d = read_data(o.folder);
    output out{std::fopen(o.out.c_str(), "w"), "\"n\":" + std::to_string(d.n) +
                                                   ",\"n_bits\":" + std::to_string(d.n_bits) +
                                                   ",\"threads\":" + std::to_string(o.n_threads)};
    if (!out.file)
        stop(o.out + " cannot be written");
    const double rate = ours_copy_rate();
    std::fprintf(out.file, "{%s,\"copy_bytes_per_second\":%.4g}\n", out.beginning.c_str(), rate);
    std::printf("%zu codes of %zu bits, %d threads; memory to memory copy %.1f GB/s\n", d.n, d.n_bits, o.n_threads,
                rate * 1e-9);
    std::printf("%-11s %-21s %-12s %4s %5s %12s %7s %7s %9s %9s %6s\n", "library", "method", "setting", "k", "with",
                "us/query", "k-th", "recall", "build s", "MiB", "others");
    std::vector<method> methods = our_methods(d);
    for (const method &m : faiss_methods(d, o))
        methods.push_back(m);
    for (const method &m : methods)
        if ((m.library + " " + m.name).find(o.only) != std::string::npos)
            measure(d, o, m, out);
    return std::fclose(out.file) == 0 ? 0 : 1;
}
