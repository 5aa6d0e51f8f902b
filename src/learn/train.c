/* train.c - the loop: batches, the two steps in turn, history, checkpoints.
 *
 * One epoch visits the training pairs in a new seeded order, in batches of B (a rest smaller than B waits for the next
 * order). For every batch:
 *
 *     step 1   forward; F and its derivatives; backward; update E, D          (G fixed)
 *     step 2   forward; F(T->Î) + F(I->T̂); backward; update G, uphill      (E, D fixed)
 *
 * When all epochs are over, a few final ones learn from the validation pairs as well, from the best model on: the database
 * will hold them too.
 *
 * In the first epochs, the warm-up, the masks keep everything and step 2 is left out. A deep rival has its own losses in step 1
 * and its adversary, if any, in step 2 (rival_loss.h).
 *
 * Randomness is drawn from (seed, epoch) and (seed, step) alone, so that the state of a training is its numbers. What the next
 * batch of the epoch holds is therefore known, and a thread of its own gathers its pictures and texts during the steps. */
#include "learn/train.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "files/checkpoint.h"
#include "learn/augment.h"
#include "learn/batch_loss.h"
#include "nn/graph/optimiser.h"
#include "rivals/rival_loss.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Streams of random numbers. */
enum { STREAM_ORDER = 1, STREAM_DROPOUT = 2, STREAM_AUGMENT = 4, STREAM_TEXTS = 5 }; /* 3: the validation part, train_model.c */

/* What is summed over the steps of an epoch; kept as doubles so that a checkpoint holds it exactly. */
typedef struct counters {
    double epoch, step;                 /* the next to do; epoch from 0, step within it */
    double n_updates_head, n_updates_attention;
    double best_map, best_epoch;        /* best_epoch -1: none yet */
    adah_losses loss;
    double attended_image, attended_text;
} counters;

/* The checkpoint stores the counters as an array of doubles. */
typedef char counters_fit[sizeof(counters) <= ADAH_N_COUNTERS * sizeof(double) ? 1 : -1];
/* A rival's losses stand in the places of the first terms. */
typedef char rival_losses_fit[(int)ADAH_RIVAL_LOSSES_MAX <= (int)ADAH_N_TERMS ? 1 : -1];

/* Pairs as the network takes them in. */
typedef struct batch {
    size_t *items;      /* of the set */
    float *image, *text;
} batch;

typedef struct trainer {
    const adah_training *t;
    const adah_settings *config;
    adah_parameters *parameters;
    adah_network *net;
    adah_batch_loss *loss;   /* of ADAH, else NULL */
    adah_rival_loss *rival;  /* of a deep rival, else NULL */
    adah_optimiser optimiser;
    size_t n_batch, n_all;   /* training and validation pairs */
    unsigned groups_head, groups_attention, groups_kept; /* kept: what the state of a training holds */
    int classify;
    size_t *order;           /* of the pairs, this epoch */
    batch batch[2];          /* this one and the next; the arrays of the first are the input nodes' own */
    int current;             /* which is this one */
    int is_loading;          /* a thread loads the other one, */
    size_t step_loading;     /* which is this step's of the epoch */
    pthread_t loader;
    uint8_t *pictures;       /* the batch's, cropped and mirrored; NULL: they are taken as they are */
    float **best;
    union {
        counters c;
        double array[ADAH_N_COUNTERS];
    } state;
    char *history;           /* JSON objects joined by commas */
    double started, checkpointed; /* seconds */
    uint64_t n_pairs_done;   /* since started */
} trainer;

/* ---------------------------------------------------------------- setting up */

static void end_loading(trainer *r) {
    if (r->is_loading)
        pthread_join(r->loader, NULL);
    r->is_loading = 0;
}

