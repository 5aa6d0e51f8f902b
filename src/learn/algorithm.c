/* algorithm.c - learning in turns (Zhang, Lai, Feng 2018). The network is E, G and D of image and text; for every batch:
 *
 *     step 1   min over E, D  of  F = F(T->Î) + F(I->T̂) + F(T->I) + F(I->T) + F(I->I) + F(T->T),   G fixed
 *     step 2   max over G     of      F(T->Î) + F(I->T̂),                                           E, D fixed
 *
 * So the hashing module D must keep similarity even from what the mask hides, and the mask of G learns to hide nothing that
 * carries meaning. F and its terms: paper/objective_plain.c; E, G and D: paper/forward.c.
 *
 * In the first epochs, the warm-up, the masks keep everything, step 2 is left out and F is its last four terms. E may begin to
 * learn later than D (n_finetune_after). A rival that learns step by step has its own loss in step 1 and its adversary, if any, in step 2 (method.h). */
#include "learn/algorithm.h"
#include "backbones/cut.h"

#include <math.h>

enum { STREAM_DROPOUT = 2 };

static int is_warmup(const adah_algorithm *a, const adah_place *p) { return adah_timetable_is_warmup(&a->timetable, p->epoch); }

/* again: the same batch, E and D having moved since. */
static adah_code forward(adah_algorithm *a, const adah_place *p, int again, adah_status *status) {
    const uint64_t n_updates = (uint64_t)(p->n_updates_head + p->n_updates_attention);
    adah_graph *graph = a->net->graph;
    a->net->image.attention.extent.is_open = a->net->text.attention.extent.is_open = is_warmup(a, p);
    adah_graph_set_seed(graph, adah_random_mix(a->config->seed, adah_random_mix(STREAM_DROPOUT, n_updates)));
    ADAH_TRY(again ? adah_graph_forward_again(graph, status) : adah_graph_forward(graph, status));
    adah_graph_clear_gradients(graph);
    return ADAH_OK;
}

/* Backward, and a step downhill of the groups of parameters. */
static adah_code descend(adah_algorithm *a, const adah_place *p, unsigned groups, double *n_updates, adah_status *status) {
    ADAH_TRY(adah_graph_backward(a->net->graph, groups, status));
    const float now = adah_timetable_rate(&a->timetable, p->epoch, p->step);
    const float rate[ADAH_N_GROUPS] = {now * a->config->rate_backbone, now * a->config->rate, now * a->config->rate_attention};
    const float norm = adah_optimiser_step(&a->optimiser, a->parameters, groups, rate, (uint64_t)*n_updates + 1);
    if (!isfinite(norm))
        return adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "training diverged in epoch %.0f (a gradient is not finite): try a lower learning rate", p->epoch + 1);
    *n_updates += 1;
    return ADAH_OK;
}

static double attended_share(const adah_side *side) {
    if (!side->attention.mask)
        return 1;
    const float *z = adah_node_value(side->attention.mask);
    const size_t n = adah_shape_count(adah_node_shape(side->attention.mask));
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += z[i];
    return sum / (double)n;
}

/* Step 1: min over E, D of F. */
static adah_code minimise_over_e_d(adah_algorithm *a, adah_place *p, adah_status *status) {
    ADAH_TRY(forward(a, p, 0, status));
    a->method->step_1(a->loss, a->net, a->config->adversary && !is_warmup(a, p), p->sums.loss);
    p->sums.attended_image += attended_share(&a->net->image);
    p->sums.attended_text += attended_share(&a->net->text);
    const int is_resting = adah_timetable_is_resting(&a->timetable, p->epoch);
    const unsigned groups = is_resting ? a->groups_head & ~(unsigned)ADAH_GROUP_BACKBONE : a->groups_head;
    /* Batch normalisation: a moving average of the batches' statistics; of all of them as long as they are few. */
    adah_graph_update_statistics(a->net->graph, fmaxf(0.1f, 1 / (float)(p->n_updates_head + 1)));
    return descend(a, p, groups, &p->n_updates_head, status);
}

/* Step 2: max over G of F(T->Î) + F(I->T̂). Going up is going down on what the loss gives the weight -1. */
static adah_code maximise_over_g(adah_algorithm *a, adah_place *p, adah_status *status) {
    if (!a->groups_attention || is_warmup(a, p))
        return ADAH_OK;
    ADAH_TRY(forward(a, p, 1, status));
    a->method->step_2(a->loss, a->net);
    return descend(a, p, a->groups_attention, &p->n_updates_attention, status);
}

adah_code adah_algorithm_step(adah_algorithm *a, const size_t *items, const size_t *places, adah_place *place,
                              adah_status *status) {
    a->method->begin(a->loss, items, places);
    ADAH_TRY(minimise_over_e_d(a, place, status));
    return maximise_over_g(a, place, status);
}

adah_code adah_algorithm_begin(const adah_training *t, const adah_timetable *timetable, adah_parameters *parameters,
                               adah_algorithm *a, adah_status *status) {
    const adah_settings *c = t->config;
    const adah_method *method = adah_method_find(c->method);
    const size_t n_labels = t->classify ? t->set->n_labels : 0;
    const int learns_step_2 = method->loss->has_step_2 && method->loss->has_step_2(c);
    *a = (adah_algorithm){.config = c, .method = method->loss, .timetable = *timetable, .parameters = parameters};
    adah_cut_freeze(c, parameters);
    a->groups_head = ADAH_GROUP_HEAD | (c->finetune ? ADAH_GROUP_BACKBONE : 0);
    a->groups_attention = learns_step_2 ? ADAH_GROUP_ATTENTION : 0;
    a->groups_kept = a->groups_head | a->groups_attention | ADAH_GROUP_BANK | (c->finetune ? ADAH_GROUP_STATISTICS : 0);
    a->optimiser = (adah_optimiser)ADAH_OPTIMISER_INIT;
    a->optimiser.weight_decay = c->weight_decay;
    a->optimiser.clip_norm = c->clip_norm;
    const adah_network_plan network = {.mode = ADAH_GRAPH_TRAIN,
                                       .n_batch = timetable->n_batch,
                                       .image = t->set->image.shape,
                                       .text = t->set->text.shape,
                                       .n_labels = c->classifier_weight > 0 ? n_labels : 0,
                                       .with_adversary = c->adversary && (c->attention || !method->has_attention),
                                       .groups_between = a->groups_head,
                                       .creating = 1};
    ADAH_TRY(adah_network_create(&network, c, parameters, &a->net, status));
    const adah_loss_plan loss = {c, t->set, t->items, t->n_train + t->n_validation, timetable->n_batch, n_labels};
    ADAH_TRY(a->method->create(&loss, parameters, &a->loss, status));
    return adah_parameters_train(parameters, a->groups_head | a->groups_attention, status);
}

void adah_algorithm_end(adah_algorithm *a) {
    adah_network_free(a->net);
    if (a->loss)
        a->method->free(a->loss);
    *a = (adah_algorithm){0};
}
