/* fuzz_picture.c - pictures of all formats through the limits of the decoder: what is let pass decodes to no more than was found before.
 *
 * The first byte says how a file is made of the rest: those bytes as they are, with the beginning of a format before them, or as choices from
 * which tests/picture_bytes.h writes a file whose parts fit together: containers, sizes said and coded, grids, pieces, directories, frames,
 * with a few bytes changed at last. A file of few pixels is then decoded. The process's memory tells whether more was decoded than was
 * said: it may have grown by a share for each pixel and by what libraries keep, not more. */
#define _GNU_SOURCE
#include "data/image.h"
#include "fuzz_file.h"
#include "plugins/pictures/head.h"

#include <fcntl.h>
#include <string.h>

#include "../tests/picture_bytes.h"

enum { PIXELS_MAX = 1 << 20, PIXEL_BYTES = 64, SPARE_BYTES = 96 << 20 };

typedef struct choices {
    const uint8_t *at;
    size_t n;
} choices;

static unsigned choose(choices *c, unsigned n) {
    if (c->n < 2)
        return c->n = 0, 0;
    const unsigned value = (unsigned)c->at[0] << 8 | c->at[1];
    c->at += 2;
    c->n -= 2;
    return value % n;
}

/* Sizes that matter: small, at the limits, near powers of two. */
static unsigned choose_size(choices *c) {
    static const unsigned sizes[] = {1, 2, 63, 64, 65, 100, 512, 1000, 1024, 4096, 16383, 16384, 16385, 32768, 65535, 65536};
    const unsigned i = choose(c, 24);
    return i < 16 ? sizes[i] : 1 + choose(c, 2000);
}

static picture_bytes choose_heif(choices *c) {
    heif_plan h = {.is_hevc = (int)choose(c, 2), .is_still = (int)choose(c, 2), .in_band = 1, .n_frames = choose(c, 4),
                   .n_told_width = choose_size(c), .n_told_height = choose_size(c), .n_width = choose_size(c), .n_height = choose_size(c),
                   .has_own_size = (int)choose(c, 2), .n_pieces = (int)choose(c, 4), .in_idat = (int)choose(c, 2), .n_small = choose(c, 3)};
    if (h.is_hevc)
        h.in_band = (int)choose(c, 2);
    if (choose(c, 2)) {
        h.n_rows = 1 + choose(c, 8), h.n_columns = 1 + choose(c, 8);
        h.n_grid_width = choose_size(c), h.n_grid_height = choose_size(c);
    }
    return make_heif(&h);
}

static picture_bytes choose_tiff(choices *c) {
    static const unsigned tags[] = {256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 322, 323, 324, 325, 330, 339};
    tiff_tag chosen[4 * 12];
    const size_t n = 2 + choose(c, 11), n_directories = 1 + choose(c, 4);
    for (size_t i = 0; i < n * n_directories; i++)
        chosen[i] = (tiff_tag){i % n < 2 ? 256 + (unsigned)(i % n) : tags[choose(c, 16)], choose(c, 2) ? choose_size(c) : choose(c, 10)};
    return make_tiff(chosen, n, n_directories, (int)choose(c, 2), (int)choose(c, 2));
}

static picture_bytes choose_file(unsigned kind, choices *c) {
    switch (kind) {
    case 0: return choose_heif(c);
    case 1: return choose_tiff(c);
    case 2: return make_gif(choose_size(c) & 0xffff, choose_size(c) & 0xffff, choose(c, 65536), choose(c, 65536), choose_size(c) & 0xffff, choose_size(c) & 0xffff);
    case 3: return make_webp(choose(c, 2) ? choose_size(c) : 0, (int)choose(c, 2), choose_size(c), (int)choose(c, 2), choose_size(c) & 0x3fff, choose_size(c) & 0x3fff);
    case 4: return make_jpeg(choose_size(c) & 0xffff, choose_size(c) & 0xffff, 0xc0 + choose(c, 3), choose(c, 120));
    case 5: return make_slow_jpeg(1 + choose(c, 1500), 1 + choose(c, 1500), 1 + choose(c, 20));
    default: return make_png(choose_size(c), choose_size(c), (int)choose(c, 2), choose(c, 20), choose(c, 3000));
    }
}

