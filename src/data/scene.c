/* scene.c - generated scenes: coloured, textured shapes on cluttered grounds, with captions, labels and true masks.
 *
 * A scene holds one to three objects of different kinds. A kind is a colour with a shape ("red disc"); of the 36
 * pairs twelve are used, each shape in two colours and each colour on two shapes, so that neither tells the kind
 * alone. The labels are the kinds present. Texture, size, place, turn and light vary freely, and the ground is made
 * of blotches, lines and debris of all colours, so that an average colour says little. With 1.7 objects a scene,
 * about 23 % of the pairs of scenes share a label.
 *
 * Captions name the objects in changing order by synonyms, now and then without the colour or without one of several
 * objects, among words (places, weather, moods) that have nothing to do with them.
 *
 * Every scene is drawn from its own random stream with additions, multiplications and divisions only, so that
 * a seed gives the same pixels on every machine and for any number of threads. Objects are antialiased with 4 x 4
 * samples a pixel; the mask holds 255 where an object covers at least half of the pixel. */
#include "base/memory.h"
#include "base/sized_options.h"
#include "base/parallel.h"
#include "base/random.h"
#include "base/status.h"
#include "data/dataset_writer.h"

#include <stdio.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum {
    N_SHAPES = 6,
    N_COLOURS = 6,
    N_KINDS = 12,
    N_TEXTURES = 4,
    N_OBJECTS_MAX = 3,
    N_SYNONYMS = 3,
    SCENES_MAX = 1000000,
    SIDE_MIN = 16,
    SIDE_MAX = 1024,
    CAPTION_BYTES = 512,
    CHUNK = 256
};

enum { DISC, SQUARE, TRIANGLE, RING, CROSS, STAR };
enum { PLAIN, STRIPED, DOTTED, CHEQUERED };

/* The first word of a line is the one used in labels. */
static const char *const shape_word[N_SHAPES][N_SYNONYMS] = {
    {"disc", "circle", "ball"}, {"square", "box", "block"},    {"triangle", "wedge", "pyramid"},
    {"ring", "hoop", "loop"},   {"cross", "plus", "crossing"}, {"star", "pentagram", "starlet"}};
static const char *const colour_word[N_COLOURS][N_SYNONYMS] = {
    {"red", "crimson", "scarlet"},  {"orange", "amber", "tangerine"}, {"yellow", "golden", "lemon"},
    {"green", "emerald", "grassy"}, {"blue", "azure", "cobalt"},      {"purple", "violet", "plum"}};
static const char *const texture_word[N_TEXTURES][N_SYNONYMS] = {{"plain", "smooth", "even"},
                                                                 {"striped", "banded", "lined"},
                                                                 {"dotted", "spotted", "speckled"},
                                                                 {"chequered", "checked", "tiled"}};
static const char *const noise_word[] = {
    "garden",  "harbour",  "meadow",  "kitchen",  "village",    "station",    "market", "island",  "forest",
    "museum",  "bridge",   "attic",   "valley",   "desert",     "playground", "rain",   "fog",     "sunshine",
    "storm",   "snow",     "breeze",  "dusk",     "dawn",       "midnight",   "noon",   "winter",  "autumn",
    "summer",  "spring",   "weekend", "calm",     "happy",      "gloomy",     "dreamy", "quiet",   "noisy",
    "lonely",  "cheerful", "strange", "gentle",   "old",        "new",        "lovely", "famous",  "forgotten",
    "holiday", "memory",   "sketch",  "postcard", "collection", "favourite",  "corner", "morning", "evening",
    "journey", "music",    "letter",  "story",    "secret",     "silence"};
enum { N_NOISE_WORDS = sizeof noise_word / sizeof *noise_word };

/* 0..1; spread over the hue circle at similar strength. */
static const float colour_value[N_COLOURS][3] = {{0.86f, 0.12f, 0.14f}, {0.98f, 0.55f, 0.08f}, {0.96f, 0.90f, 0.16f},
                                                 {0.13f, 0.66f, 0.22f}, {0.13f, 0.36f, 0.90f}, {0.58f, 0.17f, 0.76f}};

