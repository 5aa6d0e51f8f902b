/* (unit) Model files: written and read back to the bit, an identity that hangs on everything that encodes, and every kind of
 * damage refused with its reason. */
#define _GNU_SOURCE
#include "backbones/backbone.h"
#include "api/model.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/vocabulary.h"
#include "files/checkpoint.h"
#include "files/model_file.h"
#include "files/safetensors.h"
#include "paper/network.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "data_folder.h"
#include "rewritten_model.h"

enum { D = 5, FILE_MAX = 1 << 16 };

static temporary_folder folder;
static char path[512], other_path[512];
static adah_vocabulary *vocabulary;

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.adah", path);
    TEMPORARY_PATH(folder, "b.adah", other_path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

static int make_vocabulary(void **state) {
    (void)state;
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0); /* hundreds of files are synced to it */
    static const char *const texts[] = {"a red ball", "ein roter Käfer und a ball", "the red beetle",
                                        "blue sea beetle"};
    const adah_vocabulary_options options = {"english", 100, 1, 0};
    return adah_vocabulary_build(texts, 4, &options, &vocabulary, NULL) != ADAH_OK;
}

static int free_vocabulary(void **state) {
    (void)state;
    adah_vocabulary_free(vocabulary);
    return 0;
}

/* A model of vectors. */
static adah_model_state make_state_of(int n_text_hidden, int n_text_feature) {
    adah_model_state s = {.image = {.kind = ADAH_INPUT_VECTOR, .item = ADAH_SHAPE1(D)},
                          .text = adah_input_words(adah_vocabulary_size(vocabulary)),
                          .vocabulary = adah_vocabulary_json(vocabulary),
                          .training = adah_memory_text("{\"history\":[{\"epoch\":1}],\"data\":\"ff\"}")};
    assert_int_equal(adah_backbone_preset("default", "small", &s.config, NULL), ADAH_OK);
    s.config.n_bits = 16;
    s.config.n_text_hidden = n_text_hidden;
    s.config.n_text_feature = n_text_feature;
    s.config.rate = 0.1f / 3;
    s.config.feature_scale = 0.123456789f;
    s.config.seed = 77;
    const adah_network_plan plan = {.n_batch = 1,
                                    .image = s.image,
                                    .text = s.text,
                                    .n_labels = 3,
                                    .creating = 1};
    adah_network *net;
    assert_int_equal(adah_network_create(&plan, &s.config, &s.parameters, &net, NULL), ADAH_OK);
    adah_network_free(net);
    return s;
}

/* With a few hundred weights. */
static adah_model_state make_state(void) { return make_state_of(6, 7); }

