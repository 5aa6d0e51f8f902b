/* Our files of FAISS's formats and FAISS itself: it reads what we write and finds the same neighbours, we read what
 * it writes, and flat files are the same byte for byte. */
extern "C" {
#include "base/random.h"
#include "codes/codes.h"
#include "index/faiss_file.h"
}

#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexBinaryHNSW.h>
#include <faiss/IndexBinaryIVF.h>
#include <faiss/MetaIndexes.h>
#include <faiss/index_io.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr size_t n_codes = 3000, n_queries = 20, k = 30, id_step = 1000000007;
std::string path;
int n_checks;

#define CHECK(condition)                                                                                             \
    do {                                                                                                             \
        n_checks++;                                                                                                  \
        if (!(condition)) {                                                                                          \
            std::fprintf(stderr, "test_faiss.cpp:%d: %s does not hold\n", __LINE__, #condition);                     \
            std::exit(1);                                                                                            \
        }                                                                                                            \
    } while (0)

struct made_up {
    size_t n_bits;
    std::vector<uint8_t> codes, queries;
    std::vector<uint64_t> ids; /* all different, not in order */
};

made_up make(size_t n_bits) {
    made_up m{n_bits, std::vector<uint8_t>(n_codes * n_bits / 8), std::vector<uint8_t>(n_queries * n_bits / 8), {}};
    adah_random r = adah_random_seeded(n_bits, 1);
    for (auto *bytes : {&m.codes, &m.queries})
        for (auto &b : *bytes)
            b = uint8_t(adah_random_next(&r));
    for (size_t i = 0; i < n_codes; i++)
        m.ids.push_back(i * 1231 % n_codes * id_step);
    return m;
}

/* Where the code with id i * id_step is. */
std::vector<size_t> places(const made_up &m) {
    std::vector<size_t> place(n_codes);
    for (size_t i = 0; i < n_codes; i++)
        place[m.ids[i] / id_step] = i;
    return place;
}

adah_faiss_codes as_codes(made_up &m, bool has_ids) {
    return {n_codes, m.n_bits, m.codes.data(), has_ids ? m.ids.data() : nullptr};
}

void expect_ok(adah_code code, const adah_status &status) {
    if (code != ADAH_OK)
        std::fprintf(stderr, "%s\n", status.message);
    CHECK(code == ADAH_OK);
}

std::unique_ptr<faiss::IndexBinary> read_by_faiss() {
    return std::unique_ptr<faiss::IndexBinary>(faiss::read_index_binary(path.c_str()));
}

/* FAISS's answers from the index have our distances, and the code of each id it names is that far away. */
void expect_same_answers(const faiss::IndexBinary &index, const made_up &m, bool has_ids) {
    std::vector<int32_t> distance(n_queries * k);
    std::vector<faiss::IndexBinary::idx_t> label(n_queries * k);
    std::vector<adah_hit> hits(k);
    const std::vector<size_t> place = places(m);
    CHECK(index.ntotal == faiss::IndexBinary::idx_t(n_codes));
    CHECK(index.d == int(m.n_bits));
    CHECK(index.code_size == int(m.n_bits / 8));
    index.search(n_queries, m.queries.data(), k, distance.data(), label.data());
    for (size_t q = 0; q < n_queries; q++) {
        size_t n_hits = 0;
        const uint8_t *query = m.queries.data() + q * m.n_bits / 8;
        CHECK(adah_hamming_nearest(query, m.codes.data(), n_codes, m.n_bits, k, hits.data(), &n_hits, nullptr) ==
              ADAH_OK);
        for (size_t i = 0; i < k; i++) {
            CHECK(distance[q * k + i] == int32_t(hits[i].distance));
            CHECK(label[q * k + i] >= 0);
            const size_t id = size_t(label[q * k + i]), position = has_ids ? place[id / id_step] : id;
            uint16_t own = 0;
            adah_hamming_distances(query, m.codes.data() + position * m.n_bits / 8, 1, m.n_bits, &own);
            CHECK(own == distance[q * k + i]);
        }
    }
}

void faiss_reads_ours(made_up &m) {
    const std::vector<size_t> place = places(m);
    adah_status status = {};
    for (bool has_ids : {false, true}) {
        const adah_faiss_codes codes = as_codes(m, has_ids);
        expect_ok(adah_faiss_write_flat(path.c_str(), &codes, &status), status);
        const auto flat = read_by_faiss();
        CHECK(has_ids == bool(dynamic_cast<faiss::IndexBinaryIDMap *>(flat.get())));
        CHECK(has_ids != bool(dynamic_cast<faiss::IndexBinaryFlat *>(flat.get())));
        expect_same_answers(*flat, m, has_ids);
        for (size_t n_lists : {0, 1, 17}) {
            expect_ok(adah_faiss_write_ivf(path.c_str(), &codes, n_lists, &status), status);
            const auto index = read_by_faiss();
            auto *lists = dynamic_cast<faiss::IndexBinaryIVF *>(index.get());
            CHECK(lists);
            CHECK(lists->nlist == (n_lists ? n_lists : 54));
            CHECK(lists->is_trained);
            lists->nprobe = lists->nlist; /* looks into all */
            expect_same_answers(*index, m, has_ids);
            /* Each code is in the list that FAISS itself would put it into, or in one whose centroid is as near. */
            std::vector<faiss::IndexBinary::idx_t> nearest(n_codes);
            std::vector<int32_t> least(n_codes);
            lists->quantizer->search(n_codes, m.codes.data(), 1, least.data(), nearest.data());
            for (size_t l = 0; l < lists->nlist; l++) {
                std::vector<uint8_t> centroid(m.n_bits / 8);
                lists->quantizer->reconstruct(faiss::IndexBinary::idx_t(l), centroid.data());
                for (size_t i = 0; i < lists->invlists->list_size(l); i++) {
                    const size_t id = size_t(lists->invlists->get_single_id(l, i));
                    const size_t position = has_ids ? place[id / id_step] : id;
                    uint16_t own = 0;
                    adah_hamming_distances(centroid.data(), m.codes.data() + position * m.n_bits / 8, 1, m.n_bits,
                                           &own);
                    CHECK(own == least[position]);
                }
            }
            /* FAISS can go on with it: one more code, found again. */
            const faiss::IndexBinary::idx_t further = INT64_C(1) << 40;
            std::vector<int32_t> distance(1);
            std::vector<faiss::IndexBinary::idx_t> label(1);
            lists->add_with_ids(1, m.queries.data(), &further);
            lists->search(1, m.queries.data(), 1, distance.data(), label.data());
            CHECK(distance[0] == 0 && label[0] == further);
        }
    }
}

/* Codes and ids in the order of `m`, as our reader gives them; lists come by id. */
void expect_read(const made_up &m, bool has_ids, bool by_id) {
    adah_status status = {};
    adah_faiss_codes codes;
    expect_ok(adah_faiss_read(path.c_str(), &codes, &status), status);
    CHECK(codes.n == n_codes && codes.n_bits == m.n_bits);
    CHECK(has_ids == (codes.ids != nullptr));
    const size_t n_bytes = m.n_bits / 8;
    const std::vector<size_t> place = places(m);
    for (size_t i = 0; i < n_codes; i++) {
        const size_t from = has_ids && by_id ? place[i] : i;
        CHECK(std::memcmp(codes.codes + i * n_bytes, m.codes.data() + from * n_bytes, n_bytes) == 0);
        CHECK(!has_ids || codes.ids[i] == m.ids[from]);
    }
    adah_faiss_codes_free(&codes);
}

std::vector<char> file_bytes() {
    std::ifstream file(path, std::ios::binary);
    return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

void write_by_faiss(const faiss::IndexBinary &index) { faiss::write_index_binary(&index, path.c_str()); }

void we_read_those_of_faiss(made_up &m) {
    adah_status status = {};
    const auto n_bits = faiss::IndexBinary::idx_t(m.n_bits);
    std::vector<faiss::IndexBinary::idx_t> ids(m.ids.begin(), m.ids.end());
    faiss::IndexBinaryFlat flat(n_bits);
    flat.add(n_codes, m.codes.data());
    write_by_faiss(flat);
    expect_read(m, false, false);
    const std::vector<char> flat_bytes = file_bytes();
    adah_faiss_codes codes = as_codes(m, false);
    expect_ok(adah_faiss_write_flat(path.c_str(), &codes, &status), status);
    CHECK(file_bytes() == flat_bytes);

    faiss::IndexBinaryFlat inner(n_bits);
    faiss::IndexBinaryIDMap map(&inner);
    map.add_with_ids(n_codes, m.codes.data(), ids.data());
    write_by_faiss(map);
    expect_read(m, true, false);
    std::vector<char> map_bytes = file_bytes();
    map_bytes[8] =
        char(m.n_bits / 8); /* the bytes of a code, which FAISS 1.7.3 leaves out there and later ones want */
    codes = as_codes(m, true);
    expect_ok(adah_faiss_write_flat(path.c_str(), &codes, &status), status);
    CHECK(file_bytes() == map_bytes);

    faiss::IndexBinaryFlat inner2(n_bits);
    faiss::IndexBinaryIDMap2 map2(&inner2);
    map2.add_with_ids(n_codes, m.codes.data(), ids.data());
    write_by_faiss(map2);
    expect_read(m, true, false);

    for (bool has_ids : {false, true})
        for (size_t n_lists : {1, 16, 3000 /* most of them empty: the sizes are written in another way */})
            for (auto kind : {faiss::DirectMap::NoMap, faiss::DirectMap::Array, faiss::DirectMap::Hashtable}) {
                if (has_ids && kind == faiss::DirectMap::Array)
                    continue; /* FAISS refuses ids there */
                /* Few rounds: the centroids do not matter here. */
                faiss::IndexBinaryFlat quantizer(n_bits);
                faiss::IndexBinaryIVF lists(&quantizer, size_t(n_bits), n_lists);
                lists.cp.niter = 2;
                lists.cp.min_points_per_centroid = 1;
                lists.train(n_codes, m.codes.data());
                lists.set_direct_map_type(kind);
                lists.add_with_ids(n_codes, m.codes.data(), has_ids ? ids.data() : nullptr);
                write_by_faiss(lists);
                expect_read(m, has_ids, true);
            }

    faiss::IndexBinaryHNSW graph(int(m.n_bits), 4);
    graph.add(100, m.codes.data());
    write_by_faiss(graph);
    CHECK(adah_faiss_read(path.c_str(), &codes, &status) == ADAH_ERROR_FORMAT);
    CHECK(std::strstr(status.message, "IBHf"));
}

} // namespace

int main() {
    char folder[] = "/tmp/adah-test-XXXXXX";
    if (!mkdtemp(folder)) {
        std::perror(folder);
        return 1;
    }
    path = std::string(folder) + "/a.faiss";
    for (size_t n_bits : {16, 64, 128, 256}) {
        made_up m = make(n_bits);
        faiss_reads_ours(m);
        we_read_those_of_faiss(m);
    }
    std::filesystem::remove_all(folder);
    std::printf("FAISS %d.%d.%d: %d checks\n", FAISS_VERSION_MAJOR, FAISS_VERSION_MINOR, FAISS_VERSION_PATCH,
                n_checks);
    return 0;
}