typedef struct point {
    float x, y;
} point;

/* Outlines inside the unit circle. */
static const point square_outline[] = {{-0.74f, -0.74f}, {0.74f, -0.74f}, {0.74f, 0.74f}, {-0.74f, 0.74f}};
static const point triangle_outline[] = {{0, -1}, {0.866f, 0.5f}, {-0.866f, 0.5f}};
static const point cross_outline[] = {{-0.3f, -0.98f}, {0.3f, -0.98f}, {0.3f, -0.3f},   {0.98f, -0.3f},
                                      {0.98f, 0.3f},   {0.3f, 0.3f},   {0.3f, 0.98f},   {-0.3f, 0.98f},
                                      {-0.3f, 0.3f},   {-0.98f, 0.3f}, {-0.98f, -0.3f}, {-0.3f, -0.3f}};
static const point star_outline[] = {
    {0, -1},     {0.247f, -0.340f}, {0.951f, -0.309f}, {0.400f, 0.130f},   {0.588f, 0.809f},
    {0, 0.420f}, {-0.588f, 0.809f}, {-0.400f, 0.130f}, {-0.951f, -0.309f}, {-0.247f, -0.340f}};

typedef struct object {
    int shape, colour, texture;
    float x, y, radius; /* pixels */
    float cosine, sine; /* of its turn */
    float value[2][3];  /* colour and the second colour of its texture */
} object;

typedef struct scene {
    adah_random random;
    size_t n_side;
    float *rgb;    /* [n_side][n_side][3], 0..1 */
    uint8_t *mask; /* [n_side][n_side] */
    object object[N_OBJECTS_MAX];
    size_t n_objects;
} scene;

/* ---------------------------------------------------------------- drawing */

static float between(adah_random *random, float low, float high) {
    return low + (high - low) * adah_random_uniform(random);
}

static size_t pick(adah_random *random, size_t n) { return (size_t)adah_random_below(random, n); }

/* A direction without sine and cosine: the half circle by t in -1..1, then perhaps the other half. */
static void draw_turn(adah_random *random, float *cosine, float *sine) {
    float t = between(random, -1, 1), side = pick(random, 2) ? 1.0f : -1.0f;
    *cosine = side * (1 - t * t) / (1 + t * t);
    *sine = side * 2 * t / (1 + t * t);
}

static int inside_outline(const point *outline, size_t n, float x, float y) {
    int inside = 0;
    for (size_t i = 0, j = n - 1; i < n; j = i++) {
        point a = outline[i], b = outline[j];
        if ((a.y > y) != (b.y > y) && x < (b.x - a.x) * (y - a.y) / (b.y - a.y) + a.x)
            inside = !inside;
    }
    return inside;
}

/* x, y in the object's own frame, where its radius is 1. */
static int inside_shape(int shape, float x, float y) {
    float square_distance = x * x + y * y;
    switch (shape) {
    case DISC: return square_distance <= 0.81f;
    case RING: return square_distance <= 0.92f && square_distance >= 0.30f;
    case SQUARE: return inside_outline(square_outline, 4, x, y);
    case TRIANGLE: return inside_outline(triangle_outline, 3, x, y);
    case CROSS: return inside_outline(cross_outline, 12, x, y);
    default: return inside_outline(star_outline, 10, x, y);
    }
}

/* Which of the object's two colours stands at x, y. */
static int texture_at(int texture, float x, float y) {
    const float n_periods = 2.0f; /* a unit */
    float u = (x + 2) * n_periods, v = (y + 2) * n_periods;
    float u_part = u - (float)(int)u, v_part = v - (float)(int)v;
    switch (texture) {
    case STRIPED: return u_part >= 0.5f;
    case CHEQUERED: return (u_part >= 0.5f) != (v_part >= 0.5f);
    case DOTTED: return (u_part - 0.5f) * (u_part - 0.5f) + (v_part - 0.5f) * (v_part - 0.5f) < 0.08f;
    default: return 0;
    }
}

static void blend(float *pixel, const float *value, float weight) {
    for (size_t k = 0; k < 3; k++)
        pixel[k] += weight * (value[k] - pixel[k]);
}

