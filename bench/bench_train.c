/* bench_train.c - times adah's training step on made-up pairs; bench_train_torch.py is the same in PyTorch.
 *
 *     bench_train CASE [STEPS]         prints one line of JSON: seconds of every step, memory at the peak
 *     bench_train CASE --dump FOLDER   a few steps on one batch, without dropout: FOLDER gets parameters.safetensors
 *                                      (before the first), batch.safetensors and losses.json
 *
 * CASE vgg16: the preset paper with VGG-16 fine-tuned at 224 pixels, batches of 32, weights drawn at random; frozen:
 * the same preset behind the maps of a frozen MobileNetV2, batches of 128; frozen-default: those with the preset
 * default and
 * --attention. Masks and adversary are at work from the first step on. A step is timed from one call of the progress
 * function to the next, so it is whole: the batch is gathered, both half steps are done. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "model/backbone.h"
#include "model/train.h"
#include "nn/safetensors.h"
#include "stopwatch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_WORDS = 3000, N_WORDS_OF_TEXT = 10, N_LABELS = 8, N_WARM_MAX = 5, N_STEPS_MAX = 1000, N_DUMP_STEPS = 3 };

static void must(adah_code code, const adah_status *status) {
    if (code == ADAH_OK)
        return;
    fprintf(stderr, "bench_train: %s\n", status->message);
    exit(1);
}

/* A line "NAME: n kB" of /proc/self/status in bytes. */
static double process_bytes(const char *name) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    double n = 0;
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)))
            n = 1024 * strtod(line + strlen(name) + 1, NULL);
    if (file)
        fclose(file);
    return n;
}

/* ---------------------------------------------------------------- configuration and pairs */

static adah_config configure(const char *name) {
    adah_config c;
    adah_status status = {0};
    const int is_vgg = !strcmp(name, "vgg16"), is_default = !strcmp(name, "frozen-default");
    if (!is_vgg && !is_default && strcmp(name, "frozen") != 0)
        must(adah_fail(&status, ADAH_ERROR_ARGUMENT, "case %s: expected vgg16, frozen or frozen-default", name),
             &status);
    must(adah_config_preset(is_default ? "default" : "paper", is_vgg ? "vgg16" : "mobilenet_v2", &c, &status),
         &status);
    c.attention = 1;
    c.n_batch = is_vgg ? 32 : 128;
    c.n_warmup_epochs = c.n_final_epochs = 0;
    c.feature_scale = 1;
    c.attention_init = 1; /* made-up features differ little: so the masks hide something all the same */
    strcpy(c.schedule, "constant");
    return c;
}

/* Everything of the set is drawn anew; what it borrows lives as long as the program. */
static adah_pair_set draw_pairs(const adah_config *c, size_t n) {
    adah_random r = adah_random_seeded(0, 1);
    adah_pair_set set = {.n = n, .text = adah_input_words(N_WORDS), .n_labels = N_LABELS};
    set.image =
        c->finetune ? adah_input_pixels((size_t)c->n_side) : (adah_side_input){ADAH_INPUT_MAP, {3, {1280, 7, 7, 0}}};
    const size_t n_drawn =
        c->finetune ? n : 2 * (size_t)c->n_batch; /* maps come again, as a cache file's pages take no memory */
    const size_t n_values = n_drawn * adah_shape_count(set.image.item);
    uint8_t *rgb = c->finetune ? adah_memory_alloc(n_values) : NULL;
    float *map = c->finetune ? NULL : adah_memory_floats(n_values);
    uint32_t *word = adah_memory_zeroed(n * N_WORDS_OF_TEXT, sizeof *word),
             *label = adah_memory_zeroed(n, sizeof *label);
    size_t *word_start = adah_memory_zeroed(n + 1, sizeof *word_start);
    size_t *label_start = adah_memory_zeroed(n + 1, sizeof *label_start), *row = adah_memory_zeroed(n, sizeof *row);
    if (!(c->finetune ? (void *)rgb : (void *)map) || !word || !label || !word_start || !label_start || !row)
        exit(1);
    for (size_t i = 0; rgb && i < n_values; i++)
        rgb[i] = (uint8_t)adah_random_below(&r, 256);
    for (size_t i = 0; map && i < n_values; i++) /* of a ReLU */
        map[i] = fmaxf(0, adah_random_normal(&r));
    for (size_t i = 0; i < n; i++) {
        label[i] = (uint32_t)adah_random_below(&r, N_LABELS);
        for (size_t w = 0; w < N_WORDS_OF_TEXT; w++) /* ascending, one of every tenth of the vocabulary */
            word[i * N_WORDS_OF_TEXT + w] =
                (uint32_t)(w * (N_WORDS / N_WORDS_OF_TEXT) + adah_random_below(&r, N_WORDS / N_WORDS_OF_TEXT));
        word_start[i + 1] = (i + 1) * N_WORDS_OF_TEXT;
        label_start[i + 1] = i + 1;
        row[i] = i % n_drawn;
    }
    set.image_rgb = rgb;
    set.image_float = (adah_float_rows){map, row, 0};
    set.word = word;
    set.word_start = word_start;
    set.label = label;
    set.label_start = label_start;
    return set;
}

