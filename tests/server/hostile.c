/* hostile.c - attacks adah serve for a while and sees whether it holds. Started by test_hostile.sh in a folder with
 * scenes, a model with attention and an index; best with a server that was built with sanitizers.
 *
 * Attackers, a thread each, send mutated requests, broken framing, pictures that are bombs, bytes a few at a time;
 * they leave connections idle, hang up in the middle, hold memory by bodies that come no further and answers that nobody
 * reads, and write, delete and reload meanwhile, also many pictures at once. A good client asks
 * every 200 ms: a search must have its answer of the beginning within the time allowed, a thumbnail must come, bad requests
 * must be refused as JSON with their status. At the end the server must stop by itself with exit code 0 (leaks make it another).
 *
 * One file, because attackers, good client and judge share what is going on in this one process.
 *
 * HOSTILE_SECONDS, HOSTILE_SEED, HOSTILE_PATIENCE (ms, of a good answer), HOSTILE_BOMBERS (threads that send bombs),
 * HOSTILE_MEGABYTES (that the server may have resident; 0: any).
 */
#define _GNU_SOURCE
#include "../base64.h"
#include "http_count.h"
#include "lies.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TOKEN "a-token-of-the-tests"
#define BEARER "Authorization: Bearer " TOKEN "\r\n"
#define JSON "Content-Type: application/json\r\n"

enum {
    CONNECTIONS = 400,
    SLOW = 60,
    HOGS = 16,
    FIRST_LONG_ID = 40000, /* items whose texts make long answers */
    N_LONG = 50,
    FIRST_BULK_ID = 50000,
    N_BULK = 40,
    FIRST_FOREIGN_ID = 100000,
    BODY_MAX = 4 << 20
};

static int port, seconds_allowed, megabytes_allowed;
static uint64_t seed;
static double patience;
static atomic_int is_over, n_failed;
static pthread_mutex_t signalling = PTHREAD_MUTEX_INITIALIZER; /* when it is over, the server is sent no more */
static atomic_uint_least64_t n_sent_requests;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* No answer, or one that blames the server. Once all is over it refuses everyone. */
static int is_failure(int status) { return (status == 0 || status == 500) && !atomic_load(&is_over); }

static void pause_ms(int ms) {
    for (; ms > 0 && !atomic_load(&is_over); ms -= 50)
        usleep((useconds_t)(ms < 50 ? ms : 50) * 1000);
}

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (atomic_fetch_add(&n_failed, 1) < 200)
        printf("FAILED: %s\n", message);
}

/* ---------------------------------------------------------------- random numbers, bytes that grow */

typedef struct dice {
    uint64_t state;
} dice;

static uint64_t roll(dice *d, uint64_t n) {
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % n;
}

typedef struct bytes {
    uint8_t *p;
    size_t n, capacity;
} bytes;

static void put(bytes *b, const void *p, size_t n) {
    if (b->n + n > b->capacity) {
        b->capacity = 2 * (b->n + n) + 64;
        b->p = realloc(b->p, b->capacity);
        if (!b->p)
            abort();
    }
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
}
static void put_text(bytes *b, const char *text) { put(b, text, strlen(text)); }
static void put_byte(bytes *b, unsigned value) { put(b, &(uint8_t){(uint8_t)value}, 1); }
static void put_many(bytes *b, const char *text, size_t n_times) {
    for (size_t i = 0; i < n_times; i++)
        put_text(b, text);
}
static void put_big(bytes *b, uint64_t value, int n_bytes) {
    while (n_bytes-- > 0)
        put_byte(b, (unsigned)(value >> 8 * n_bytes));
}
static void put_little(bytes *b, uint64_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; i++)
        put_byte(b, (unsigned)(value >> 8 * i));
}
__attribute__((format(printf, 2, 3))) static void put_format(bytes *b, const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put_text(b, text);
}

static void put_base64(bytes *b, const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i += 3) {
        char four[4];
        base64_digits(p + i, n - i, four);
        for (int k = 0; k < 4; k++)
            put_byte(b, (unsigned char)four[k]);
    }
}

/* ---------------------------------------------------------------- pictures that nobody should draw */