static void trainer_free(trainer *r) {
    end_loading(r);
    adah_network_free(r->net);
    adah_batch_loss_free(r->loss);
    adah_rival_loss_free(r->rival);
    adah_memory_free(r->order);
    for (int i = 0; i < 2; i++)
        adah_memory_free(r->batch[i].items);
    adah_memory_free(r->batch[1].image);
    adah_memory_free(r->batch[1].text);
    adah_memory_free(r->pictures);
    for (size_t i = 0; r->best && i < r->parameters->n; i++)
        adah_memory_free(r->best[i]);
    adah_memory_free(r->best);
    adah_memory_free(r->history);
}

static adah_code make_batches(trainer *r, adah_status *status) {
    adah_node *const image = r->net->image.input, *const text = r->net->text.input;
    const size_t n_image = adah_shape_count(adah_node_shape(image)), n_text = adah_shape_count(adah_node_shape(text));
    r->batch[0] = (batch){adah_memory_zeroed(r->n_batch, sizeof(size_t)), adah_node_value(image), adah_node_value(text)};
    r->batch[1] = (batch){adah_memory_zeroed(r->n_batch, sizeof(size_t)), adah_memory_floats(n_image), adah_memory_floats(n_text)};
    if (!r->batch[0].items || !r->batch[1].items || !r->batch[1].image || !r->batch[1].text)
        return adah_fail_memory(status, (n_image + n_text) * sizeof(float));
    return ADAH_OK;
}

static adah_code trainer_create(const adah_training *t, adah_parameters *parameters, trainer *r, adah_status *status) {
    const adah_settings *c = t->config;
    r->t = t;
    r->config = c;
    r->parameters = parameters;
    r->n_batch = t->n_train < (size_t)c->n_batch ? t->n_train : (size_t)c->n_batch;
    if (r->n_batch < 2)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%zu training pairs, expected at least 2", t->n_train);
    if (!adah_precision_supported(c->precision))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "precision is \"%s\", but this processor cannot multiply it",
                         adah_settings_text("precision", (int)c->precision));
    r->n_all = t->n_train + t->n_validation;
    r->classify = t->classify && c->classifier_weight > 0;
    r->groups_head = ADAH_GROUP_HEAD | (c->finetune ? ADAH_GROUP_BACKBONE : 0);
    const int with_modality = adah_rival_has_adversary(c);
    const int g_learns = c->attention && c->attention_mask != ADAH_MASK_RANDOM && (c->adversary || c->attention_retrieval_weight > 0);
    r->groups_attention = with_modality || g_learns ? ADAH_GROUP_ATTENTION : 0;
    r->groups_kept = r->groups_head | r->groups_attention | ADAH_GROUP_BANK | (c->finetune ? ADAH_GROUP_STATISTICS : 0);
    r->optimiser = (adah_optimiser)ADAH_OPTIMISER_INIT;
    r->optimiser.weight_decay = c->weight_decay;
    r->optimiser.clip_norm = c->clip_norm;
    r->state.c.best_epoch = -1;
    if (adah_augment_wanted(c) && t->set->image.shape.kind != ADAH_INPUT_PIXELS)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "augment_crop and augment_flip need pictures: these images "
                         "are given as vectors or feature maps");
    const adah_network_plan plan = {.mode = ADAH_GRAPH_TRAIN,
                                    .n_batch = r->n_batch,
                                    .image = t->set->image.shape,
                                    .text = t->set->text.shape,
                                    .n_labels = r->classify ? t->set->n_labels : 0,
                                    .keep_hidden = c->attention && c->adversary,
                                    .with_modality = with_modality,
                                    .moving_groups = r->groups_head,
                                    .creating = 1};
    ADAH_TRY(adah_network_create(&plan, c, parameters, &r->net, status));
    if (adah_settings_is_rival(c))
        ADAH_TRY(adah_rival_loss_create(t, r->n_batch, parameters, &r->rival, status));
    else
        ADAH_TRY(adah_batch_loss_create(c, t->set, r->n_batch, t->classify ? t->set->n_labels : 0, parameters, &r->loss, status));
    ADAH_TRY(adah_parameters_train(parameters, r->groups_head | r->groups_attention, status));
    r->order = adah_memory_zeroed(r->n_all, sizeof *r->order);
    ADAH_TRY(make_batches(r, status));
    if (adah_augment_wanted(c) && !(r->pictures = adah_memory_zeroed(r->n_batch, adah_shape_count(t->set->image.shape.item))))
        return adah_fail_memory(status, r->n_batch * adah_shape_count(t->set->image.shape.item));
    r->best = adah_memory_zeroed(parameters->n, sizeof *r->best);
    r->history = adah_memory_text("");
    if (!r->order || !r->best || !r->history)
        return adah_fail_memory(status, r->n_all * sizeof *r->order);
    for (size_t i = 0; i < parameters->n; i++)
        if (parameters->item[i]->group & r->groups_kept) {
            r->best[i] = adah_memory_floats(parameters->item[i]->n);
            if (!r->best[i])
                return adah_fail_memory(status, parameters->item[i]->n * sizeof(float));
        }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- one batch */