/* The pixels that a thing of that radius around x, y can touch: first to last - 1 in each direction. */
typedef struct box {
    size_t x0, x1, y0, y1;
} box;

static box box_around(size_t n_side, float x, float y, float radius) {
    float low[2] = {x - radius - 1, y - radius - 1}, high[2] = {x + radius + 2, y + radius + 2};
    size_t first[2], last[2];
    for (size_t k = 0; k < 2; k++) {
        first[k] = low[k] <= 0 ? 0 : low[k] >= (float)n_side ? n_side : (size_t)low[k];
        last[k] = high[k] <= 0 ? 0 : high[k] >= (float)n_side ? n_side : (size_t)high[k];
    }
    return (box){first[0], last[0], first[1], last[1]};
}

static void draw_object(scene *s, const object *o) {
    enum { SAMPLES = 4 };
    box b = box_around(s->n_side, o->x, o->y, o->radius);
    for (size_t y = b.y0; y < b.y1; y++)
        for (size_t x = b.x0; x < b.x1; x++) {
            int n_hits[2] = {0, 0};
            for (int i = 0; i < SAMPLES * SAMPLES; i++) {
                float dx = ((float)x + ((float)(i % SAMPLES) + 0.5f) / SAMPLES - o->x) / o->radius;
                float dy = ((float)y + ((float)(i / SAMPLES) + 0.5f) / SAMPLES - o->y) / o->radius;
                float u = o->cosine * dx + o->sine * dy, v = o->cosine * dy - o->sine * dx;
                if (inside_shape(o->shape, u, v))
                    n_hits[texture_at(o->texture, u, v)]++;
            }
            int n_covered = n_hits[0] + n_hits[1];
            if (n_covered == 0)
                continue;
            float value[3];
            for (size_t k = 0; k < 3; k++)
                value[k] = ((float)n_hits[0] * o->value[0][k] + (float)n_hits[1] * o->value[1][k]) / (float)n_covered;
            blend(s->rgb + (y * s->n_side + x) * 3, value, (float)n_covered / (SAMPLES * SAMPLES));
            if (2 * n_covered >= SAMPLES * SAMPLES)
                s->mask[y * s->n_side + x] = 255;
        }
}

/* Any colour, about one in two a strong one as the objects have. */
static void draw_colour(adah_random *random, float *value) {
    const float *strong = colour_value[pick(random, N_COLOURS)];
    float strength = pick(random, 2) ? 1 : between(random, 0, 0.6f);
    for (size_t k = 0; k < 3; k++)
        value[k] = strength * strong[k] + (1 - strength) * adah_random_uniform(random);
}

static void draw_gradient(scene *s) {
    float corner[4][3];
    for (size_t i = 0; i < 4; i++)
        draw_colour(&s->random, corner[i]);
    for (size_t y = 0; y < s->n_side; y++)
        for (size_t x = 0; x < s->n_side; x++) {
            float u = ((float)x + 0.5f) / (float)s->n_side, v = ((float)y + 0.5f) / (float)s->n_side;
            for (size_t k = 0; k < 3; k++)
                s->rgb[(y * s->n_side + x) * 3 + k] = (1 - v) * ((1 - u) * corner[0][k] + u * corner[1][k]) +
                                                      v * ((1 - u) * corner[2][k] + u * corner[3][k]);
        }
}

/* A soft ellipse. */
static void draw_blotch(scene *s) {
    float side = (float)s->n_side, value[3], cosine, sine;
    float x0 = between(&s->random, 0, side), y0 = between(&s->random, 0, side);
    float length = side * between(&s->random, 0.12f, 0.4f), flatness = between(&s->random, 1, 3);
    float strength = between(&s->random, 0.4f, 0.9f);
    draw_turn(&s->random, &cosine, &sine);
    draw_colour(&s->random, value);
    box b = box_around(s->n_side, x0, y0, length);
    for (size_t y = b.y0; y < b.y1; y++)
        for (size_t x = b.x0; x < b.x1; x++) {
            float dx = ((float)x + 0.5f - x0) / length, dy = ((float)y + 0.5f - y0) / length;
            float u = cosine * dx + sine * dy, v = flatness * (cosine * dy - sine * dx);
            float rest = 1 - u * u - v * v;
            if (rest > 0)
                blend(s->rgb + (y * s->n_side + x) * 3, value, strength * rest * (2 - rest));
        }
}