static void write_state(const char *to, adah_model_state *s) {
    adah_status status = {0};
    if (adah_model_state_write(to, s, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

static void assert_same_parameters(const adah_parameters *a, const adah_parameters *b) {
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++) {
        const adah_parameter *p = a->item[i], *q = adah_parameters_find(b, p->name);
        if (!strncmp(p->name, "classifier.", 11)) {
            assert_null(q); /* serves training alone */
            continue;
        }
        assert_non_null(q);
        assert_true(adah_shape_equal(p->shape, q->shape));
        assert_memory_equal(p->value, q->value, p->n * sizeof(float));
        assert_int_equal(p->group, q->group);
        n++;
    }
    assert_int_equal(b->n, n);
}

static void assert_same_config(const adah_settings *a, const adah_settings *b) {
    char *first = adah_settings_json(a), *second = adah_settings_json(b);
    assert_string_equal(first, second);
    adah_memory_free(first);
    adah_memory_free(second);
}

/* ---------------------------------------------------------------- what is well */

static void test_round_trip(void **state) {
    (void)state;
    adah_model_state s = make_state(), back = {0};
    adah_status status = {0};
    s.parameters.item[0]->value[0] = -0.0f;
    s.parameters.item[0]->value[1] = 1e-44f;
    write_state(path, &s);
    assert_int_equal(strlen(s.id), 32);
    if (adah_model_state_read(path, &back, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_same_parameters(&s.parameters, &back.parameters);
    assert_same_config(&s.config, &back.config);
    assert_memory_equal(&s.config.feature_scale, &back.config.feature_scale, sizeof(float));
    assert_string_equal(s.vocabulary, back.vocabulary);
    assert_string_equal(s.training, back.training);
    assert_string_equal(s.id, back.id);
    assert_true(adah_input_equal(back.image, s.image));
    assert_true(adah_input_equal(back.text, s.text));
    assert_int_equal(temporary_folder_count(&folder), 1);
    /* What was read writes the same file. */
    size_t n, m;
    write_state(other_path, &back);
    char *first = data_folder_read(folder.path, "a.adah", &n), *second = data_folder_read(folder.path, "b.adah", &m);
    assert_int_equal(n, m);
    assert_memory_equal(first, second, n);
    free(first);
    free(second);
    adah_model_state_free(&back);
    adah_model_state_free(&s);
    assert_int_equal(s.parameters.n, 0);
    adah_model_state_free(&s);
}

static void test_open_and_ask(void **state) {
    (void)state;
    adah_model_state s = make_state();
    adah_model *model = NULL;
    adah_status status = {0};
    write_state(path, &s);
    if (adah_model_open(path, &model, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_int_equal(adah_model_bits(model), 16);
    assert_string_equal(adah_model_id(model), s.id);
    assert_non_null(strstr(adah_model_json(model), s.id));
    assert_non_null(strstr(adah_model_json(model), "\"history\""));
    assert_non_null(strstr(adah_model_json(model), "\"n_text_feature\":7"));
    adah_model_close(model);
    adah_model_close(NULL);
    adah_model_state_free(&s);
}

/* ---------------------------------------------------------------- identity */

static void id_of(adah_model_state *s, char id[33]) {
    write_state(path, s);
    memcpy(id, s->id, 33);
}

static void test_identity(void **state) {
    (void)state;
    adah_model_state s = make_state();
    char id[33], now[33];
    id_of(&s, id);
    id_of(&s, now);
    assert_string_equal(now, id);
    adah_random r = adah_random_seeded(1, 1);
    for (size_t i = 0; i < s.parameters.n; i++) { /* one bit of every tensor, and its name */
        adah_parameter *p = s.parameters.item[i];
        uint8_t *bytes = (uint8_t *)p->value;
        const size_t at = (size_t)adah_random_below(&r, p->n * sizeof(float)), bit = (size_t)adah_random_below(&r, 8);
        const int encodes = strncmp(p->name, "classifier.", 11) != 0;
        bytes[at] ^= (uint8_t)(1u << bit);
        id_of(&s, now);
        assert_int_equal(strcmp(now, id) != 0, encodes);
        bytes[at] ^= (uint8_t)(1u << bit);
        char *name = p->name, renamed[128];
        snprintf(renamed, sizeof renamed, "%sx", name);
        p->name = renamed;
        id_of(&s, now);
        assert_int_equal(strcmp(now, id) != 0, encodes);
        p->name = name;
    }
    for (size_t i = 0, n = strlen(s.vocabulary); i < n; i += 7) {
        char *c = s.vocabulary + i;
        const char before = *c;
        if (before & 0x80)
            continue;
        *c = before == 'x' ? 'y' : 'x';
        id_of(&s, now);
        assert_string_not_equal(now, id);
        *c = before;
    }
    s.config.n_side++;
    id_of(&s, now);
    assert_string_not_equal(now, id);
    s.config.n_side--;
    s.training[2] = 'H'; /* tells of the training, encodes nothing */
    id_of(&s, now);
    assert_string_equal(now, id);
    adah_model_state_free(&s);
}

/* ---------------------------------------------------------------- damage */

static void assert_refused(const char *file, adah_code code, const char *word) {
    adah_model_state s = {.text = adah_input_words(4711)};
    adah_status status = {0};
    const adah_code found = adah_model_state_read(file, &s, &status);
    if (found != code || !strstr(status.message, word))
        fail_msg("%s: \"%s\", expected %s and \"%s\"", adah_code_name(found), status.message, adah_code_name(code),
                 word);
    assert_int_equal(s.text.item.dim[0], 4711); /* untouched */
    adah_model *model = NULL;
    assert_int_equal(adah_model_open(file, &model, &status), code);
    assert_null(model);
    if (!strstr(status.message, file))
        fail_msg("\"%s\" does not name the file", status.message);
}

static void test_truncation(void **state) {
    (void)state;
    adah_model_state s = make_state();
    size_t n;
    write_state(path, &s);
    char *bytes = data_folder_read(folder.path, "a.adah", &n);
    for (size_t m = 0; m < n; m += m < 200 || n - m < 200 ? 1 : 37) {
        adah_model_state back = {0};
        adah_status status = {0};
        data_folder_write(folder.path, "b.adah", bytes, m);
        if (!adah_is_bad_content(adah_model_state_read(other_path, &back, &status)))
            fail_msg("%zu of %zu bytes: %s", m, n, status.message);
        assert_non_null(strstr(status.message, other_path));
    }
    char *longer = calloc(1, n + 5);
    memcpy(longer, bytes, n);
    data_folder_write(folder.path, "b.adah", longer, n + 5);
    assert_refused(other_path, ADAH_ERROR_CORRUPT, "");
    free(longer);
    free(bytes);
    adah_model_state_free(&s);
}

/* Where no check can see a flip (in the training record, in spaces of the JSON) what encodes must be the same. */
static int opens_changed(const char *file, const adah_model_state *s) {
    adah_model *model;
    if (adah_model_open(file, &model, NULL) != ADAH_OK)
        return 0;
    const adah_model_state *t = &model->state;
    int changed = !adah_input_equal(t->text, s->text) || !adah_input_equal(t->image, s->image) ||
                  strcmp(t->vocabulary, s->vocabulary) != 0 ||
                  strcmp(t->id, s->id) != 0;
    char *a = adah_settings_json(&s->config), *b = adah_settings_json(&t->config);
    changed |= strcmp(a, b) != 0;
    adah_memory_free(a);
    adah_memory_free(b);
    for (size_t i = 0; i < t->parameters.n; i++) {
        const adah_parameter *q = t->parameters.item[i], *p = adah_parameters_find(&s->parameters, q->name);
        changed |=
            !p || !adah_shape_equal(p->shape, q->shape) || memcmp(p->value, q->value, p->n * sizeof(float)) != 0;
    }
    adah_model_close(model);
    return changed;
}

static void check_flips(adah_model_state *s, const char *bytes, size_t n, size_t begin, size_t end, size_t step) {
    static char damaged[FILE_MAX];
    adah_random r = adah_random_seeded(2, 2);
    size_t n_refused = 0, n_tried = 0;
    assert_true(n <= FILE_MAX);
    memcpy(damaged, bytes, n);
    for (size_t i = begin; i < end; i += step) {
        for (int k = 0; k < 2; k++) { /* one bit, and any bits */
            adah_model_state back = {0};
            damaged[i] = (char)(bytes[i] ^ (k ? 1 + (int)adah_random_below(&r, 255) : 1 << adah_random_below(&r, 8)));
            data_folder_write(folder.path, "b.adah", damaged, n);
            const adah_code code = adah_model_state_read(other_path, &back, NULL);
            n_tried++;
            if (code != ADAH_OK) {
                assert_true(adah_is_bad_content(code) || code == ADAH_ERROR_ARGUMENT || code == ADAH_ERROR_MISMATCH);
                n_refused++;
            } else if (opens_changed(other_path, s)) {
                fail_msg("byte %zu from %02x to %02x: another model is read", i, bytes[i] & 0xff, damaged[i] & 0xff);
            }
            adah_model_state_free(&back);
            damaged[i] = bytes[i];
        }
    }
    assert_true(n_refused > n_tried * 3 / 4);
}

static void test_flipped_bytes(void **state) {
    (void)state;
    adah_model_state s = make_state();
    size_t n;
    write_state(path, &s);
    char *bytes = data_folder_read(folder.path, "a.adah", &n);
    const size_t n_header = 8 + ((uint8_t)bytes[0] | (size_t)(uint8_t)bytes[1] << 8);
    check_flips(&s, bytes, n, 0, n_header, 1);
    check_flips(&s, bytes, n, n_header, n, 11);
    free(bytes);
    adah_model_state_free(&s);
}

/* ---------------------------------------------------------------- files of other kinds */

static void rewrite(const char *key, const char *value) { rewritten_model(path, other_path, key, value, NULL); }

static void refuse_rewritten(const char *key, const char *value, adah_code code, const char *word) {
    rewrite(key, value);
    assert_refused(other_path, code, word);
}

static void test_metadata(void **state) {
    (void)state;
    adah_model_state s = make_state();
    write_state(path, &s);
    adah_model_state back = {0};
    rewrite("training", s.training); /* the tool of this test changes nothing of itself */
    assert_int_equal(adah_model_state_read(other_path, &back, NULL), ADAH_OK);
    adah_model_state_free(&back);

    refuse_rewritten("format", NULL, ADAH_ERROR_FORMAT, "not an adah model");
    refuse_rewritten("format", "pt", ADAH_ERROR_FORMAT, "not an adah model");
    refuse_rewritten("format", "adah-checkpoint", ADAH_ERROR_FORMAT, "checkpoint of a training");
    refuse_rewritten("version", "2", ADAH_ERROR_FORMAT, "version 2");
    refuse_rewritten("version", NULL, ADAH_ERROR_FORMAT, "version");
    refuse_rewritten("id", NULL, ADAH_ERROR_CORRUPT, "damaged");
    refuse_rewritten("id", "00000000000000000000000000000000", ADAH_ERROR_CORRUPT, "damaged");
    static const char *const needed[] = {"config", "text", "vocabulary", "training"};
    for (size_t i = 0; i < 4; i++)
        refuse_rewritten(needed[i], NULL, ADAH_ERROR_CORRUPT, "damaged");
    static const char *const images[] = {NULL,        "",      "pixels",   "pixels 0",
                                         "vector -1", "map 5", "vector x", "pixels 99999999"};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        refuse_rewritten("image", images[i], ADAH_ERROR_CORRUPT, "image");
    static const char *const texts[] = {"words 0", "", "words", "words -1", "words x", "words 99999999999", "pixels 5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuse_rewritten("text", texts[i], ADAH_ERROR_CORRUPT, "text");
    refuse_rewritten("text", "vector 13", ADAH_ERROR_CORRUPT, "checksum"); /* the identity hangs on it */
    refuse_rewritten("image", "vector 6", ADAH_ERROR_CORRUPT, "checksum");
    refuse_rewritten("config", "{}", ADAH_ERROR_CORRUPT, "checksum"); /* all values neutral */
    refuse_rewritten("config", "", ADAH_ERROR_FORMAT, "configuration");
    refuse_rewritten("vocabulary", "{}", ADAH_ERROR_CORRUPT, "checksum");

    /* A value the configuration refuses. */
    char *config = adah_settings_json(&s.config), *at = strstr(config, "\"n_bits\":16");
    memcpy(at, "\"n_bits\":12", 11);
    refuse_rewritten("config", config, ADAH_ERROR_ARGUMENT, "n_bits");
    adah_memory_free(config);
    adah_model_state_free(&s);
}

static void test_foreign_files(void **state) {
    (void)state;
    const float x = 1;
    const adah_safetensors_item item = {"x", "F32", ADAH_SHAPE1(1), &x, sizeof x};
    assert_int_equal(adah_safetensors_write(path, &item, 1, NULL, 0, NULL), ADAH_OK);
    assert_refused(path, ADAH_ERROR_FORMAT, "not an adah model");
    data_folder_put(folder.path, "a.adah", "");
    assert_refused(path, ADAH_ERROR_FORMAT, "");
    data_folder_put(folder.path, "a.adah", "\x89PNG\r\n\x1a\n and so on, longer than the eight bytes of a length");
    assert_refused(path, ADAH_ERROR_FORMAT, "");
    assert_refused(folder.path, ADAH_ERROR_IO, "");
    TEMPORARY_PATH(folder, "nowhere", other_path);
    assert_refused(other_path, ADAH_ERROR_NOT_FOUND, "");
}

static void test_a_checkpoint_is_no_model(void **state) {
    (void)state;
    adah_model_state s = make_state();
    assert_int_equal(adah_parameters_train(&s.parameters, 7, NULL), ADAH_OK);
    double place[4] = {0};
    float **best = calloc(s.parameters.n, sizeof *best);
    for (size_t i = 0; i < s.parameters.n; i++)
        best[i] = s.parameters.item[i]->value;
    adah_checkpoint checkpoint = {&s.config, 1, &s.parameters, 7, best, place, 4, NULL, 0};
    assert_int_equal(adah_checkpoint_write(path, &checkpoint, NULL), ADAH_OK);
    assert_refused(path, ADAH_ERROR_FORMAT, "checkpoint of a training");
    /* Nor is a model a checkpoint. */
    adah_status status = {0};
    write_state(path, &s);
    assert_int_equal(adah_checkpoint_read(path, &checkpoint, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "not an adah checkpoint"));
    free(best);
    adah_model_state_free(&s);
}

/* ---------------------------------------------------------------- whole files of models that do not hold together */

static void refuse_to_open(adah_model_state *s, adah_code code, const char *word) {
    adah_status status = {0};
    adah_model *model = NULL;
    write_state(path, s);
    const adah_code found = adah_model_open(path, &model, &status);
    if (found != code || !strstr(status.message, word) || !strstr(status.message, path))
        fail_msg("%s: \"%s\", expected %s and \"%s\"", adah_code_name(found), status.message, adah_code_name(code),
                 word);
    assert_null(model);
}

static void test_missing_and_misshapen_parameters(void **state) {
    (void)state;
    adah_model_state s = make_state();
    for (size_t i = 0; i < s.parameters.n; i++) {
        adah_parameter *p = s.parameters.item[i];
        if (!strncmp(p->name, "classifier.", 11))
            continue;
        char missing[160];
        snprintf(missing, sizeof missing, "%s is missing", p->name);
        s.parameters.item[i] = s.parameters.item[--s.parameters.n];
        refuse_to_open(&s, ADAH_ERROR_FORMAT, missing);
        s.parameters.item[s.parameters.n++] = s.parameters.item[i];
        s.parameters.item[i] = p;
        const adah_shape shape = p->shape;
        p->shape = ADAH_SHAPE4(1, 1, 1, p->n);
        refuse_to_open(&s, ADAH_ERROR_MISMATCH, p->name);
        char text[96];
        refuse_to_open(&s, ADAH_ERROR_MISMATCH, adah_shape_text(p->shape, text));
        refuse_to_open(&s, ADAH_ERROR_MISMATCH, adah_shape_text(shape, text));
        p->shape = shape;
    }
    adah_model_state_free(&s);
}

static void test_parts_that_do_not_fit(void **state) {
    (void)state;
    adah_model_state s = make_state();
    s.text.item.dim[0]++;
    refuse_to_open(&s, ADAH_ERROR_CORRUPT, "words");
    s.text.item.dim[0]--;
    s.image.item.dim[0]++;
    refuse_to_open(&s, ADAH_ERROR_MISMATCH, "image.feature.0.weight");
    s.image.item.dim[0]--;
    s.config.n_text_feature++;
    refuse_to_open(&s, ADAH_ERROR_MISMATCH, "feature.1.weight");
    s.config.n_text_feature--;
    s.config.attention = s.config.adversary = 0; /* masks left over do no harm; */
    adah_model *model;
    write_state(path, &s);
    assert_int_equal(adah_model_open(path, &model, NULL), ADAH_OK);
    adah_model_close(model);
    s.config.attention = s.config.adversary = 1;
    char *kept = s.vocabulary;
    s.vocabulary = (char[]){"{\"nonsense\":1}"};
    refuse_to_open(&s, ADAH_ERROR_FORMAT, "vocabulary");
    s.vocabulary = kept;
    kept = s.training;
    s.training = (char[]){"not JSON"};
    refuse_to_open(&s, ADAH_ERROR_CORRUPT, "training");
    s.training = kept;
    adah_model_state_free(&s);
}

/* The pixels an encoder fills and those its network takes in must be as many. */
static void test_pixels_other_than_the_side(void **state) {
    (void)state;
    adah_model_state s = make_state();
    adah_parameters_free(&s.parameters);
    s.config.n_side = 24;
    s.config.n_image_hidden = 4;
    s.image = adah_input_pixels(24);
    const adah_network_plan plan = {.n_batch = 1, .image = s.image, .text = s.text, .creating = 1};
    adah_network *net;
    assert_int_equal(adah_network_create(&plan, &s.config, &s.parameters, &net, NULL), ADAH_OK);
    adah_network_free(net);
    adah_model *model;
    write_state(path, &s);
    assert_int_equal(adah_model_open(path, &model, NULL), ADAH_OK);
    adah_model_close(model);
    s.image = adah_input_pixels(16);
    refuse_to_open(&s, ADAH_ERROR_CORRUPT, "16");
    adah_model_state_free(&s);
}

static void test_tensors_of_other_types(void **state) {
    (void)state;
    adah_model_state s = make_state();
    write_state(path, &s);
    char *bytes;
    size_t n;
    bytes = data_folder_read(folder.path, "a.adah", &n);
    char *at = memmem(bytes, n, "\"F32\"", 5);
    memcpy(at, "\"U32\"", 5);
    data_folder_write(folder.path, "b.adah", bytes, n);
    assert_refused(other_path, ADAH_ERROR_CORRUPT, "U32");
    free(bytes);
    adah_model_state_free(&s);
}

/* ---------------------------------------------------------------- small files that ask for much */

static void make_parameters(adah_model_state *s) {
    const adah_network_plan plan = {.n_batch = 1, .image = s->image, .text = s->text, .creating = 1, .only_checked = 1};
    adah_network *net;
    adah_parameters_free(&s->parameters);
    assert_int_equal(adah_network_create(&plan, &s->config, &s->parameters, &net, NULL), ADAH_OK);
    adah_network_free(net);
}

static long peak_kilobytes(void) {
    struct rusage used;
    assert_int_equal(getrusage(RUSAGE_SELF, &used), 0);
    return used.ru_maxrss;
}

/* Opening takes memory by what is in the file, not by what it says of its images. */
static void test_large_maps_take_no_memory(void **state) {
    (void)state;
    adah_model_state s = make_state();
    adah_model *model;
    s.config.n_image_hidden = 4;
    s.image = (adah_input_shape){.kind = ADAH_INPUT_MAP, .item = {3, {1, 1 << 14, 1 << 14, 0}}};
    make_parameters(&s);
    write_state(path, &s);
    const long before = peak_kilobytes();
    assert_int_equal(adah_model_open(path, &model, NULL), ADAH_OK);
    adah_model_close(model);
    assert_true(peak_kilobytes() - before < 1 << 18); /* of 2^20 that one such map has */
    adah_model_state_free(&s);
}

/* A file may hold a hundred thousand empty tensors, and each would be looked for among all others. */
static void test_too_many_tensors(void **state) {
    (void)state;
    adah_model_state s = make_state();
    for (size_t i = 0; i < 1025; i++) {
        char name[32];
        snprintf(name, sizeof name, "more.%zu", i);
        assert_non_null(adah_parameters_add(&s.parameters, name, ADAH_SHAPE1(0), 1));
    }
    refuse_to_open(&s, ADAH_ERROR_CORRUPT, "tensors, expected at most 1024");
    adah_model_state_free(&s);
}

/* ---------------------------------------------------------------- while another program writes it */

static atomic_int is_opened; /* often enough */

/* As cp: the file is emptied and filled anew, again and again. */
static void *copy_over(void *bytes_of_file) {
    const char *bytes = bytes_of_file;
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    struct stat info;
    int is_well = fd >= 0 && fstat(fd, &info) == 0;
    for (int k = 0; is_well && !atomic_load(&is_opened); k++) {
        is_well = ftruncate(fd, k % 2 ? info.st_size / 2 : 0) == 0 && pwrite(fd, bytes, (size_t)info.st_size, 0) == info.st_size;
        for (int i = 0; i < 4; i++) /* whole for a while, too */
            sched_yield();
    }
    if (fd >= 0)
        close(fd);
    return is_well ? bytes_of_file : NULL;
}

/* What opens is the model, whole; everything else is told. */
static void test_copied_over_while_it_is_opened(void **state) {
    (void)state;
    enum { N_CUT = 10, N_OPENED_MAX = 20000 };
    adah_model_state s = make_state_of(1000, 300); /* large enough to be met half-read */
    write_state(path, &s);
    size_t n;
    char *bytes = data_folder_read(folder.path, "a.adah", &n);
    pthread_t writer;
    void *is_well;
    atomic_store(&is_opened, 0);
    assert_int_equal(pthread_create(&writer, NULL, copy_over, bytes), 0);
    int n_cut = 0, n_opened = 0, n_strange = 0;
    for (; n_cut < N_CUT && n_opened < N_OPENED_MAX; n_opened++) {
        adah_model_state read = {0};
        adah_status status = {0};
        const adah_code code = adah_model_state_read(path, &read, &status);
        n_cut += code == ADAH_ERROR_IO && strstr(status.message, "was cut off");
        n_strange += code == ADAH_OK ? strcmp(read.id, s.id) != 0 : !strstr(status.message, path);
        adah_model_state_free(&read);
    }
    atomic_store(&is_opened, 1);
    assert_int_equal(pthread_join(writer, &is_well), 0);
    assert_non_null(is_well);
    assert_int_equal(n_strange, 0);
    print_message("%d of %d were cut off while they were read\n", n_cut, n_opened);
    free(bytes);
    adah_model_state_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_and_ask, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_identity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_truncation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flipped_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metadata, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_checkpoint_is_no_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_and_misshapen_parameters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parts_that_do_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pixels_other_than_the_side, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tensors_of_other_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_maps_take_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_tensors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_copied_over_while_it_is_opened, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, make_vocabulary, free_vocabulary);
}