/* again: the same batch, E and D having moved since. */
static adah_code forward(trainer *r, int again, adah_status *status) {
    const uint64_t n_updates = (uint64_t)(r->state.c.n_updates_head + r->state.c.n_updates_attention);
    adah_graph_set_seed(r->net->graph, adah_random_mix(r->config->seed, adah_random_mix(STREAM_DROPOUT, n_updates)));
    ADAH_TRY(again ? adah_graph_forward_again(r->net->graph, status) : adah_graph_forward(r->net->graph, status));
    adah_graph_clear_gradients(r->net->graph);
    return ADAH_OK;
}

static double mean_of(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

static double attended_share(const adah_side *side) {
    if (!side->attention.mask)
        return 1;
    return mean_of(adah_node_value(side->attention.mask), adah_shape_count(adah_node_shape(side->attention.mask)));
}

/* The final epochs learn from all pairs. */
static int is_final(const trainer *r) { return r->state.c.epoch >= r->config->n_epochs; }
static size_t n_pairs(const trainer *r) { return is_final(r) ? r->n_all : r->t->n_train; }
static size_t n_steps(const trainer *r) { return n_pairs(r) / r->n_batch; } /* of this epoch */
static int n_final_epochs(const trainer *r) { return r->t->n_validation ? adah_settings_final(r->config) : 0; }

/* What the learning rates are multiplied by at this step. The final epochs start anew. */
static float schedule(const trainer *r) {
    if (r->config->schedule != ADAH_SCHEDULE_COSINE)
        return 1;
    const int first = is_final(r) ? r->config->n_epochs : 0, n = is_final(r) ? n_final_epochs(r) : r->config->n_epochs;
    const double share = (r->state.c.epoch - first + r->state.c.step / (double)n_steps(r)) / n;
    return (float)(0.5 * (1 + cos(3.14159265358979 * share)));
}

static adah_code update(trainer *r, unsigned groups, double *n_updates, adah_status *status) {
    ADAH_TRY(adah_graph_backward(r->net->graph, groups, status));
    const float now_at = schedule(r);
    const float rate[ADAH_N_GROUPS] = {now_at * r->config->rate_backbone, now_at * r->config->rate,
                                       now_at * r->config->rate_attention};
    const float norm = adah_optimiser_step(&r->optimiser, r->parameters, groups, rate, (uint64_t)*n_updates + 1);
    if (!isfinite(norm))
        return adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "training diverged in epoch %.0f (a gradient is not finite): try a lower learning rate",
                         r->state.c.epoch + 1);
    *n_updates += 1;
    return ADAH_OK;
}

/* Warm-up: masks keep everything, G rests, the adversary has not started. */
static int warming_up(const trainer *r) { return r->state.c.epoch < adah_settings_warmup(r->config); }

static int adversary_active(const trainer *r) {
    return r->config->attention && r->config->adversary && !warming_up(r);
}

/* A moving average of the batches' statistics; of all of them as long as they are few. */
static float statistics_share(double n_updates) { return fmaxf(0.1f, 1 / (float)(n_updates + 1)); }