static void make_parameters(const adah_config *c, const adah_pair_set *set, int classify,
                            adah_parameters *parameters) {
    const adah_network_plan plan = {
        .n_batch = 1, .image = set->image, .text = set->text, .n_labels = classify ? N_LABELS : 0, .creating = 1};
    adah_network *net = NULL;
    adah_status status = {0};
    must(adah_network_create(&plan, c, parameters, &net, &status), &status);
    adah_network_free(net);
}

/* ---------------------------------------------------------------- what PyTorch starts from */

static void write_tensors(const char *folder, const char *name, const adah_safetensors_item *items, size_t n,
                          const adah_config *c) {
    char *path = adah_file_join(folder, name), *config = adah_config_json(c);
    adah_status status = {0};
    must(adah_safetensors_write(path, items, n, (const char *[]){"config", config}, 1, &status), &status);
    adah_memory_free(path);
    adah_memory_free(config);
}

static void dump(const char *folder, const adah_config *c, const adah_pair_set *set,
                 const adah_parameters *parameters) {
    adah_safetensors_item item[64];
    adah_status status = {0};
    must(adah_file_make_folder(folder, &status), &status);
    for (size_t i = 0; i < parameters->n; i++) {
        const adah_parameter *p = parameters->item[i];
        item[i] = (adah_safetensors_item){p->name, "F32", p->shape, p->value, p->n * sizeof(float)};
    }
    write_tensors(folder, "parameters.safetensors", item, parameters->n, c);
    const size_t *dim = set->image.item.dim, n_image = set->n * adah_shape_count(set->image.item);
    float *text = adah_memory_floats(set->n * N_WORDS);
    size_t *items = adah_memory_zeroed(set->n, sizeof *items);
    if (!text || !items)
        exit(1);
    for (size_t i = 0; i < set->n; i++)
        items[i] = i;
    adah_pair_set_texts(set, items, set->n, set->n, text);
    const adah_safetensors_item batch[] = {
        set->image_rgb
            ? (adah_safetensors_item){"image", "U8", ADAH_SHAPE4(set->n, dim[1], dim[2], 3), set->image_rgb, n_image}
            : (adah_safetensors_item){"image", "F32", ADAH_SHAPE4(set->n, dim[0], dim[1], dim[2]),
                                      set->image_float.value, n_image * sizeof(float)},
        {"text", "F32", ADAH_SHAPE2(set->n, N_WORDS), text, set->n * N_WORDS * sizeof(float)},
        {"label", "I32", ADAH_SHAPE1(set->n), set->label, set->n * sizeof *set->label},
    };
    write_tensors(folder, "batch.safetensors", batch, 3, c);
    adah_memory_free(text);
    adah_memory_free(items);
}

