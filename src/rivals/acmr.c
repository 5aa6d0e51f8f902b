/* acmr.c - the structure loss depends on the codes through their B x B distances alone: first its slope on each of them, then
 * d|v - t| = (v - t) / |v - t|. Then the method: its settings, network and steps.
 *
 *     step 1   min over the projections and the label classifier of L_imi + classifier_weight * L_imd - adversarial_weight * L_adv
 *     step 2   min over the modality classifier of L_adv */
#include "rivals/acmr.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "input/pair_set.h"
#include "nn/graph/cross_entropy.h"
#include "rivals/rival_network.h"
#include "settings/method.h"

#include <math.h>

typedef struct distance_pass {
    const float *a, *b;  /* the side whose rows are passed, and the other */
    size_t n, q;
    int is_text;         /* a is the texts: slope is read by columns */
    float *slope;        /* (B, B) image x text */
    float *gradient;     /* of a */
} distance_pass;

static void distance_row(void *context, size_t i) {
    const distance_pass *pass = context;
    for (size_t j = 0; j < pass->n; j++) {
        const float *a = pass->a + i * pass->q, *b = pass->b + j * pass->q;
        float square = 0;
#pragma omp simd reduction(+ : square)
        for (size_t c = 0; c < pass->q; c++)
            square += (a[c] - b[c]) * (a[c] - b[c]);
        pass->slope[i * pass->n + j] = sqrtf(square);
    }
}

static void gradient_row(void *context, size_t i) {
    const distance_pass *pass = context;
    for (size_t j = 0; j < pass->n; j++) {
        const float slope = pass->slope[pass->is_text ? j * pass->n + i : i * pass->n + j];
        for (size_t c = 0; c < pass->q; c++)
            pass->gradient[i * pass->q + c] += slope * (pass->a[i * pass->q + c] - pass->b[j * pass->q + c]);
    }
}

double adah_acmr_structure(const float *image, const float *text, const float *similar, size_t n, size_t q, float margin,
                           float *scratch, float *image_gradient, float *text_gradient) {
    float *slope = scratch, *n_near = scratch + n * n; /* of each item: how many are similar */
    distance_pass pass = {image, text, n, q, 0, slope, image_gradient};
    adah_parallel_for(n, 8, distance_row, &pass);
    double loss = 0;
    for (size_t i = 0; i < n; i++) {
        n_near[i] = 0;
        for (size_t j = 0; j < n; j++)
            n_near[i] += similar[i * n + j] != 0;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            /* What the distance of image i and text j weighs in the triplets of either. */
            const int is_near = similar[i * n + j] != 0;
            const double at_i = is_near ? n_near[i] : n - n_near[i], at_j = is_near ? n_near[j] : n - n_near[j];
            const double weight = (1 / at_i + 1 / at_j) / (double)(2 * n);
            const float d = slope[i * n + j];
            const double lack = (double)margin - d;
            loss += weight * (is_near ? d : fmax(0, lack));
            const double derivative = is_near ? weight : lack > 0 ? -weight : 0;
            slope[i * n + j] = d > 1e-6f ? (float)derivative / d : 0; /* at 0 the norm has no derivative */
        }
    adah_parallel_for(n, 8, gradient_row, &pass);
    pass = (distance_pass){text, image, n, q, 1, slope, text_gradient};
    adah_parallel_for(n, 8, gradient_row, &pass);
    return loss;
}

/* log(1 + exp(-x)) and its derivative's size, 1 / (1 + exp x). */
static double logistic(double x, double *slope) {
    const double decay = exp(-fabs(x));
    *slope = x >= 0 ? decay / (1 + decay) : 1 / (1 + decay);
    return fmax(-x, 0) + log1p(decay);
}

double adah_acmr_modality(const float *image_logit, const float *text_logit, size_t n, float weight, float *image_gradient,
                          float *text_gradient) {
    double loss = 0, slope;
    for (size_t i = 0; i < n; i++) {
        loss += logistic(image_logit[i], &slope);
        image_gradient[i] -= (float)(weight * slope / (double)(2 * n));
        loss += logistic(-text_logit[i], &slope);
        text_gradient[i] += (float)(weight * slope / (double)(2 * n));
    }
    return loss / (double)(2 * n);
}

/* ---------------------------------------------------------------- the method */

enum { LOSS_STRUCTURE, LOSS_LABELS, LOSS_MODALITY, N_LOSSES, MODALITY_HIDDEN = 50 };

typedef struct acmr_loss {
    adah_loss_plan plan; /* n_labels 0: no label classifier */
    float *similarity;   /* (B, B) */
    float *target;       /* (B, L) */
    float *scratch;      /* (B + 1) * B */
} acmr_loss;

static const adah_loss_name *loss_name(int i) {
    static const adah_loss_name name[N_LOSSES] = {{"structure", "structure", "structure", 0},
                                                  {"labels", "labels", "label classifier", 0},
                                                  {"modality", "modality", "modality classifier", 0}};
    return i < N_LOSSES ? &name[i] : NULL;
}