/* Step 1: min over E, D of F (and of the further terms of the configuration). */
static adah_code step_head(trainer *r, adah_status *status) {
    counters *s = &r->state.c;
    adah_losses losses;
    ADAH_TRY(forward(r, 0, status));
    adah_batch_loss_head(r->loss, r->net, adversary_active(r) ? r->config->adversarial_weight : 0, &losses);
    adah_batch_loss_remember(r->loss, r->net, (uint64_t)s->n_updates_head);
    for (int t = 0; t < ADAH_N_TERMS; t++)
        s->loss.term[t] += losses.term[t];
    for (int t = 0; t < ADAH_N_FURTHER; t++)
        s->loss.further[t] += losses.further[t];
    adah_graph_update_statistics(r->net->graph, statistics_share(s->n_updates_head));
    s->attended_image += attended_share(&r->net->image);
    s->attended_text += attended_share(&r->net->text);
    return update(r, r->groups_head, &s->n_updates_head, status);
}

/* Step 2: max over G of F(T->Î) + F(I->T̂). With attention_retrieval_weight the mask also descends the cross-modal
 * retrieval loss of what it attends. */
static adah_code step_attention(trainer *r, adah_status *status) {
    const float hidden = adversary_active(r) ? -1 : 0, retrieval = r->config->attention_retrieval_weight;
    if (!r->groups_attention || warming_up(r) || (hidden == 0 && retrieval == 0))
        return ADAH_OK;
    ADAH_TRY(forward(r, 1, status));
    adah_batch_loss_attention(r->loss, r->net, retrieval, hidden);
    return update(r, r->groups_attention, &r->state.c.n_updates_attention, status);
}

/* Both steps of a rival. */
static adah_code step_rival(trainer *r, adah_status *status) {
    counters *s = &r->state.c;
    ADAH_TRY(forward(r, 0, status));
    adah_rival_loss_head(r->rival, r->net, s->loss.term);
    adah_graph_update_statistics(r->net->graph, statistics_share(s->n_updates_head));
    ADAH_TRY(update(r, r->groups_head, &s->n_updates_head, status));
    if (!r->groups_attention)
        return ADAH_OK;
    ADAH_TRY(forward(r, 1, status));
    adah_rival_loss_adversary(r->rival, r->net);
    return update(r, r->groups_attention, &s->n_updates_attention, status);
}

static void load(trainer *r, size_t step, batch *b) {
    const adah_pair_set *set = r->t->set;
    const size_t n = r->n_batch;
    for (size_t i = 0; i < n; i++)
        b->items[i] = r->t->items[r->order[step * n + i]];
    const uint64_t number = (uint64_t)r->state.c.epoch * (r->n_all / n) + step;
    if (r->pictures) {
        adah_augment_images(&set->image, r->config, b->items, n, adah_random_mix(STREAM_AUGMENT, number), r->pictures, b->image);
    } else {
        adah_input_read(&set->image, b->items, n, n, b->image);
    }
    adah_input_draw(&set->text, b->items, n, n, r->config->seed, adah_random_mix(STREAM_TEXTS, number), b->text);
}

/* The loader: alone, beside the threads that compute. */
static void *load_other(void *context) {
    trainer *r = context;
    adah_parallel_set_threads(1);
    load(r, r->step_loading, &r->batch[!r->current]);
    return NULL;
}

/* Gives this step's batch to the network and to the losses, and has the next one loaded meanwhile. Where a thread cannot be
 * started or is not wanted, each step loads its own. */
static void begin_batch(trainer *r) {
    const size_t step = (size_t)r->state.c.step;
    if (r->is_loading) {
        end_loading(r);
        r->current = !r->current;
    } else {
        load(r, step, &r->batch[r->current]);
    }
    const batch *b = &r->batch[r->current];
    adah_node_borrow(r->net->image.input, b->image);
    adah_node_borrow(r->net->text.input, b->text);
    if (step + 1 < n_steps(r) && adah_parallel_threads() > 1) {
        r->step_loading = step + 1;
        r->is_loading = !pthread_create(&r->loader, NULL, load_other, r);
    }
    if (r->rival)
        adah_rival_loss_begin(r->rival, b->items, r->order + step * r->n_batch);
    else
        adah_batch_loss_begin(r->loss, b->items, (uint64_t)r->state.c.n_updates_head);
}