static picture_bytes make_file(const uint8_t *bytes, size_t n_bytes) {
    static const struct {
        const char *bytes;
        size_t n;
    } heads[] = {{"\xff\xd8\xff", 3}, {"\x89PNG\r\n\x1a\n", 8}, {"GIF89a", 6}, {"RIFF\0\1\0\0WEBP", 12}, {"II*\0\10\0\0\0", 8},
                 {"MM\0+\0\10\0\0\0\0\0\0\0\0\0\20", 16}, {"\0\0\0\30ftypavif\0\0\0\0mif1avif\0\0", 24}};
    enum { N_HEADS = sizeof heads / sizeof *heads, N_KINDS = 7 };
    picture_bytes file = {0};
    const unsigned how = bytes[0] % (1 + N_HEADS + 2 * N_KINDS);
    choices c = {bytes + 1, n_bytes - 1};
    if (how <= N_HEADS) {
        if (how)
            put_raw(&file, heads[how - 1].bytes, heads[how - 1].n);
        put_raw(&file, c.at, c.n);
        return file;
    }
    file = choose_file((how - 1 - N_HEADS) / 2, &c);
    for (unsigned n = choose(&c, 4); (how - 1 - N_HEADS) % 2 && n > 0 && file.n; n--) /* some bytes that do not fit */
        file.at[choose(&c, 65536) % file.n] = (uint8_t)choose(&c, 256);
    return file;
}

/* Begins to measure anew, or tells the most memory since. */
static uint64_t peak_bytes(int must_begin) {
    static int clear = -1, status = -1;
    char text[4096];
    if (clear < 0) {
        clear = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
        status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    }
    if (must_begin && (clear < 0 || write(clear, "5", 1) != 1))
        return 0;
    const ssize_t n = pread(status, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    const char *line = strstr(text, "VmHWM:");
    return line ? strtoull(line + 6, NULL, 10) << 10 : 0;
}

/* libheif 1.15 keeps what it gave to libdav1d, 40 bytes and the data, when that refuses it. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libdav1d"; }

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    static const size_t sides[] = {1, 64, 300};
    if (n_bytes < 1)
        return 0;
    picture_bytes made = make_file(bytes, n_bytes);
    uint8_t *exact = malloc(made.n + !made.n);
    if (made.n)
        memcpy(exact, made.at, made.n);
    free(made.at);
    adah_picture_info info;
    const int is_picture = made.n && adah_image_examine(exact, made.n, "fuzzed", &info, NULL) == ADAH_OK;
    if (is_picture && (info.n_width < 1 || info.n_height < 1 || info.n_width > ADAH_PICTURE_SIDE_MAX || info.n_height > ADAH_PICTURE_SIDE_MAX ||
                       info.n_pixels < (uint64_t)info.n_width * info.n_height || !info.type))
        abort();
    const uint64_t allowed = is_picture ? info.n_pixels * PIXEL_BYTES + SPARE_BYTES : SPARE_BYTES;
    if (!is_picture || info.n_pixels <= PIXELS_MAX) {
        const uint64_t before = peak_bytes(1);
        adah_picture picture;
        const adah_code code = adah_image_decode_thumbnail(exact, made.n, "fuzzed", sides[bytes[0] % 3], &picture, NULL);
        if (code == ADAH_OK && (!is_picture || info.excess || picture.n_width > sides[bytes[0] % 3] || picture.n_height > sides[bytes[0] % 3]))
            abort();
        if (before && peak_bytes(0) > before + allowed) {
            fprintf(stderr, "%llu MiB, allowed %llu\n", (unsigned long long)(peak_bytes(0) - before) >> 20, (unsigned long long)allowed >> 20);
            abort();
        }
        if (code == ADAH_OK)
            adah_free(picture.rgb);
    }
    free(exact);
    return 0;
}