/* Random numbers are drawn one a statement: the order within an expression is the compiler's. */
typedef struct range {
    float low, high; /* shares of the picture's side */
} range;

/* A bar with soft edges: thin and long for lines, short for debris. */
static void draw_bar(scene *s, range half_lengths, range half_widths) {
    float side = (float)s->n_side, value[3], cosine, sine;
    float half_length = side * between(&s->random, half_lengths.low, half_lengths.high);
    float half_width = side * between(&s->random, half_widths.low, half_widths.high);
    float x0 = between(&s->random, 0, side), y0 = between(&s->random, 0, side);
    draw_turn(&s->random, &cosine, &sine);
    draw_colour(&s->random, value);
    box b = box_around(s->n_side, x0, y0, half_length + half_width);
    for (size_t y = b.y0; y < b.y1; y++)
        for (size_t x = b.x0; x < b.x1; x++) {
            float dx = (float)x + 0.5f - x0, dy = (float)y + 0.5f - y0;
            float u = cosine * dx + sine * dy, v = cosine * dy - sine * dx;
            float cover_u = half_length + 0.5f - (u < 0 ? -u : u), cover_v = half_width + 0.5f - (v < 0 ? -v : v);
            float cover = cover_u < cover_v ? cover_u : cover_v;
            if (cover > 0)
                blend(s->rgb + (y * s->n_side + x) * 3, value, 0.9f * (cover < 1 ? cover : 1));
        }
}

static void draw_ground(scene *s) {
    draw_gradient(s);
    for (size_t n = 6 + pick(&s->random, 7); n > 0; n--)
        draw_blotch(s);
    for (size_t n = 3 + pick(&s->random, 5); n > 0; n--)
        draw_bar(s, (range){0.2f, 0.7f}, (range){0.004f, 0.012f});
    for (size_t n = 12 + pick(&s->random, 18); n > 0; n--)
        draw_bar(s, (range){0.008f, 0.035f}, (range){0.008f, 0.02f});
}

/* The sum of three uniform numbers is close enough to a normal one. */
static void draw_noise(scene *s) {
    float strength = between(&s->random, 0.02f, 0.08f);
    for (size_t i = 0; i < s->n_side * s->n_side * 3; i++) {
        float sum = 0;
        for (int k = 0; k < 3; k++)
            sum += adah_random_uniform(&s->random);
        s->rgb[i] += strength * 2 * (sum - 1.5f);
    }
}

/* ---------------------------------------------------------------- what is in a scene */

static int kind_shape(size_t kind) { return (int)(kind / 2); }
static int kind_colour(size_t kind) { return (int)(kind / 2 + kind % 2 * 2) % N_COLOURS; }

static void choose_look(scene *s, object *o) {
    adah_random *random = &s->random;
    o->texture = (int)pick(random, N_TEXTURES);
    draw_turn(random, &o->cosine, &o->sine);
    float light = between(random, 0.85f, 1.08f), second = pick(random, 2) ? 0.45f : 0;
    for (size_t k = 0; k < 3; k++) {
        o->value[0][k] = light * colour_value[o->colour][k] + between(random, -0.04f, 0.04f);
        o->value[1][k] = second > 0 ? second * o->value[0][k] : 0.4f * o->value[0][k] + 0.6f;
    }
}

/* Finds a place clear of the earlier objects; each failed try makes the object a little smaller. */
static void choose_place(scene *s, object *o) {
    float side = (float)s->n_side, radius = side * between(&s->random, 0.16f, 0.27f);
    for (;; radius *= 0.97f) {
        o->radius = radius;
        o->x = between(&s->random, radius * 0.9f, side - radius * 0.9f);
        o->y = between(&s->random, radius * 0.9f, side - radius * 0.9f);
        int clear = 1;
        for (const object *other = s->object; other < o; other++) {
            float dx = other->x - o->x, dy = other->y - o->y, reach = 0.95f * (other->radius + radius);
            clear &= dx * dx + dy * dy >= reach * reach;
        }
        if (clear)
            return;
    }
}

