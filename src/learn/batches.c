/* batches.c - two batches: the one of this step, and the one that is loaded beside it. */
#include "learn/batches.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "learn/augment.h"

#include <pthread.h>

enum { STREAM_ORDER = 1, STREAM_AUGMENT = 4, STREAM_TEXTS = 5 }; /* of random numbers; 2: algorithm.c, 3: train_model.c */

/* Pairs as the network takes them in. */
typedef struct batch {
    size_t *items; /* of the set */
    float *image, *text;
} batch;

struct adah_batches {
    const adah_training *t;
    adah_timetable timetable;
    adah_network *net;
    size_t *order;    /* of the pairs, this epoch */
    batch batch[2];   /* this one and the next; the arrays of the first are the input nodes' own */
    int current;      /* which is this one */
    uint8_t *pictures; /* the batch's, cropped and mirrored; NULL: they are taken as they are */
    int is_loading;   /* a thread loads the other one, */
    double epoch;     /* of this epoch, */
    size_t step;      /* the batch of this step */
    pthread_t loader;
};

static void end_loading(adah_batches *b) {
    if (b->is_loading)
        pthread_join(b->loader, NULL);
    b->is_loading = 0;
}

void adah_batches_free(adah_batches *b) {
    if (!b)
        return;
    end_loading(b);
    adah_memory_free(b->order);
    for (int i = 0; i < 2; i++)
        adah_memory_free(b->batch[i].items);
    adah_memory_free(b->batch[1].image);
    adah_memory_free(b->batch[1].text);
    adah_memory_free(b->pictures);
    adah_memory_free(b);
}

static adah_code make_arrays(adah_batches *b, adah_status *status) {
    const adah_input_shape *picture = &b->t->set->image.shape;
    const size_t n = b->timetable.n_batch;
    adah_node *const image = b->net->image.input, *const text = b->net->text.input;
    const size_t n_image = adah_shape_count(adah_node_shape(image)), n_text = adah_shape_count(adah_node_shape(text));
    b->order = adah_memory_zeroed(b->timetable.n_all, sizeof *b->order);
    b->batch[0] = (batch){adah_memory_zeroed(n, sizeof(size_t)), adah_node_value(image), adah_node_value(text)};
    b->batch[1] = (batch){adah_memory_zeroed(n, sizeof(size_t)), adah_memory_floats(n_image), adah_memory_floats(n_text)};
    if (!b->order || !b->batch[0].items || !b->batch[1].items || !b->batch[1].image || !b->batch[1].text)
        return adah_fail_memory(status, (n_image + n_text) * sizeof(float));
    if (!adah_augment_wanted(b->t->config))
        return ADAH_OK;
    if (picture->kind != ADAH_INPUT_PIXELS)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "augment_crop and augment_flip need pictures: these images "
                         "are given as vectors or feature maps");
    b->pictures = adah_memory_zeroed(n, adah_shape_count(picture->item));
    return b->pictures ? ADAH_OK : adah_fail_memory(status, n * adah_shape_count(picture->item));
}

adah_code adah_batches_create(const adah_training *training, const adah_timetable *timetable, adah_network *net,
                              adah_batches **batches, adah_status *status) {
    adah_batches *b = adah_memory_zeroed(1, sizeof *b);
    if (!b)
        return adah_fail_memory(status, sizeof *b);
    b->t = training;
    b->timetable = *timetable;
    b->net = net;
    const adah_code code = make_arrays(b, status);
    if (code != ADAH_OK)
        adah_batches_free(b);
    else
        *batches = b;
    return code;
}

void adah_batches_begin_epoch(adah_batches *b, double epoch) {
    adah_random random = adah_random_seeded(b->t->config->seed, adah_random_mix(STREAM_ORDER, (uint64_t)epoch));
    adah_random_permutation(&random, adah_timetable_pairs(&b->timetable, epoch), b->order);
}

static void load(adah_batches *b, batch *to) {
    const adah_pair_set *set = b->t->set;
    const adah_settings *c = b->t->config;
    const size_t n = b->timetable.n_batch;
    for (size_t i = 0; i < n; i++)
        to->items[i] = b->t->items[b->order[b->step * n + i]];
    const uint64_t number = (uint64_t)b->epoch * (b->timetable.n_all / n) + b->step;
    if (b->pictures)
        adah_augment_images(&set->image, c, to->items, n, adah_random_mix(STREAM_AUGMENT, number), b->pictures, to->image);
    else
        adah_input_read(&set->image, to->items, n, n, to->image);
    adah_input_draw(&set->text, to->items, n, n, c->seed, adah_random_mix(STREAM_TEXTS, number), to->text);
}

/* The loader: alone, next to the threads that compute. */
static void *load_other(void *context) {
    adah_batches *b = context;
    adah_parallel_set_threads(1);
    load(b, &b->batch[!b->current]);
    return NULL;
}

/* Where a thread cannot be started or is not wanted, each step loads its own. */
void adah_batches_next(adah_batches *b, double epoch, double step, const size_t **items, const size_t **places) {
    const size_t now = (size_t)step;
    if (b->is_loading) {
        end_loading(b);
        b->current = !b->current;
    } else {
        b->epoch = epoch;
        b->step = now;
        load(b, &b->batch[b->current]);
    }
    const batch *this = &b->batch[b->current];
    adah_node_borrow(b->net->image.input, this->image);
    adah_node_borrow(b->net->text.input, this->text);
    if (now + 1 < adah_timetable_steps(&b->timetable, epoch) && adah_parallel_threads() > 1) {
        b->epoch = epoch;
        b->step = now + 1;
        b->is_loading = !pthread_create(&b->loader, NULL, load_other, b);
    }
    *items = this->items;
    *places = b->order + now * b->timetable.n_batch;
}