/* ---------------------------------------------------------------- epochs */

static void keep_best(trainer *r) {
    for (size_t i = 0; i < r->parameters->n; i++)
        if (r->best[i])
            memcpy(r->best[i], r->parameters->item[i]->value, r->parameters->item[i]->n * sizeof(float));
}

static void restore_best(trainer *r) {
    for (size_t i = 0; i < r->parameters->n; i++)
        if (r->best[i]) {
            memcpy(r->parameters->item[i]->value, r->best[i], r->parameters->item[i]->n * sizeof(float));
            r->parameters->item[i]->version++;
        }
}

/* The means of the losses as members of a JSON object, and what was attended. Returns the length. */
static int print_losses(const trainer *r, char *text, size_t n_bytes) {
    const counters *s = &r->state.c;
    const double n = (double)n_steps(r);
    int m = snprintf(text, n_bytes, "\"loss\":{");
    for (int t = 0; t < ADAH_N_TERMS; t++) {
        const char *name = r->rival ? adah_rival_loss_name(r->config, t) : adah_term_name[t];
        if (name)
            m += snprintf(text + m, n_bytes - (size_t)m, "%s\"%s\":%.6g", t ? "," : "", name, s->loss.term[t] / n);
    }
    for (int t = 0; !r->rival && t < ADAH_N_FURTHER; t++)
        m += snprintf(text + m, n_bytes - (size_t)m, ",\"%s\":%.6g", adah_further_name[t], s->loss.further[t] / n);
    m += snprintf(text + m, n_bytes - (size_t)m, "}");
    if (!r->rival)
        m += snprintf(text + m, n_bytes - (size_t)m, ",\"attended_image\":%.6g,\"attended_text\":%.6g",
                      s->attended_image / n, s->attended_text / n);
    return m;
}

static adah_code append_history(trainer *r, const double *map, adah_status *status) {
    char entry[1024];
    int m = snprintf(entry, sizeof entry, "%s{\"epoch\":%.0f,", *r->history ? "," : "", r->state.c.epoch + 1);
    m += print_losses(r, entry + m, sizeof entry - (size_t)m);
    if (map)
        m += snprintf(entry + m, sizeof entry - (size_t)m,
                      ",\"validation_map_image_to_text\":%.6g,\"validation_map_text_to_image\":%.6g", map[0], map[1]);
    m += snprintf(entry + m, sizeof entry - (size_t)m, "}");
    const size_t old = strlen(r->history);
    char *longer = adah_memory_resize(r->history, old + (size_t)m + 1, 1);
    if (!longer)
        return adah_fail_memory(status, old + (size_t)m + 1);
    memcpy(longer + old, entry, (size_t)m + 1);
    r->history = longer;
    return ADAH_OK;
}