static void choose_objects(scene *s) {
    size_t roll = pick(&s->random, 100), kinds[N_KINDS];
    s->n_objects = roll < 70 ? 1 : roll < 95 ? 2 : 3;
    adah_random_permutation(&s->random, N_KINDS, kinds);
    for (size_t i = 0; i < s->n_objects; i++) {
        object *o = &s->object[i];
        o->shape = kind_shape(kinds[i]);
        o->colour = kind_colour(kinds[i]);
        choose_look(s, o);
        choose_place(s, o);
    }
}

/* ---------------------------------------------------------------- words */

static void add_word(char *caption, const char *word) {
    size_t n = strlen(caption);
    snprintf(caption + n, CAPTION_BYTES - n, "%s%s", n ? " " : "", word);
}

static void write_caption(scene *s, char *caption) {
    adah_random *random = &s->random;
    caption[0] = '\0';
    size_t order[N_OBJECTS_MAX], n_noise = 3 + pick(random, 5);
    adah_random_permutation(random, s->n_objects, order);
    size_t n_named = s->n_objects > 1 && pick(random, 100) < 10 ? s->n_objects - 1 : s->n_objects;
    for (size_t i = 0; i < n_named; i++) {
        const object *o = &s->object[order[i]];
        for (; n_noise > 0 && pick(random, 2); n_noise--)
            add_word(caption, noise_word[pick(random, N_NOISE_WORDS)]);
        if (pick(random, 3) == 0)
            add_word(caption, texture_word[o->texture][pick(random, N_SYNONYMS)]);
        if (pick(random, 100) >= 5)
            add_word(caption, colour_word[o->colour][pick(random, N_SYNONYMS)]);
        add_word(caption, shape_word[o->shape][pick(random, N_SYNONYMS)]);
    }
    for (; n_noise > 0; n_noise--)
        add_word(caption, noise_word[pick(random, N_NOISE_WORDS)]);
}

/* ---------------------------------------------------------------- the data set */

/* What the calling thread needs of a scene drawn by another. */
typedef struct drawn {
    adah_status status;
    int kind[N_OBJECTS_MAX][2]; /* colour, shape */
    size_t n_objects;
    char caption[CAPTION_BYTES];
} drawn;

typedef struct writing {
    const adah_synth_options *options;
    const adah_dataset_writer *set;
    size_t first; /* of the chunk */
    drawn *result;
} writing;

static void name_file(char *name, size_t n_bytes, const char *folder, size_t i) {
    snprintf(name, n_bytes, "%s/scene-%05zu.png", folder, i + 1);
}

static adah_code write_pictures(const writing *w, const scene *s, uint8_t *pixels, size_t i, adah_status *status) {
    char name[64];
    for (size_t k = 0; k < s->n_side * s->n_side * 3; k++) {
        float level = s->rgb[k] * 255 + 0.5f;
        pixels[k] = level <= 0 ? 0 : level >= 255 ? 255 : (uint8_t)level;
    }
    name_file(name, sizeof name, "images", i);
    ADAH_TRY(adah_dataset_writer_put_picture(w->set, name, pixels, s->n_side, s->n_side, 3, status));
    name_file(name, sizeof name, "masks", i);
    return adah_dataset_writer_put_picture(w->set, name, s->mask, s->n_side, s->n_side, 1, status);
}