static void put_chunk(bytes *png, const char *type, const bytes *content) {
    uint32_t crc = 0xffffffff;
    put_big(png, content->n, 4);
    const size_t from = png->n;
    put_text(png, type);
    put(png, content->p, content->n);
    for (size_t i = from; i < png->n; i++) {
        crc ^= png->p[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    put_big(png, ~crc, 4);
}

/* zlib's format of n zeros, by fixed codes: a literal, then "258 more of it" again and again. */
static void put_zeros_deflated(bytes *z, uint64_t n) {
    uint64_t bits = 0;
    int n_bits = 0;
    put_big(z, 0x789c, 2);
#define PUT_BITS(value, width) (bits |= (uint64_t)(value) << n_bits, n_bits += (width))
#define FLUSH_BITS()                                                                                                 \
    for (; n_bits >= 8; n_bits -= 8, bits >>= 8)                                                                     \
    put_byte(z, (unsigned)(bits & 255))
    PUT_BITS(3, 3);
    for (uint64_t left = n; left > 0;) {
        if (left < n && left >= 258) {
            PUT_BITS(0xa3, 8); /* 285 is 11000101, first bit first */
            PUT_BITS(0, 5);
            left -= 258;
        } else {
            PUT_BITS(0x0c, 8); /* 0 is 00110000 */
            left--;
        }
        FLUSH_BITS();
    }
    PUT_BITS(0, 14);
    FLUSH_BITS();
    put_big(z, (n % 65521) << 16 | 1, 4);
}

static bytes make_png(uint32_t width, uint32_t height, int depth, int color, int is_interlaced, uint64_t n_zeros) {
    bytes png = {0}, part = {0};
    put(&png, "\x89PNG\r\n\x1a\n", 8);
    put_big(&part, width, 4);
    put_big(&part, height, 4);
    put_byte(&part, (unsigned)depth);
    put_byte(&part, (unsigned)color);
    put_big(&part, is_interlaced ? 1 : 0, 3);
    put_chunk(&png, "IHDR", &part);
    part.n = 0;
    put_zeros_deflated(&part, n_zeros);
    put_chunk(&png, "IDAT", &part);
    part.n = 0;
    put_chunk(&png, "IEND", &part);
    free(part.p);
    return png;
}

/* Text of 200 MB in each of two chunks of a small picture. */
static bytes make_text_png(void) {
    bytes png = make_png(64, 64, 8, 0, 0, 65 * 64), part = {0}, end = {0};
    put(&part, "a\0\0", 3);
    put_zeros_deflated(&part, 200000000);
    put(&end, png.p + 33, png.n - 33);
    png.n = 33;
    put_chunk(&png, "zTXt", &part);
    part.n = 0;
    put(&part, "a\0\0", 3);
    put_zeros_deflated(&part, 200000000);
    put_chunk(&png, "iCCP", &part);
    put(&png, end.p, end.n);
    free(part.p);
    free(end.p);
    return png;
}

static void put_huffman(bytes *jpeg, int class_and_id, unsigned symbol) {
    put_big(jpeg, 0xffc4, 2);
    put_big(jpeg, 20, 2);
    put_byte(jpeg, (unsigned)class_and_id);
    put_byte(jpeg, 1); /* one code of one bit */
    for (int i = 0; i < 15; i++)
        put_byte(jpeg, 0);
    put_byte(jpeg, symbol);
}

static void put_scan(bytes *jpeg, int table, int first, int last, int approximation) {
    put_big(jpeg, 0xffda, 2);
    put_big(jpeg, 8, 2);
    put_byte(jpeg, 1);
    put_byte(jpeg, 1);
    put_byte(jpeg, (unsigned)table);
    put_byte(jpeg, (unsigned)first);
    put_byte(jpeg, (unsigned)last);
    put_byte(jpeg, (unsigned)approximation);
}

/* A progressive JPEG whose scans say "nothing, 32767 blocks long": each costs tens of bytes and a pass over all
 * blocks. */
static bytes make_scans(unsigned width, unsigned height, int n_scans) {
    bytes jpeg = {0};
    const uint64_t n_blocks = (uint64_t)((width + 7) / 8) * ((height + 7) / 8);
    put_big(&jpeg, 0xffd8ffdb, 4);
    put_big(&jpeg, 67, 2);
    put_byte(&jpeg, 0);
    for (int i = 0; i < 64; i++)
        put_byte(&jpeg, 1);
    put_big(&jpeg, 0xffc2, 2);
    put_big(&jpeg, 11, 2);
    put_byte(&jpeg, 8);
    put_big(&jpeg, height, 2);
    put_big(&jpeg, width, 2);
    put_big(&jpeg, 0x01011100, 4);
    put_huffman(&jpeg, 0x00, 0);
    put_huffman(&jpeg, 0x10, 0xe0);
    put_scan(&jpeg, 0x00, 0, 0, 0);
    for (uint64_t i = 0; i < (n_blocks + 7) / 8; i++)
        put_byte(&jpeg, 0);
    for (int i = 0; i < n_scans; i++) {
        put_scan(&jpeg, 0x00, 1 + i % 63, 1 + i % 63, 0);
        for (uint64_t k = 0; k < ((n_blocks + 16383) / 16384 * 15 + 7) / 8; k++)
            put_byte(&jpeg, 0); /* the code and 14 bits of a length: 16384 blocks */
    }
    put_big(&jpeg, 0xffd9, 2);
    return jpeg;
}

static bytes make_text(const char *format, const char *middle, size_t n_times) {
    bytes b = {0};
    put_text(&b, format);
    put_many(&b, middle, n_times);
    return b;
}

static bytes make_gif(unsigned width, unsigned height, int n_frames) {
    bytes b = {0};
    put(&b, "GIF89a", 6);
    put_little(&b, width, 2);
    put_little(&b, height, 2);
    put_little(&b, 0x80, 3);
    put(&b, "\0\0\0\xff\xff\xff", 6);
    for (int i = 0; i < n_frames; i++) {
        put_byte(&b, 0x2c);
        put_little(&b, 0, 4);
        put_little(&b, width, 2);
        put_little(&b, height, 2);
        put(&b, "\0\x02\x03\x84\x51\x01\0", 7);
    }
    put_byte(&b, 0x3b);
    return b;
}

static bytes make_tiff(unsigned width, unsigned height, int n_entries, unsigned offset) {
    bytes b = {0};
    put(&b, "II*\0\x08\0\0\0", 8);
    put_little(&b, (uint64_t)n_entries, 2);
    const unsigned tags[][3] = {{256, 4, width},  {257, 4, height}, {258, 3, 8},      {259, 3, 5},  {262, 3, 1},
                                {273, 4, offset}, {277, 3, 1},      {278, 4, height}, {279, 4, ~0u}};
    for (int i = 0; i < n_entries; i++) {
        const unsigned *tag = tags[i % 9];
        put_little(&b, tag[0], 2);
        put_little(&b, tag[1], 2);
        put_little(&b, i < 9 ? 1 : 0xffffffff, 4);
        put_little(&b, tag[2], 4);
    }
    put_little(&b, 8, 4); /* the next directory is this one */
    return b;
}

static bytes make_webp(unsigned width, unsigned height) {
    bytes b = {0};
    put(&b, "RIFF\xff\xff\xff\x7fWEBPVP8X\x0a\0\0\0\x10\0\0\0", 24);
    put_little(&b, width - 1, 3);
    put_little(&b, height - 1, 3);
    put(&b, "VP8L\xff\xff\xff\x7f\x2f\xff\xff\xff\xff\0\0\0", 16);
    return b;
}

#define SVG "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" "

static const char *const drawings[] = {
    SVG
    "width=\"64\" height=\"64\"><image xlink:href=\"file:///etc/passwd\" width=\"64\" height=\"64\"/>"
    "<image href=\"http://127.0.0.1:1/x.png\" width=\"9\" height=\"9\"/><use href=\"/proc/self/environ#a\"/></svg>",
    "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>" SVG
    "width=\"64\" height=\"64\"><text y=\"20\">&x;</text></svg>",
    "<?xml version=\"1.0\"?><!DOCTYPE svg [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
    "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e "
    "\"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">]>" SVG
    "width=\"64\" height=\"64\"><text y=\"20\">&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;</text></svg>",
    SVG "width=\"4000000000\" height=\"4000000000\"><rect width=\"9\" height=\"9\"/></svg>",
    SVG "width=\"1e999\" height=\"-5\"><rect width=\"9\" height=\"9\"/></svg>",
    SVG "width=\"7000\" height=\"7000\"><filter id=\"f\"><feGaussianBlur stdDeviation=\"9999\"/><feTurbulence "
        "numOctaves=\"99999\" baseFrequency=\"0.9\"/></filter><rect width=\"7000\" height=\"7000\" "
        "filter=\"url(#f)\"/></svg>",
    SVG "width=\"64\" height=\"64\"><defs><g id=\"a\"><rect width=\"9\" height=\"9\"/></g><g id=\"b\"><use "
        "href=\"#a\"/><use href=\"#a\"/><use href=\"#a\"/><use href=\"#a\"/><use href=\"#a\"/><use href=\"#a\"/></g>"
        "<g id=\"c\"><use href=\"#b\"/><use href=\"#b\"/><use href=\"#b\"/><use href=\"#b\"/><use href=\"#b\"/></g>"
        "<g id=\"d\"><use href=\"#c\"/><use href=\"#c\"/><use href=\"#c\"/><use href=\"#c\"/><use href=\"#c\"/></g>"
        "<g id=\"e\"><use href=\"#d\"/><use href=\"#d\"/><use href=\"#d\"/><use href=\"#d\"/><use href=\"#d\"/></g>"
        "<g id=\"f\"><use href=\"#e\"/><use href=\"#e\"/><use href=\"#e\"/><use href=\"#e\"/><use href=\"#e\"/></g>"
        "<g id=\"g\"><use href=\"#f\"/><use href=\"#f\"/><use href=\"#f\"/><use href=\"#f\"/><use href=\"#f\"/></g>"
        "</defs><use href=\"#g\"/><use href=\"#g\"/><use href=\"#g\"/><use href=\"#g\"/></svg>",
    SVG "width=\"64\" height=\"64\"><g id=\"a\"><use href=\"#a\"/></g></svg>",
    SVG "width=\"64\" height=\"64\"><pattern id=\"p\" width=\"1e-9\" height=\"1e-9\"><rect width=\"1\" "
        "height=\"1\"/></pattern><rect width=\"64\" height=\"64\" fill=\"url(#p)\"/></svg>"};

static bytes *bombs;
static char bomb_name[64][40];
static int n_bombs;

static void add_bomb(const char *name, bytes b) {
    snprintf(bomb_name[n_bombs], sizeof bomb_name[0], "%s", name);
    bombs[n_bombs++] = b;
}

static void make_bombs(void) {
    bombs = calloc(64, sizeof *bombs);
    add_bomb("png 20000x20000", make_png(20000, 20000, 8, 0, 0, 20001ull * 20000));
    add_bomb("png 7000x7000 rgb", make_png(7000, 7000, 8, 2, 0, 21001ull * 7000));
    add_bomb("png 7000x7000 rgba16", make_png(7000, 7000, 16, 6, 0, 56001ull * 7000));
    add_bomb("png 5000x5000 interlaced", make_png(5000, 5000, 8, 2, 1, 76000000));
    add_bomb("png of half its data", make_png(7000, 7000, 8, 2, 0, 21001ull * 3500));
    add_bomb("png of too much data", make_png(16, 16, 8, 2, 0, 300000000));
    add_bomb("png 2^31-1", make_png(0x7fffffff, 0x7fffffff, 8, 2, 0, 1000));
    add_bomb("png 2^32-1 wide", make_png(0xffffffff, 1, 8, 2, 0, 1000));
    add_bomb("png 0x0", make_png(0, 0, 8, 2, 0, 1000));
    add_bomb("png 1 x 50000000", make_png(1, 50000000, 8, 0, 0, 100000000));
    add_bomb("png 49000000 x 1", make_png(49000000, 1, 8, 0, 0, 49000001));
    add_bomb("png bad depth", make_png(10, 10, 7, 5, 0, 1000));
    add_bomb("png text", make_text_png());
    add_bomb("jpeg of 200 scans", make_scans(1000, 1000, 200));
    add_bomb("jpeg of 3000 scans", make_scans(6000, 6000, 3000));
    add_bomb("jpeg 65535x65535", make_scans(65535, 65535, 0));
    add_bomb("gif 65535x65535", make_gif(65535, 65535, 1));
    add_bomb("gif 7000x7000 of 1000 frames", make_gif(7000, 7000, 1000));
    add_bomb("tiff huge", make_tiff(0xffffffff, 0xffffffff, 9, 8));
    add_bomb("tiff 7000x7000", make_tiff(7000, 7000, 9, 8));
    add_bomb("tiff of 60000 entries", make_tiff(100, 100, 60000, 0xfffffff0));
    add_bomb("webp 16384x16384", make_webp(16384, 16384));
    add_bomb("webp 1000x1000", make_webp(1000, 1000));
    add_bomb("ppm", make_text("P6\n7000 7000\n255\n", "abc", 1000));
    add_bomb("ppm huge", make_text("P3\n99999999999 99999999999 255\n", "1 ", 1000));
    add_bomb("bmp", make_text("BM\xff\xff\xff\x7f", "\x7f", 200));
    add_bomb("avif", make_text("\1\1\1\1ftypavif", "\1\1\1\1meta", 1000));
    uint8_t *lie;
    size_t n_lie;
    const char *name_of_lie;
    for (size_t i = 0; (name_of_lie = lie_make(i, &lie, &n_lie)); i++) {
        bytes b = {0};
        put(&b, lie, n_lie);
        free(lie);
        add_bomb(name_of_lie, b);
    }
    add_bomb("radiance", make_text("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 7000 +X 7000\n", "\2\2\2\2", 100));
    add_bomb("pdf", make_text("%PDF-1.7\n", "1 0 obj<</Type/Page>>", 100));
    add_bomb("svg deep", make_text(SVG "width=\"9\" height=\"9\">", "<g>", 100000));
    add_bomb("spaces", make_text("", " ", 1000000));
    for (size_t i = 0; i < sizeof drawings / sizeof *drawings; i++) {
        char name[32];
        snprintf(name, sizeof name, "svg %zu", i);
        add_bomb(name, make_text(drawings[i], "", 0));
    }
}

/* ---------------------------------------------------------------- requests that are good as they are */

static bytes picture; /* a good one */

static void put_request(bytes *b, const char *method, const char *target, const char *headers, const bytes *body) {
    put_text(b, method);
    put_text(b, " ");
    put_text(b, target);
    put_text(b, " HTTP/1.1\r\nHost: localhost\r\n");
    put_text(b, headers);
    if (body)
        put_format(b, "Content-Length: %zu\r\n", body->n);
    put_text(b, "\r\n");
    if (body)
        put(b, body->p, body->n);
}

static const char *const gets[] = {
    "/",
    "/page/app.js",
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/info",
    "/v1/search?text=red+circle&to=image&k=20&radius=9&cut_off=1&explain=1&method=auto",
    "/v1/search?id=17&by=image&k=5&label=red&label=blue",
    "/v1/search?text=red%20%C3%A9&rerank=10&k=3",
    "/v1/search?text=red&to=text&k=1000",
    "/v1/items/3",
    "/v1/items/3/picture",
    "/v1/items/3/thumbnail?side=64"};
#define FULL_SEARCH                                                                                                  \
    "{\"text\": \"red circle\", \"to\": \"image\", \"k\": 5, \"radius\": 8, \"labels\": [], \"only\": [1, 2, 3], "   \
    "\"cut_off\": true, \"rerank\": 10, \"explain\": true, \"method\": \"scan\"}"

static const char *const searches[] = {FULL_SEARCH, "{\"id\": 5, \"by\": \"image\", \"k\": 2}",
                                       "{\"text\": \"\\u00e9\\ud83d\\ude00 blue\"}"};

static void put_form(bytes *body, const char *boundary) {
    put_format(body, "--%s\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\n5\r\n", boundary);
    put_format(body,
               "--%s\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: "
               "image/png\r\n\r\n",
               boundary);
    put(body, picture.p, picture.n);
    put_format(body, "\r\n--%s--\r\n", boundary);
}

static bytes make_request(dice *d) {
    static const char *const picture_routes[] = {"/v1/search?k=3", "/v1/tags?n=5", "/v1/encode", "/v1/attention"};
    bytes b = {0}, body = {0};
    char target[64];
    switch (roll(d, 9)) {
    case 0: put_text(&body, searches[roll(d, 3)]), put_request(&b, "POST", "/v1/search", JSON, &body); break;
    case 1:
        put_request(&b, "POST", picture_routes[roll(d, 4)], "Content-Type: image/png\r\nAccept: image/png\r\n",
                    &picture);
        break;
    case 2:
        put_form(&body, "b0und");
        put_request(&b, "POST", "/v1/search", "Content-Type: multipart/form-data; boundary=b0und\r\n", &body);
        break;
    case 3:
        put_text(&body, "{\"image\": \"");
        put_base64(&body, picture.p, picture.n);
        put_text(&body, "\", \"k\": 2}");
        put_request(&b, "POST", "/v1/search", JSON, &body);
        break;
    case 4:
        put_text(&body, "{\"items\": [{\"text\": \"a red circle\", \"labels\": [\"odd\"], \"file_name\": "
                        "\"images/scene-00004.png\"}]}");
        put_request(&b, "POST", "/v1/items", roll(d, 2) ? BEARER JSON : JSON, &body);
        break;
    case 5: /* never with the token: the items of the good client must stay */
        snprintf(target, sizeof target, "/v1/items/%d", (int)roll(d, 120));
        put_request(&b, "DELETE", target, "Authorization: Bearer wrong\r\n", NULL);
        break;
    case 6: put_text(&body, "{\"id\": 3}"), put_request(&b, "POST", "/v1/tags", JSON, &body); break;
    default: put_request(&b, roll(d, 8) ? "GET" : "HEAD", gets[roll(d, sizeof gets / sizeof *gets)], "", NULL);
    }
    free(body.p);
    return b;
}

static void insert(bytes *b, size_t at, const void *p, size_t n) {
    bytes all = {0};
    put(&all, b->p, at);
    put(&all, p, n);
    put(&all, b->p + at, b->n - at);
    free(b->p);
    *b = all;
}

/* Puts `with` in place of the first `what`, if that is there. */
static void replace_first(bytes *b, const char *what, const char *with) {
    uint8_t *p = memmem(b->p, b->n, what, strlen(what));
    if (!p)
        return;
    const size_t at = (size_t)(p - b->p);
    memmove(p, p + strlen(what), b->n - at - strlen(what));
    b->n -= strlen(what);
    insert(b, at, with, strlen(with));
}

static void mutate(dice *d, bytes *b) {
    static const char *const odd[] = {"\r\n",
                                      "\r\n\r\n",
                                      "\n",
                                      "%",
                                      "%00",
                                      "%ff%fe",
                                      "%c0%af",
                                      "\xc0\xaf",
                                      "\xed\xa0\x80",
                                      "\xff",
                                      "\\ud800",
                                      "\\u0000",
                                      "[[[",
                                      "{\"a\":",
                                      "1e999",
                                      "-1",
                                      "99999999999999999999",
                                      "18446744073709551615",
                                      "null",
                                      "\"",
                                      "==",
                                      ";",
                                      ",",
                                      "../",
                                      "&&&&",
                                      "=",
                                      "?",
                                      "#",
                                      "--b0und",
                                      "--b0und--",
                                      "\t",
                                      ": ",
                                      "HTTP/9.9",
                                      "%%%%",
                                      "*"};
    static const char *const headers[] = {"Content-Length: 0\r\n",
                                          "Content-Length: -1\r\n",
                                          "Content-Length: 99999999999999999999999\r\n",
                                          "Content-Length: 5, 5\r\n",
                                          "Transfer-Encoding: chunked\r\n",
                                          "Transfer-Encoding: gzip, chunked\r\n",
                                          "Expect: 100-continue\r\n",
                                          "Connection: close\r\n",
                                          "Connection: upgrade\r\nUpgrade: websocket\r\n",
                                          "Range: bytes=0-1,5-9999999\r\n",
                                          "Content-Type: image/png\r\n",
                                          "Content-Type: multipart/form-data\r\n",
                                          "Content-Type: multipart/form-data; boundary=\"\r\n",
                                          "If-None-Match: *\r\n",
                                          "Cookie: a=b;;;=;\r\n",
                                          "Authorization: Basic \xff\r\n",
                                          ": nothing\r\n",
                                          "No-Colon\r\n",
                                          " folded: yes\r\n",
                                          "Host: other\r\n",
                                          "Content-Length : 2\r\n",
                                          "X: a\r\n b\r\n",
                                          "X: a\nY: b\r\n",
                                          "X\x01: a\r\n",
                                          "Origin: https://evil.example\r\n",
                                          "Sec-Fetch-Site: cross-site\r\n",
                                          "X-Forwarded-For: 192.0.2.7\r\n"};
    static const char *const versions[] = {"HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.10", "http/1.1", "HTTP/", ""};
    for (uint64_t n = 1 + roll(d, 4); n > 0 && b->n > 4; n--) {
        const size_t at = roll(d, b->n), length = 1 + roll(d, b->n - at < 200 ? b->n - at : 200);
        switch (roll(d, 8)) {
        case 0: b->p[at] ^= (uint8_t)(1u << roll(d, 8)); break;
        case 1: b->p[at] = (uint8_t)roll(d, 256); break;
        case 2: b->n = at; break;
        case 3: insert(b, at, b->p + at, length); break;
        case 4: {
            const char *text = odd[roll(d, sizeof odd / sizeof *odd)];
            insert(b, roll(d, 2) ? at : roll(d, b->n < 200 ? b->n : 200), text, strlen(text));
            break;
        }
        case 5: {
            char with[256];
            snprintf(with, sizeof with, "\r\n%sHost:", headers[roll(d, sizeof headers / sizeof *headers)]);
            replace_first(b, "\r\nHost:", with);
            break;
        }
        case 6: replace_first(b, "HTTP/1.1", versions[roll(d, sizeof versions / sizeof *versions)]); break;
        default: memmove(b->p + at, b->p + at + length, b->n - at - length), b->n -= length;
        }
    }
}

/* ---------------------------------------------------------------- requests made with care */

static bytes make_crafted(dice *d) {
    static const char *const targets[] = {"/v1/search?text=red&k=-1",
                                          "/v1/search?text=red&k=99999999999",
                                          "/v1/search?text=red&k=1e999",
                                          "/v1/search?text=red&radius=4294967296",
                                          "/v1/search?id=18446744073709551615",
                                          "/v1/search?id=18446744073709551616",
                                          "/v1/search?id=9223372036854775808",
                                          "/v1/items/18446744073709551615",
                                          "/v1/items/99999999999999999999999999",
                                          "/v1/items/00000000000000000003",
                                          "/v1/search?text=red&label=nope",
                                          "/v1/search?text=%c0%af",
                                          "/v1/search?text=%",
                                          "/v1/search?text=%0",
                                          "/v1/search?text=a%00b",
                                          "/%00",
                                          "/v1/search?text=%ed%a0%80",
                                          "/v1/search?text",
                                          "/v1/search?=",
                                          "/v1/search?&&&&&&",
                                          "/v1/search?text=&text=",
                                          "/v1/items/../../etc/passwd",
                                          "/v1/items/%2e%2e/%2e%2e/etc/passwd",
                                          "//etc/passwd",
                                          "/..\\..\\etc\\passwd",
                                          "/v1/items/%252e%252e%252f/picture",
                                          "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
                                          "http://127.0.0.1/v1/info",
                                          "*",
                                          "",
                                          "/v1/items/3/picture/../../../../etc/passwd",
                                          "/v1/items/3/thumbnail?side=0",
                                          "/v1/items/3/thumbnail?side=99999999999",
                                          "/page/app.js/../../server/http.c", "/page/../server/http.c", "/page/..%2fserver%2fhttp.c"};
    static const char *const methods[] = {
        "G",       "get",     "PUT",   "TRACE",
        "CONNECT", "OPTIONS", "PATCH", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "\x01"};
    static const char *const values[] = {"{\"text\": \"\\ud800\"}",
                                         "{\"text\": \"red\", \"k\": 1e999}",
                                         "{\"text\": \"red\", \"k\": 1e308}",
                                         "{\"k\": 99999999999999999999}",
                                         "{\"text\": \"red\", \"only\": [-1]}",
                                         "{\"id\": -9223372036854775808}",
                                         "{\"id\": 9223372036854775807}",
                                         "{\"image\": \"====\"}",
                                         "{\"image\": \"AAA\"}",
                                         "{\"image\": \"AAA=AAAA\"}",
                                         "{\"image\": {}}",
                                         "{\"text\": null}",
                                         "{\"text\": \"a\", \"text\": \"b\"}",
                                         "[]",
                                         "0",
                                         "",
                                         "{\"text\": \"\xc0\xaf\"}",
                                         "{\"labels\": [[]], \"text\": \"red\"}",
                                         "\xef\xbb\xbf{}",
                                         "{\"text\": \"red\", \"labels\": \"red\"}"};
    static const char with_nul[] = "GET /v1/\0info HTTP/1.1\r\nHost:\0a\r\nA\0: b\r\n\r\n";
    bytes b = {0}, body = {0}, headers = {0};
    switch (roll(d, 17)) {
    case 0:
    case 1: put_request(&b, "GET", targets[roll(d, sizeof targets / sizeof *targets)], "", NULL); break;
    case 2: put_request(&b, methods[roll(d, sizeof methods / sizeof *methods)], "/v1/info", "", NULL); break;
    case 3:
        put_text(&body, values[roll(d, sizeof values / sizeof *values)]);
        put_request(&b, "POST", roll(d, 2) ? "/v1/search" : "/v1/tags", JSON, &body);
        break;
    case 4: /* deep, closed or not */
        put_many(&body, roll(d, 2) ? "[" : "{\"a\":", 1 + roll(d, 200000));
        if (roll(d, 2))
            put_many(&body, "]", 100000);
        put_request(&b, "POST", "/v1/search", JSON, &body);
        break;
    case 5: /* thousands of headers, or a long one */
        if (roll(d, 2))
            put_many(&headers, "A: b\r\n", 1 + roll(d, 20000));
        else
            put_text(&headers, "A: "), put_many(&headers, "x", 1 + roll(d, 300000)), put_text(&headers, "\r\n");
        put_byte(&headers, 0);
        put_request(&b, "GET", "/v1/info", (const char *)headers.p, NULL);
        break;
    case 6: /* a long target, many parameters */
        put_text(&headers, "/v1/search?");
        put_many(&headers, roll(d, 2) ? "k=1&" : "%41", 1 + roll(d, 20000));
        put_byte(&headers, 0);
        put_request(&b, "GET", (const char *)headers.p, "", NULL);
        break;
    case 7: /* chunks that lie or never end */
        put_text(&b, "POST /v1/search HTTP/1.1\r\nHost: localhost\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n");
        switch (roll(d, 6)) {
        case 0: put_text(&b, "ffffffffffffffffff\r\nabc"); break;
        case 1: put_text(&b, "7fffffffffffffff\r\nabc"); break;
        case 2: put_text(&b, "-5\r\nabcde\r\n0\r\n\r\n"); break;
        case 3: put_many(&b, "1;ext=aaaaaaaaaaaaaaa\r\na\r\n", 20000); break;
        case 4: put_text(&b, "5\r\nabcdefghij\r\n0\r\n\r\n"); break;
        default: put_text(&b, "0\r\n"), put_many(&b, "Trailer: x\r\n", roll(d, 20000));
        }
        break;
    case 8: /* two lengths, a length and chunks */
        put_format(&b, "POST /v1/search HTTP/1.1\r\nHost: localhost\r\n" JSON "%s\r\n%s",
                   roll(d, 2) ? "Content-Length: 5\r\nContent-Length: 50\r\n"
                              : "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                   "1\r\na\r\n0\r\n\r\nGET /v1/info HTTP/1.1\r\nHost: localhost\r\n\r\n");
        break;
    case 9: { /* forms */
        const char *const types[] = {"Content-Type: multipart/form-data\r\n",
                                     "Content-Type: multipart/form-data; boundary=\r\n",
                                     "Content-Type: multipart/form-data; boundary=\"b0und\r\n",
                                     "Content-Type: multipart/form-data; boundary=b0und\r\n"};
        switch (roll(d, 5)) {
        case 0: put_many(&body, "--b0und\r\n", 100000); break;
        case 1:
            put_many(&body, "--b0und\r\nContent-Disposition: form-data; name=\"label\"\r\n\r\na\r\n", 5000);
            break;
        case 2: put_text(&body, "--b0und\r\n"), put_many(&body, "A: b\r\n", 100000); break;
        case 3: put_text(&body, "--b0und\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\n\r\n--b0und"); break;
        default: put_form(&body, "other");
        }
        put_request(&b, "POST", "/v1/search", types[roll(d, 4)], &body);
        break;
    }
    case 10: /* tokens */
        put_text(&headers, "Authorization: Bearer ");
        switch (roll(d, 4)) {
        case 0: break;
        case 1: put_many(&headers, "a", 15000); break;
        case 2: put_text(&headers, "a-token-of-the-testS"); break;
        default: put_text(&headers, TOKEN TOKEN);
        }
        put_text(&headers, "\r\n");
        put_byte(&headers, 0);
        put_request(&b, "POST", "/v1/reload", (const char *)headers.p, &body);
        break;
    case 11: /* many at once */
        for (uint64_t n = roll(d, 300); n > 0; n--)
            put_request(&b, "GET", gets[roll(d, sizeof gets / sizeof *gets)], "", NULL);
        break;
    case 12: put_text(&b, "GET /v1/info HTTP/1.0\r\n\r\n"); break;
    case 13: put(&b, "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 11), put_many(&b, "\x5a", 505); break;
    case 14: put(&b, with_nul, sizeof with_nul - 1); break;
    case 15: put_many(&b, roll(d, 2) ? "\r\n" : "a", 1 + roll(d, 100000)); break;
    default: /* more than may be */
        put_many(&body, "aaaaaaaaaaaaaaaa", (size_t)(BODY_MAX / 16 + 1));
        put_request(&b, "POST", roll(d, 2) ? "/v1/search" : "/nowhere",
                    roll(d, 2) ? JSON "Expect: 100-continue\r\n" : JSON, &body);
    }
    free(body.p);
    free(headers.p);
    return b;
}

/* ---------------------------------------------------------------- attackers */

/* A connection that hangs up with a reset, and waits for little. */
static int connect_briefly(int receive_ms) {
    const struct timeval patience_of_it = {receive_ms / 1000, receive_ms % 1000 * 1000}, second = {1, 0};
    const int fd = http_connect(port);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience_of_it, sizeof patience_of_it);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
    }
    return fd;
}

static void hang_up(int fd, int with_reset) {
    const struct linger none = {1, 0};
    if (with_reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(fd);
}

static void *send_broken(void *context) {
    dice d = {seed + (uint64_t)(uintptr_t)context};
    char answer[65536];
    while (!atomic_load(&is_over)) {
        const int is_crafted = roll(&d, 3) == 0;
        bytes b = is_crafted ? make_crafted(&d) : make_request(&d);
        if (!is_crafted || roll(&d, 4) == 0)
            mutate(&d, &b);
        const int fd = connect_briefly(roll(&d, 4) ? 300 : 10);
        if (fd >= 0) {
            http_send(fd, b.p, roll(&d, 8) ? b.n : roll(&d, b.n + 1));
            if (roll(&d, 2))
                shutdown(fd, SHUT_WR);
            if (roll(&d, 8))
                for (int i = 0; i < 40 && recv(fd, answer, sizeof answer, 0) > 0; i++) {
                }
            hang_up(fd, roll(&d, 4) == 0);
            atomic_fetch_add(&n_sent_requests, 1);
        }
        free(b.p);
    }
    return NULL;
}

/* A bomb to a route that decodes pictures, or a good picture that is cut or has other bytes. */
static void *send_bombs(void *context) {
    static const char *const routes[] = {"/v1/search?k=3", "/v1/tags?n=5", "/v1/encode", "/v1/attention"};
    static double slowest[64];
    dice d = {seed * 31 + (uint64_t)(uintptr_t)context};
    while (!atomic_load(&is_over)) {
        const int which = (int)roll(&d, (uint64_t)n_bombs + 8);
        bytes b = {0}, body = {0};
        const bytes *from = which < n_bombs ? &bombs[which] : &picture;
        put(&body, from->p, from->n);
        if (which >= n_bombs || roll(&d, 3) == 0) {
            if (roll(&d, 2))
                body.n = roll(&d, body.n);
            for (uint64_t n = roll(&d, 10); n > 0 && body.n; n--)
                body.p[roll(&d, roll(&d, 2) && body.n > 64 ? 64 : body.n)] = (uint8_t)roll(&d, 256);
        }
        if (roll(&d, 4) == 0) {
            bytes json = {0};
            put_text(&json, "{\"image\": \"");
            put_base64(&json, body.p, body.n);
            put_text(&json, "\"}");
            put_request(&b, "POST", "/v1/encode", JSON, &json);
            free(json.p);
        } else {
            put_request(&b, "POST", routes[roll(&d, 4)], "Content-Type: image/png\r\n", &body);
        }
        const double start = now();
        const int fd = http_connect(port);
        http_send(fd, b.p, b.n);
        http_reply r = http_receive(fd, 0);
        const double took = now() - start;
        if (which < n_bombs) {
            if (is_failure(r.status))
                fail("bomb %s: status %d: %.200s", bomb_name[which], r.status, r.body ? r.body : "");
            if (took > slowest[which] && took > 1)
                printf("slow: %s took %.2f s, status %d\n", bomb_name[which], took, r.status);
            slowest[which] = took > slowest[which] ? took : slowest[which];
        }
        http_reply_free(&r);
        close(fd);
        free(b.p);
        free(body.p);
        atomic_fetch_add(&n_sent_requests, 1);
        pause_ms((int)roll(&d, 200));
    }
    return NULL;
}

/* Connections that send a byte at a time, or send all and read nothing, or say nothing. */
static void *send_slowly(void *context) {
    dice d = {seed * 77 + (uint64_t)(uintptr_t)context};
    struct {
        int fd;
        bytes b;
        size_t at;
        int kind;
    } c[SLOW] = {{0}};
    while (!atomic_load(&is_over)) {
        for (int i = 0; i < SLOW; i++) {
            if (!c[i].b.p) {
                c[i].fd = connect_briefly(10);
                c[i].kind = (int)roll(&d, 4);
                c[i].at = 0;
                if (c[i].kind == 1)
                    for (int k = 0; k < 100; k++)
                        put_request(&c[i].b, "GET", "/openapi.json", "", NULL);
                else
                    c[i].b = make_request(&d);
                if (c[i].fd >= 0 && c[i].kind == 1)
                    http_send(c[i].fd, c[i].b.p, c[i].b.n);
                continue;
            }
            const int is_gone =
                c[i].fd < 0 || (c[i].kind == 0 && c[i].at < c[i].b.n &&
                                send(c[i].fd, c[i].b.p + c[i].at++, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0);
            if (is_gone || roll(&d, 60) == 0) {
                if (c[i].fd >= 0)
                    hang_up(c[i].fd, roll(&d, 2) != 0);
                free(c[i].b.p);
                c[i].b = (bytes){0};
            }
        }
        pause_ms(300);
    }
    for (int i = 0; i < SLOW; i++)
        if (c[i].b.p) {
            if (c[i].fd >= 0)
                close(c[i].fd);
            free(c[i].b.p);
        }
    return NULL;
}

/* Connections that send most of a large body and next to nothing after that, or ask for a long answer and read a little of it now and
 * then; renewed as the server ends them. Together they would take more than --memory. */
static void *hold_memory(void *context) {
    static const char half[] = "POST /v1/search HTTP/1.1\r\nHost: localhost\r\n" JSON "Content-Length: 4194304\r\n\r\n{\"text\": \"",
                      whole[] = "GET /v1/search?text=red&to=text&k=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    dice d = {seed * 41};
    int fd[HOGS];
    char block[512];
    bytes most = {0};
    (void)context;
    put_many(&most, "aaaaaaaaaaaaaaaa", (BODY_MAX - (1 << 20)) / 16);
    for (int i = 0; i < HOGS; i++)
        fd[i] = -1;
    while (!atomic_load(&is_over)) {
        for (int i = 0; i < HOGS; i++) {
            const int reads = i % 2;
            if (fd[i] >= 0 && (reads ? recv(fd[i], block, roll(&d, sizeof block) + 1, MSG_DONTWAIT) == 0
                                     : send(fd[i], "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)) {
                hang_up(fd[i], roll(&d, 2) != 0);
                fd[i] = -1;
            }
            if (fd[i] < 0 && (fd[i] = connect_briefly(10)) >= 0) {
                http_send(fd[i], reads ? whole : half, reads ? sizeof whole - 1 : sizeof half - 1);
                if (!reads)
                    http_send(fd[i], most.p, most.n);
                atomic_fetch_add(&n_sent_requests, 1);
            }
        }
        pause_ms(100);
    }
    for (int i = 0; i < HOGS; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    free(most.p);
    return NULL;
}

/* Nearly as many connections as may be, that say nothing; renewed as the server ends them. */
static void *sit_idle(void *context) {
    enum { IDLE = CONNECTIONS / 2 };
    int fd[IDLE];
    char byte;
    (void)context;
    for (int i = 0; i < IDLE; i++)
        fd[i] = -1;
    while (!atomic_load(&is_over)) {
        for (int i = 0; i < IDLE; i++) {
            if (fd[i] >= 0 && recv(fd[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0) {
                close(fd[i]);
                fd[i] = -1;
            }
            if (fd[i] >= 0 && recv(fd[i], &byte, 1, MSG_DONTWAIT) == 1) {
                close(fd[i]); /* told that it was too slow */
                fd[i] = -1;
            }
            if (fd[i] < 0)
                fd[i] = http_connect(port);
        }
        pause_ms(200);
    }
    for (int i = 0; i < IDLE; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    return NULL;
}

static int ask(const char *method, const char *target, const char *headers, const char *body, json_t **json) {
    http_reply r = http_ask(port, method, target, headers, body, body ? strlen(body) : 0);
    const int status = r.status;
    const char *type = status ? http_header(&r, "Content-Type") : NULL;
    const int is_json = type && !strcmp(type, "application/json");
    if (json)
        *json = status && is_json ? json_loadb(r.body, r.n_body, 0, NULL) : NULL;
    http_reply_free(&r);
    return status;
}

/* Adds items of all kinds of names, asks for their pictures, deletes them, reloads. */
static void *write_items(void *context) {
    static const char *const names[] = {"out/secret.png",
                                        "outfile.png",
                                        "absolute.png",
                                        "pipe",
                                        "loop",
                                        "images",
                                        "inside.png",
                                        "bomb.png",
                                        "../secret.png",
                                        "/etc/passwd",
                                        "images/..",
                                        "a\\\\..\\\\b",
                                        "%2e%2e/secret.png",
                                        "images/scene-00004.png",
                                        "gone.png",
                                        "\\u00e9.png",
                                        "socket"};
    const pid_t server = *(const pid_t *)context;
    dice d = {seed * 131};
    uint64_t id = FIRST_FOREIGN_ID;
    for (; !atomic_load(&is_over); id += 1 + roll(&d, (uint64_t)1 << 40)) { /* other items come after the greatest */
        char body[1024], target[128];
        const char *name = names[roll(&d, sizeof names / sizeof *names)];
        snprintf(body, sizeof body,
                 "{\"items\": [{\"id\": %llu, \"file_name\": \"%s\", \"text\": \"a red circle %llu\", \"labels\": "
                 "[\"l%d\"], \"replace\": %s}%s]}",
                 (unsigned long long)id, name, (unsigned long long)id, (int)roll(&d, 500), "false",
                 roll(&d, 10) ? "" : ", {\"text\": \"blue\"}, {\"text\": 5}");
        const int added = ask("POST", "/v1/items", BEARER JSON, body, NULL);
        if (is_failure(added))
            fail("adding %s: %d", name, added);
        const char *const what[] = {"", "/picture", "/thumbnail", "/thumbnail?side=1024"};
        for (int i = 0; i < 4; i++) {
            snprintf(target, sizeof target, "/v1/items/%llu%s",
                     (unsigned long long)(added == 201 ? id : roll(&d, 120)), what[i]);
            http_reply r = http_ask(port, "GET", target, "", NULL, 0);
            if (is_failure(r.status))
                fail("%s of %s: %d %.200s", target, name, r.status, r.body ? r.body : "");
            if (r.body && (memmem(r.body, r.n_body, "root:", 5) || memmem(r.body, r.n_body, "SECRET", 6)))
                fail("%s of %s came out of the folder", target, name);
            http_reply_free(&r);
        }
        snprintf(target, sizeof target, "/v1/items/%llu", (unsigned long long)id);
        if (roll(&d, 3)) {
            const int status = ask("DELETE", target, BEARER, NULL, NULL);
            if (status != (added == 201 ? 200 : 404) && !atomic_load(&is_over))
                fail("deleting %s (%s, added %d): %d", target, name, added, status);
        }
        if (roll(&d, 20) == 0 && ask("POST", "/v1/reload", BEARER, "", NULL) != 200 && !atomic_load(&is_over))
            fail("reload");
        pthread_mutex_lock(&signalling);
        if (roll(&d, 20) == 0 && !atomic_load(&is_over))
            kill(server, SIGHUP);
        pthread_mutex_unlock(&signalling);
        pause_ms((int)roll(&d, 100));
    }
    return NULL;
}

static void add_long_texts(void) {
    bytes body = {0};
    put_text(&body, "{\"items\": [");
    for (int i = 0; i < N_LONG; i++) {
        put_format(&body, "%s{\"id\": %d, \"text\": \"red ", i ? ", " : "", FIRST_LONG_ID + i);
        put_many(&body, "\\u0001 \\\" ", 2000);
        put_text(&body, "\"}");
    }
    put_text(&body, "]}");
    put_byte(&body, 0);
    const int status = ask("POST", "/v1/items", BEARER JSON, (const char *)body.p, NULL);
    if (status != 201)
        fail("adding long texts: %d", status);
    free(body.p);
}

/* Many pictures in one request, deleted again. What a stop cuts off may be done or not. */
static void *add_bulk(void *context) {
    (void)context;
    bytes body = {0};
    put_text(&body, "{\"items\": [");
    for (int i = 0; i < N_BULK; i++)
        put_format(&body, "%s{\"id\": %d, \"file_name\": \"images/scene-%05d.png\"}", i ? ", " : "", FIRST_BULK_ID + i, i + 1);
    put_text(&body, "]}");
    put_byte(&body, 0);
    while (!atomic_load(&is_over)) {
        const int added = ask("POST", "/v1/items", BEARER JSON, (const char *)body.p, NULL);
        if (added != 201 && added != 503 && !atomic_load(&is_over))
            fail("adding %d pictures: %d", N_BULK, added);
        for (int i = 0; i < N_BULK && added == 201 && !atomic_load(&is_over); i++) {
            char target[64];
            snprintf(target, sizeof target, "/v1/items/%d", FIRST_BULK_ID + i);
            const int deleted = ask("DELETE", target, BEARER, NULL, NULL);
            if (deleted != 200 && !atomic_load(&is_over))
                fail("deleting %s: %d", target, deleted);
        }
    }
    free(body.p);
    return NULL;
}

static void *read_always(void *context) {
    dice d = {seed * 17 + (uint64_t)(uintptr_t)context};
    while (!atomic_load(&is_over)) {
        http_reply r = http_ask(port, "GET", gets[roll(&d, sizeof gets / sizeof *gets)], "", NULL, 0);
        http_reply_free(&r);
        pause_ms((int)roll(&d, 50));
    }
    return NULL;
}

/* ---------------------------------------------------------------- the good client */

static double longest, sum_of_waits;
static int n_good, n_late;

static void judge(const char *what, int is_good, int status, double took) {
    longest = took > longest ? took : longest;
    sum_of_waits += took;
    n_good++;
    n_late += took > patience;
    if (!is_good)
        fail("a good %s: %d after %.2f s", what, status, took);
    if (took > patience)
        fail("a good %s took %.2f s", what, took);
}

static void look_well(void) {
    const double start = now();
    http_reply r = http_ask(port, "GET", "/v1/items/5/thumbnail?side=96", "", NULL, 0);
    judge("thumbnail", r.status == 200 && r.n_body > 3 && !memcmp(r.body, "\xff\xd8\xff", 3), r.status, now() - start);
    http_reply_free(&r);
}

static json_t *search_well(void) {
    static const char body[] = "{\"text\": \"red circle\", \"k\": 5, \"only\": [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}";
    json_t *json = NULL;
    const double start = now();
    const int status = ask("POST", "/v1/search", JSON, body, &json);
    judge("search", status == 200 && json, status, now() - start);
    return json;
}

static void check_bad(unsigned n) {
    static const struct {
        const char *method, *target, *headers, *body;
        int status;
    } bad[] = {{"GET", "/v1/search?text=red&k=-1", "", NULL, 400},
               {"GET", "/v1/search?text=red&k=99999999999", "", NULL, 400},
               {"GET", "/v1/search?id=18446744073709551615", "", NULL, 400},
               {"GET", "/v1/search?text=red&label=nope-nope", "", NULL, 400},
               {"GET", "/v1/search?text=zzyzx", "", NULL, 422},
               {"GET", "/v1/search?text=%c0%af", "", NULL, 400},
               {"POST", "/v1/search", JSON, "{\"text\": \"\\ud800\"}", 400},
               {"POST", "/v1/search", JSON, "{\"text\": \"red\", \"k\": 1e999}", 400},
               {"POST", "/v1/search", "Content-Type: text/plain\r\n", "red", 415},
               {"POST", "/v1/encode", "Content-Type: image/png\r\n", "no picture", 415},
               {"GET", "/v1/items/../../etc/passwd", "", NULL, 404},
               {"GET", "/v1/items/99999999", "", NULL, 404},
               {"POST", "/v1/items", JSON, "{}", 401},
               {"POST", "/v1/items", "Authorization: Bearer wrong\r\n" JSON, "{}", 401},
               {"POST", "/v1/items", BEARER JSON, "{\"items\": [{\"file_name\": \"../a\"}]}", 400},
               {"POST", "/v1/items", BEARER JSON, "{\"items\": [{\"file_name\": \"pipe\"}]}", 404},
               {"PUT", "/v1/search", "", "{}", 405}};
    n %= sizeof bad / sizeof *bad;
    json_t *json;
    const int status = ask(bad[n].method, bad[n].target, bad[n].headers, bad[n].body, &json);
    if (status != bad[n].status || !json_object_get(json_object_get(json, "error"), "code"))
        fail("%s %s: %d, expected %d and JSON", bad[n].method, bad[n].target, status, bad[n].status);
    json_decref(json);
}

static void watch(pid_t server) {
    json_t *first = search_well();
    const double start = now(), every = seconds_allowed > 120 ? 15 : 3;
    double told = 0;
    for (unsigned n = 0; now() - start < seconds_allowed; n++) {
        json_t *json = search_well();
        if (json && !json_equal(json_object_get(json, "hits"), json_object_get(first, "hits")))
            fail("a good search has another answer");
        json_decref(json);
        look_well();
        check_bad(n);
        if (kill(server, 0) != 0 || http_resident_kilobytes(server) == 0) {
            fail("the server has ended after %.1f s", now() - start);
            break;
        }
        if (megabytes_allowed && http_resident_kilobytes(server) / 1024 > megabytes_allowed)
            fail("the server has %ld MB after %.1f s", http_resident_kilobytes(server) / 1024, now() - start);
        if (now() - start >= told) {
            printf("%4.0f s: %ld MB, %llu hostile requests, %d good ones, mean %.0f ms, longest %.0f ms, %d late\n",
                   now() - start, http_resident_kilobytes(server) / 1024,
                   (unsigned long long)atomic_load(&n_sent_requests), n_good, 1e3 * sum_of_waits / n_good,
                   1e3 * longest, n_late);
            told += every;
            longest = 0;
        }
        usleep(200000);
    }
    json_decref(first);
}

/* ---------------------------------------------------------------- all of it */

static int from_environment(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text && *text ? atoi(text) : otherwise;
}

static void make_names(void) {
    const int is_made =
        mkdir("outside", 0700) == 0 && symlink("../outside", "scenes/out") == 0 &&
        symlink("../secret.png", "scenes/outfile.png") == 0 && symlink("/etc/passwd", "scenes/absolute.png") == 0 &&
        mkfifo("scenes/pipe", 0600) == 0 && symlink("loop", "scenes/loop") == 0 &&
        symlink("images/scene-00004.png", "scenes/inside.png") == 0 &&
        system("(cat scenes/images/scene-00001.png; echo SECRET) >secret.png && cp secret.png outside/") == 0;
    FILE *file = fopen("scenes/bomb.png", "wb");
    if (!is_made || !file || fwrite(bombs[1].p, 1, bombs[1].n, file) != bombs[1].n || fclose(file) != 0) {
        printf("the folder cannot be prepared: %s\n", strerror(errno));
        exit(1);
    }
    file = fopen("scenes/images/scene-00002.png", "rb");
    char block[4096];
    for (size_t n; file && (n = fread(block, 1, sizeof block, file)) > 0;)
        put(&picture, block, n);
    if (file)
        fclose(file);
}

int main(void) {
    static const char *const options[] = {"--model",
                                          "attention.safetensors",
                                          "--index",
                                          "attention.adah",
                                          "--images",
                                          "scenes",
                                          "--token",
                                          TOKEN,
                                          "--max-body",
                                          "4194304",
                                          "--memory",
                                          "33554432",
                                          "--max-connections",
                                          "400",
                                          "--timeout",
                                          "3",
                                          "--threads",
                                          NULL,
                                          NULL};
    const char *all[20];
    int code = 0;
    pthread_t threads[32];
    size_t n_threads = 0;
    memcpy(all, options, sizeof options);
    all[17] = getenv("HOSTILE_THREADS") ? getenv("HOSTILE_THREADS") : "4";
    seconds_allowed = from_environment("HOSTILE_SECONDS", 10);
    megabytes_allowed = from_environment("HOSTILE_MEGABYTES", 0);
    seed = (uint64_t)from_environment("HOSTILE_SEED", 1);
    patience = from_environment("HOSTILE_PATIENCE", 2000) * 1e-3;
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    make_bombs();
    make_names();
    http_child server = http_child_start(all, "log", &code);
    if (!server.port) {
        printf("adah serve did not start: exit code %d; see the file log\n", code);
        return 1;
    }
    port = server.port;
    add_long_texts();
    for (uintptr_t i = 0; i < 4; i++) {
        pthread_create(&threads[n_threads++], NULL, send_broken, (void *)(i + 1));
        pthread_create(&threads[n_threads++], NULL, read_always, (void *)(i + 1));
    }
    for (int i = 0; i < from_environment("HOSTILE_BOMBERS", 1) && i < 16; i++)
        pthread_create(&threads[n_threads++], NULL, send_bombs, (void *)(uintptr_t)(i + 1));
    pthread_create(&threads[n_threads++], NULL, send_slowly, NULL);
    pthread_create(&threads[n_threads++], NULL, sit_idle, NULL);
    pthread_create(&threads[n_threads++], NULL, hold_memory, NULL);
    pthread_create(&threads[n_threads++], NULL, add_bulk, NULL);
    pthread_create(&threads[n_threads++], NULL, write_items, &server.pid);
    watch(server.pid);
    pthread_mutex_lock(&signalling);
    atomic_store(&is_over, 1);
    pthread_mutex_unlock(&signalling);
    const double stopping = now();
    code = http_child_stop(server, SIGTERM);
    if (code != 0)
        fail("exit code %d after SIGTERM", code);
    printf("stopped after %.1f s, exit code %d\n", now() - stopping, code);
    for (size_t i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < n_bombs; i++)
        free(bombs[i].p);
    free(bombs);
    free(picture.p);
    printf("%d good requests, %d late; %d failures\n", n_good, n_late, (int)n_failed);
    return n_failed != 0;
}