static void loss_free(void *loss) {
    acmr_loss *l = loss;
    if (!l)
        return;
    adah_memory_free(l->similarity);
    adah_memory_free(l->target);
    adah_memory_free(l->scratch);
    adah_memory_free(l);
}

static adah_code loss_create(const adah_loss_plan *plan, adah_parameters *parameters, void **loss, adah_status *status) {
    (void)parameters;
    acmr_loss *l = adah_memory_zeroed(1, sizeof *l);
    if (!l)
        return adah_fail_memory(status, sizeof *l);
    const size_t n = plan->n_batch;
    l->plan = *plan;
    l->similarity = adah_memory_floats(n * n);
    l->target = adah_memory_floats(n * plan->n_labels);
    l->scratch = adah_memory_floats((n + 1) * n);
    if (!l->similarity || !l->target || !l->scratch) {
        loss_free(l);
        return adah_fail_memory(status, n * (n + plan->n_labels) * sizeof(float));
    }
    *loss = l;
    return ADAH_OK;
}

static int has_step_2(const adah_settings *config) { return config->adversary; }

static void loss_begin(void *loss, const size_t *items, const size_t *places) {
    (void)places;
    acmr_loss *l = loss;
    adah_pair_set_similarity(l->plan.set, items, l->plan.n_batch, items, l->plan.n_batch, l->similarity);
    if (l->plan.n_labels)
        adah_pair_set_targets(l->plan.set, items, l->plan.n_batch, l->target);
}

static double modality_loss(const acmr_loss *l, adah_network *net, float weight) {
    adah_node *image = net->image.adversary, *text = net->text.adversary;
    return adah_acmr_modality(adah_node_value(image), adah_node_value(text), l->plan.n_batch, weight, adah_node_gradient(image),
                              adah_node_gradient(text));
}

static void step_1(void *loss, adah_network *net, int with_adversary, double *sums) {
    acmr_loss *l = loss;
    const adah_settings *c = l->plan.config;
    adah_side *const side[2] = {&net->image, &net->text};
    /* mu as ADAH's margin: a share of q in Hamming units, so 2 sqrt(margin * q) in the norm. */
    const float margin = 2 * sqrtf(c->margin * (float)c->n_bits);
    sums[LOSS_STRUCTURE] += adah_acmr_structure(adah_node_value(side[0]->class_code), adah_node_value(side[1]->class_code), l->similarity,
                                                l->plan.n_batch, (size_t)c->n_bits, margin, l->scratch,
                                                adah_node_gradient(side[0]->class_code), adah_node_gradient(side[1]->class_code));
    for (int m = 0; m < 2 && l->plan.n_labels; m++)
        sums[LOSS_LABELS] += adah_classifier_loss(adah_node_value(side[m]->logits), l->target, l->plan.n_batch, l->plan.n_labels,
                                                  c->classifier_weight, adah_node_gradient(side[m]->logits));
    if (with_adversary)
        sums[LOSS_MODALITY] += modality_loss(l, net, -c->adversarial_weight);
}

static void step_2(void *loss, adah_network *net) { modality_loss(loss, net, 1); }

/* Open values by measurement: docs/method/rivals.md. */
static const char settings[] = ADAH_RIVAL_SETTINGS
    " adversary=1 n_image_hidden=2000 n_text_hidden=500 classifier_weight=5 adversarial_weight=0.1";

/* The modality classifier has the same weights for both sides; (B, 1), positive where it takes H for an image's. */
static void build(adah_builder *b, const char *prefix, const adah_network_plan *plan, adah_side *side) {
    adah_node *x = adah_graph_tanh(b->graph, adah_rival_hidden(b, prefix, side, ADAH_INIT_GLOROT));
    x = adah_graph_dropout(b->graph, x, b->config->dropout);
    side->class_code = adah_graph_tanh(b->graph, adah_rival_code(b, prefix, x, ADAH_INIT_GLOROT));
    if (!plan->with_adversary)
        return;
    x = adah_builder_linear(b, "modality.0", side->class_code, MODALITY_HIDDEN, ADAH_INIT_GLOROT, ADAH_GROUP_ATTENTION);
    side->adversary = adah_builder_linear(b, "modality.1", adah_graph_tanh(b->graph, x), 1, ADAH_INIT_GLOROT, ADAH_GROUP_ATTENTION);
}

static const adah_loss acmr = {.name = loss_name,
                               .create = loss_create,
                               .free = loss_free,
                               .has_step_2 = has_step_2,
                               .begin = loss_begin,
                               .step_1 = step_1,
                               .step_2 = step_2};

const adah_method adah_method_acmr = {.name = "acmr",
                                      .summary = "adversarial cross-modal retrieval",
                                      .has_adversary = 1,
                                      .settings = settings,
                                      .build = build,
                                      .loss = &acmr};