static void make_scene(void *context, size_t index) {
    const writing *w = context;
    drawn *result = &w->result[index];
    size_t i = w->first + index, n_pixels = w->options->n_side * w->options->n_side;
    scene s = {.random = adah_random_seeded(w->options->seed, i), .n_side = w->options->n_side};
    s.rgb = adah_memory_zeroed(n_pixels, 3 * sizeof *s.rgb);
    s.mask = adah_memory_zeroed(n_pixels, 1);
    uint8_t *pixels = adah_memory_zeroed(n_pixels, 3);
    result->status.code = ADAH_OK;
    if (s.rgb && s.mask && pixels) {
        choose_objects(&s);
        write_caption(&s, result->caption);
        draw_ground(&s);
        for (size_t k = 0; k < s.n_objects; k++) {
            draw_object(&s, &s.object[k]);
            result->kind[k][0] = s.object[k].colour;
            result->kind[k][1] = s.object[k].shape;
        }
        result->n_objects = s.n_objects;
        draw_noise(&s);
        write_pictures(w, &s, pixels, i, &result->status);
    } else {
        adah_fail_memory(&result->status, n_pixels * 16);
    }
    adah_memory_free(s.rgb);
    adah_memory_free(s.mask);
    adah_memory_free(pixels);
}

static adah_code describe_scene(adah_dataset_writer *set, const drawn *d, size_t i, int is_query, adah_status *status) {
    char file_name[64], mask[64], label[N_OBJECTS_MAX][32];
    const char *labels[N_OBJECTS_MAX];
    name_file(file_name, sizeof file_name, "images", i);
    name_file(mask, sizeof mask, "masks", i);
    for (size_t k = 0; k < d->n_objects; k++) {
        snprintf(label[k], sizeof label[k], "%s %s", colour_word[d->kind[k][0]][0], shape_word[d->kind[k][1]][0]);
        labels[k] = label[k];
    }
    const adah_split split = is_query ? ADAH_SPLIT_QUERY : ADAH_SPLIT_TRAIN;
    adah_written_record record = {.file_name = file_name,
                                  .text = d->caption,
                                  .label = labels,
                                  .n_labels = d->n_objects,
                                  .split = split,
                                  .extra_key = "mask",
                                  .extra = mask};
    return adah_dataset_writer_put_record(set, &record, status);
}

/* Draws in chunks on all threads; the metadata is written in order by this one. */
static adah_code write_scenes(adah_dataset_writer *set, const adah_synth_options *options, const uint8_t *is_query,
                              drawn *result, adah_status *status) {
    for (size_t first = 0; first < options->n_scenes; first += CHUNK) {
        size_t n = options->n_scenes - first < CHUNK ? options->n_scenes - first : CHUNK;
        writing w = {options, set, first, result};
        adah_parallel_for(n, 4, make_scene, &w);
        for (size_t i = 0; i < n; i++) {
            if (result[i].status.code != ADAH_OK)
                return adah_fail(status, result[i].status.code, "%s", result[i].status.message);
            ADAH_TRY(describe_scene(set, &result[i], first + i, is_query[first + i], status));
        }
    }
    return ADAH_OK;
}

adah_code adah_synth_write(const char *folder, const adah_synth_options *options, adah_status *status) {
    adah_synth_options full;
    static const char *const inside[] = {"images", "masks", NULL};
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_SYNTH, options, &full, status));
    options = &full;
    if (!folder)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "adah_synth_write: folder must not be NULL");
    if (options->n_scenes < 1 || options->n_scenes > SCENES_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%zu scenes, expected 1..%d", options->n_scenes, SCENES_MAX);
    if (options->n_side < SIDE_MIN || options->n_side > SIDE_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "scenes of %zu pixels a side, expected %d..%d", options->n_side,
                         SIDE_MIN, SIDE_MAX);
    uint8_t *is_query = adah_memory_zeroed(options->n_scenes, 1);
    drawn *result = adah_memory_zeroed(CHUNK, sizeof *result);
    adah_dataset_writer *set = NULL;
    adah_code code = is_query && result ? ADAH_OK : adah_fail_memory(status, CHUNK * sizeof *result);
    if (code == ADAH_OK)
        code =
            adah_dataset_draw_queries(options->n_scenes, options->query_share, options->seed, is_query, status);
    if (code == ADAH_OK)
        code = adah_dataset_writer_create(folder, inside, &set, status);
    if (code == ADAH_OK) {
        code = write_scenes(set, options, is_query, result, status);
        if (code == ADAH_OK)
            code = adah_dataset_writer_commit(set, status);
        else
            adah_dataset_writer_abort(set);
    }
    adah_memory_free(is_query);
    adah_memory_free(result);
    return code;
}