/* Tells the caller where the training stands. Non-zero: stop. `n_steps_seen`: steps the epoch's sums hold. */
static int report(trainer *r, double n_steps_seen, const double *map) {
    const adah_training *t = r->t;
    const counters *s = &r->state.c;
    if (!t->progress.function)
        return 0;
    const double n = n_steps_seen > 0 ? n_steps_seen : 1;
    const double main_steps = (double)(t->n_train / r->n_batch), final_steps = (double)(r->n_all / r->n_batch);
    const int n_main = r->config->n_epochs;
    const double total = main_steps * n_main + final_steps * n_final_epochs(r);
    const double done = main_steps * fmin(s->epoch, n_main) + final_steps * fmax(s->epoch - n_main, 0) + n_steps_seen;
    const double seconds = adah_clock_seconds() - r->started;
    const double pairs_per_second = seconds > 0 ? (double)r->n_pairs_done / seconds : 0;
    const double left = pairs_per_second > 0 ? (total - done) * (double)r->n_batch / pairs_per_second : 0;
    char text[768];
    int m = snprintf(text, sizeof text, "epoch %.0f/%d", s->epoch + 1, r->config->n_epochs + n_final_epochs(r));
    for (int i = 0; r->rival && adah_rival_loss_name(r->config, i); i++)
        m += snprintf(text + m, sizeof text - (size_t)m, "  %s %.3f", adah_rival_loss_name(r->config, i), s->loss.term[i] / n);
    if (!r->rival)
        m += snprintf(text + m, sizeof text - (size_t)m,
                     "  T>I %.3f  I>T %.3f  I>I %.3f  T>T %.3f  T>\xC3\x8E %.3f  I>T\xCC\x82 %.3f",
                     s->loss.term[0] / n, s->loss.term[1] / n, s->loss.term[2] / n, s->loss.term[3] / n, s->loss.term[4] / n, s->loss.term[5] / n);
    for (int i = 0; i < ADAH_N_FURTHER; i++)
        if (s->loss.further[i] > 0)
            m += snprintf(text + m, sizeof text - (size_t)m, "  %s %.3f", adah_further_name[i], s->loss.further[i] / n);
    if (r->config->attention)
        m += snprintf(text + m, sizeof text - (size_t)m, "  attended %.0f%%/%.0f%%", 100 * s->attended_image / n,
                      100 * s->attended_text / n);
    if (map)
        m += snprintf(text + m, sizeof text - (size_t)m, "  mAP I>T %.4f T>I %.4f", map[0], map[1]);
    snprintf(text + m, sizeof text - (size_t)m, "  %.*f pairs/s  %.0f s left", pairs_per_second < 10, pairs_per_second, left);
    const adah_progress_event event = {"training", (uint64_t)done, (uint64_t)total, text, n_steps_seen == (double)n_steps(r)};
    return t->progress.function(t->progress.user, &event);
}

static adah_checkpoint checkpoint_of(trainer *r) {
    return (adah_checkpoint){r->config, r->t->fingerprint, r->parameters, r->groups_kept,
                             r->best,   r->state.array,    r->history};
}

static adah_code save_checkpoint(trainer *r, adah_status *status) {
    if (!r->t->checkpoint_path)
        return ADAH_OK;
    const adah_checkpoint checkpoint = checkpoint_of(r);
    ADAH_TRY(adah_checkpoint_write(r->t->checkpoint_path, &checkpoint, status));
    r->checkpointed = adah_clock_seconds();
    return ADAH_OK;
}

static adah_code stop(trainer *r, adah_status *status) {
    ADAH_TRY(save_checkpoint(r, status));
    return adah_fail(status, ADAH_ERROR_CANCELLED, "training was stopped in epoch %.0f of %d%s%s", r->state.c.epoch + 1,
                     r->config->n_epochs + n_final_epochs(r), r->t->checkpoint_path ? "; resume continues from " : "",
                     r->t->checkpoint_path ? r->t->checkpoint_path : "");
}

static adah_code run_epoch(trainer *r, adah_status *status) {
    counters *s = &r->state.c;
    r->net->image.attention.extent.is_open = r->net->text.attention.extent.is_open = warming_up(r);
    adah_random random = adah_random_seeded(r->config->seed, adah_random_mix(STREAM_ORDER, (uint64_t)s->epoch));
    adah_random_permutation(&random, n_pairs(r), r->order);
    while (s->step < (double)n_steps(r)) {
        begin_batch(r);
        ADAH_TRY(adah_pair_set_check(r->t->set, status)); /* before anything is learned from it */
        if (r->rival) {
            ADAH_TRY(step_rival(r, status));
        } else {
            ADAH_TRY(step_head(r, status));
            ADAH_TRY(step_attention(r, status));
        }
        s->step += 1;
        r->n_pairs_done += r->n_batch;
        if (s->step < (double)n_steps(r) && report(r, s->step, NULL))
            return stop(r, status);
    }
    return ADAH_OK;
}

static int finished(const trainer *r) {
    const counters *s = &r->state.c;
    const adah_settings *c = r->config;
    if (is_final(r))
        return s->epoch >= c->n_epochs + n_final_epochs(r);
    return 0;
}