/* ---------------------------------------------------------------- the steps */

typedef struct clock_marks {
    double at[N_WARM_MAX + N_STEPS_MAX + 1]; /* after every step */
    size_t n;
    double peak_bytes; /* of the steps */
} clock_marks;

static int mark(void *user, const adah_progress_event *event) {
    clock_marks *m = user;
    if (m->n < sizeof m->at / sizeof *m->at)
        m->at[m->n++] = now();
    if (event->done + 1 == event->total)
        m->peak_bytes = process_bytes("VmHWM");
    return 0;
}

/* Steps behind the first ones; without the last, behind which the model is copied. */
static void print_times(const char *name, const adah_config *c, size_t n_warm, const clock_marks *m) {
    double seconds[N_STEPS_MAX];
    size_t n = 0;
    for (size_t i = n_warm; i + 1 < m->n; i++)
        seconds[n++] = m->at[i] - m->at[i - 1];
    printf("{\"program\":\"adah\",\"case\":\"%s\",\"batch\":%d,\"threads\":%d,\"seconds\":[", name, c->n_batch,
           adah_parallel_threads());
    for (size_t i = 0; i < n; i++)
        printf("%s%.6f", i ? "," : "", seconds[i]);
    const double middle = median(seconds, n);
    printf("],\"median\":%.6f,\"min\":%.6f,\"max\":%.6f,\"pairs_per_second\":%.3f,\"peak_bytes\":%.0f,"
           "\"peak_bytes_whole\":%.0f}\n",
           middle, seconds[0], seconds[n - 1], c->n_batch / middle, m->peak_bytes, process_bytes("VmHWM"));
}

int main(int n_arguments, char **argument) {
    if (n_arguments < 2) {
        fprintf(stderr, "usage: bench_train vgg16|frozen|frozen-default [STEPS | --dump FOLDER]\n");
        return 2;
    }
    const char *name = argument[1], *folder = n_arguments > 3 && !strcmp(argument[2], "--dump") ? argument[3] : NULL;
    adah_config c = configure(name);
    size_t n_steps = !folder && n_arguments > 2 ? (size_t)atol(argument[2]) : c.finetune ? 4 : 60;
    const size_t n_warm = c.finetune ? 1 : N_WARM_MAX;
    n_steps = n_steps < 1 ? 1 : n_steps > N_STEPS_MAX ? N_STEPS_MAX : n_steps;
    c.n_epochs = folder ? N_DUMP_STEPS : 1; /* a batch is an epoch there: the history has the losses of every step */
    const int classify = c.classifier_weight > 0;
    const adah_pair_set set = draw_pairs(&c, (size_t)c.n_batch * (folder ? 1 : n_warm + n_steps + 1));
    adah_parameters parameters = {0};
    make_parameters(&c, &set, classify, &parameters);
    if (folder)
        dump(folder, &c, &set, &parameters);
    if (folder)
        c.dropout = 0;
    size_t *items = adah_memory_zeroed(set.n, sizeof *items);
    for (size_t i = 0; items && i < set.n; i++)
        items[i] = i;
    clock_marks marks = {.n = 0};
    const adah_training training = {.config = &c,
                                    .set = &set,
                                    .items = items,
                                    .n_train = set.n,
                                    .classify = classify,
                                    .checkpoint_seconds = 1e9,
                                    .progress = {mark, &marks}};
    char *history = NULL;
    adah_status status = {0};
    must(items ? adah_train_parameters(&training, &parameters, &history, &status) : adah_fail_memory(&status, 1),
         &status);
    if (folder) {
        char *path = adah_file_join(folder, "losses.json");
        must(adah_file_publish(path, history, strlen(history), &status), &status);
        adah_memory_free(path);
    } else {
        print_times(name, &c, n_warm, &marks);
    }
    adah_memory_free(history);
    adah_memory_free(items);
    adah_parameters_free(&parameters);
    return 0;
}