/* The best model is long behind. */
static int out_of_patience(const trainer *r) {
    const counters *s = &r->state.c;
    const adah_settings *c = r->config;
    /* Patience counts from the end of the warm-up, which changes what is learned. */
    const double since = fmax(s->best_epoch, adah_settings_warmup(r->config));
    return !is_final(r) && c->n_patience > 0 && r->t->n_validation && s->epoch - since > c->n_patience;
}

static int is_count(double x, double max) { return x >= 0 && x <= max && x == floor(x); }

/* The counters of a checkpoint say which pairs come next. */
static adah_code check_counters(const trainer *r, adah_status *status) {
    const counters *s = &r->state.c;
    if (!is_count(s->epoch, r->config->n_epochs + n_final_epochs(r)) || !is_count(s->step, (double)n_steps(r) - 1) ||
        !is_count(s->n_updates_head, 1e15) || !is_count(s->n_updates_attention, 1e15))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: damaged: it stands in epoch %g, step %g", r->t->checkpoint_path,
                         s->epoch + 1, s->step);
    return ADAH_OK;
}

/* Validation, history, best model; then the counters stand at the start of the next epoch. */
static adah_code end_epoch(trainer *r, adah_status *status) {
    counters *s = &r->state.c;
    double map[2];
    const double *measured = NULL;
    if (r->t->n_validation && !is_final(r)) {
        ADAH_TRY(adah_training_validate(r->t, r->parameters, map, status));
        measured = map;
    }
    ADAH_TRY(append_history(r, measured, status));
    /* An epoch of the warm-up was not trained with its masks: any later one is preferred. */
    const int first_with_masks = s->epoch == adah_settings_warmup(r->config);
    if (!measured || s->best_epoch < 0 || first_with_masks || map[0] + map[1] > s->best_map) {
        s->best_map = measured ? map[0] + map[1] : 0;
        s->best_epoch = s->epoch;
        keep_best(r);
    }
    const int stopped = report(r, (double)n_steps(r), measured);
    s->epoch += 1;
    if (out_of_patience(r))
        s->epoch = r->config->n_epochs;
    s->step = 0;
    s->loss = (adah_losses){{0}, {0}};
    s->attended_image = s->attended_text = 0;
    if (stopped && !finished(r))
        return stop(r, status);
    if (adah_clock_seconds() - r->checkpointed >= r->t->checkpoint_seconds)
        return save_checkpoint(r, status);
    return ADAH_OK;
}

static adah_code train(trainer *r, adah_status *status) {
    r->started = r->checkpointed = adah_clock_seconds();
    if (r->t->resume && r->t->checkpoint_path && adah_file_exists(r->t->checkpoint_path)) {
        adah_checkpoint checkpoint = checkpoint_of(r);
        const adah_code code = adah_checkpoint_read(r->t->checkpoint_path, &checkpoint, status);
        r->history = checkpoint.history;
        if (code != ADAH_OK)
            return code;
        ADAH_TRY(check_counters(r, status));
    }
    while (!finished(r)) {
        if (r->state.c.epoch == r->config->n_epochs && r->state.c.step == 0)
            restore_best(r); /* the final epochs go on from there */
        ADAH_TRY(run_epoch(r, status));
        ADAH_TRY(end_epoch(r, status));
    }
    restore_best(r);
    return ADAH_OK;
}

adah_code adah_train_parameters(const adah_training *training, adah_parameters *parameters, char **history,
                                adah_status *status) {
    trainer r = {0};
    adah_code code = trainer_create(training, parameters, &r, status);
    if (code == ADAH_OK)
        code = train(&r, status);
    if (code == ADAH_OK) {
        const size_t n = strlen(r.history);
        *history = adah_memory_alloc(n + 3);
        if (*history)
            snprintf(*history, n + 3, "[%s]", r.history);
        else
            code = adah_fail_memory(status, n + 3);
    }
    trainer_free(&r);
    return code;
}
