/* dcmh.c - likelihood row by row, each row of the batch against all; quantisation; balance. Then the method: its settings,
 * network and step 1, in which both networks descend at once, each against what is remembered of the other. */
#include "rivals/dcmh.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "input/pair_set.h"
#include "rivals/rival_network.h"
#include "settings/method.h"

#include <math.h>
#include <string.h>

typedef struct likelihood_pass {
    const adah_dcmh_side *side;
    float *gradient;
} likelihood_pass;

/* - sum_j (S Theta - log(1 + exp Theta)), whose derivative by Theta is sigmoid(Theta) - S. */
static void likelihood_row(void *context, size_t i) {
    const likelihood_pass *pass = context;
    const adah_dcmh_side *s = pass->side;
    const size_t q = s->n_bits;
    const float *a = s->own + s->row[i] * q, scale = 1 / ((float)s->n_batch * (float)s->n);
    float *gradient = pass->gradient + i * q;
    double loss = 0;
    for (size_t j = 0; j < s->n; j++) {
        const float *b = s->other + j * q;
        float theta = 0;
#pragma omp simd reduction(+ : theta)
        for (size_t c = 0; c < q; c++)
            theta += a[c] * b[c];
        theta /= 2;
        const float decay = expf(-fabsf(theta)), similar = s->similar[i * s->n + j];
        const float sigmoid = (theta >= 0 ? 1 : decay) / (1 + decay), slope = scale * (sigmoid - similar) / 2;
        loss += fmaxf(theta, 0) + log1pf(decay) - similar * theta;
        for (size_t c = 0; c < q; c++)
            gradient[c] += slope * b[c];
    }
    s->row_loss[i] = (float)(loss * scale);
}

static double quantisation(const adah_dcmh_side *s, float *gradient) {
    const double scale = 1 / ((double)s->n_batch * (double)s->n);
    double loss = 0;
    for (size_t i = 0; i < s->n_batch; i++)
        for (size_t c = 0; c < s->n_bits; c++) {
            const size_t at = s->row[i] * s->n_bits + c;
            const float gap = s->own[at] - (s->own[at] + s->other[at] >= 0 ? 1.0f : -1.0f);
            loss += scale * gap * gap;
            gradient[i * s->n_bits + c] += (float)(scale * s->gamma * 2 * gap);
        }
    return loss;
}

static double balance(const adah_dcmh_side *s, float *gradient) {
    const double scale = 1 / ((double)s->n_batch * (double)s->n);
    double loss = 0;
    for (size_t c = 0; c < s->n_bits; c++) {
        double sum = 0;
        for (size_t j = 0; j < s->n; j++)
            sum += s->own[j * s->n_bits + c];
        loss += scale * sum * sum;
        for (size_t i = 0; i < s->n_batch; i++)
            gradient[i * s->n_bits + c] += (float)(scale * s->eta * 2 * sum);
    }
    return loss;
}

void adah_dcmh_evaluate(const adah_dcmh_side *side, double loss[ADAH_DCMH_N_LOSSES], float *gradient) {
    likelihood_pass pass = {side, gradient};
    adah_parallel_for(side->n_batch, 4, likelihood_row, &pass);
    for (size_t i = 0; i < side->n_batch; i++)
        loss[ADAH_DCMH_SIMILARITY] += side->row_loss[i];
    loss[ADAH_DCMH_QUANTISATION] += quantisation(side, gradient);
    loss[ADAH_DCMH_BALANCE] += balance(side, gradient);
}

/* ---------------------------------------------------------------- the method */

typedef struct dcmh_loss {
    adah_loss_plan plan;
    const size_t *places;
    float *similarity;        /* (B, n_items) */
    float *scratch;           /* B */
    adah_parameter *code[2];  /* of every pair when it was last seen, (n_items, q); 0 before */
} dcmh_loss;

static const adah_loss_name *loss_name(int i) {
    static const adah_loss_name name[ADAH_DCMH_N_LOSSES] = {{"similarity", "similarity", "similarity", 0},
                                                            {"quantisation", "quantisation", "quantisation", 0},
                                                            {"balance", "balance", "bit balance", 0}};
    return i < ADAH_DCMH_N_LOSSES ? &name[i] : NULL;
}

static void loss_free(void *loss) {
    dcmh_loss *l = loss;
    if (!l)
        return;
    adah_memory_free(l->similarity);
    adah_memory_free(l->scratch);
    adah_memory_free(l);
}

/* Codes remembered are parameters that no optimiser moves, so that a checkpoint holds them. */
static adah_code make_bank(dcmh_loss *l, adah_parameters *parameters, adah_status *status) {
    static const char *const name[2] = {"bank.image", "bank.text"};
    const adah_shape shape = ADAH_SHAPE2(l->plan.n_items, (size_t)l->plan.config->n_bits);
    for (int m = 0; m < 2; m++) {
        l->code[m] = adah_parameters_add(parameters, name[m], shape, ADAH_GROUP_BANK);
        if (!l->code[m])
            return adah_fail_memory(status, adah_shape_count(shape) * sizeof(float));
    }
    return ADAH_OK;
}

static adah_code loss_create(const adah_loss_plan *plan, adah_parameters *parameters, void **loss, adah_status *status) {
    dcmh_loss *l = adah_memory_zeroed(1, sizeof *l);
    if (!l)
        return adah_fail_memory(status, sizeof *l);
    l->plan = *plan;
    l->similarity = adah_memory_floats(plan->n_batch * plan->n_items);
    l->scratch = adah_memory_floats(plan->n_batch);
    const adah_code code = l->similarity && l->scratch ? make_bank(l, parameters, status)
                                                       : adah_fail_memory(status, plan->n_batch * plan->n_items * sizeof(float));
    if (code != ADAH_OK)
        loss_free(l);
    else
        *loss = l;
    return code;
}

static void loss_begin(void *loss, const size_t *items, const size_t *places) {
    dcmh_loss *l = loss;
    l->places = places;
    adah_pair_set_similarity(l->plan.set, items, l->plan.n_batch, l->plan.items, l->plan.n_items, l->similarity);
}

static void step_1(void *loss, adah_network *net, int with_adversary, double *sums) {
    (void)with_adversary;
    dcmh_loss *l = loss;
    const adah_settings *c = l->plan.config;
    adah_node *const node[2] = {net->image.class_code, net->text.class_code};
    const size_t q = (size_t)c->n_bits;
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; i < l->plan.n_batch; i++)
            memcpy(l->code[m]->value + l->places[i] * q, adah_node_value(node[m]) + i * q, q * sizeof(float));
    for (int m = 0; m < 2; m++) {
        const adah_dcmh_side side = {.n = l->plan.n_items,
                                     .n_batch = l->plan.n_batch,
                                     .n_bits = q,
                                     .own = l->code[m]->value,
                                     .other = l->code[!m]->value,
                                     .row = l->places,
                                     .similar = l->similarity,
                                     .gamma = c->quantisation_weight,
                                     .eta = c->balance_weight,
                                     .row_loss = l->scratch};
        adah_dcmh_evaluate(&side, sums, adah_node_gradient(node[m]));
    }
}

/* Open values by measurement: docs/method/rivals.md. */
static const char settings[] = ADAH_RIVAL_SETTINGS
    " n_image_hidden=4096 n_text_hidden=4096 classifier_weight=0 quantisation_weight=1 rate=0.0003";

static void build(adah_builder *b, const char *prefix, const adah_network_plan *plan, adah_side *side) {
    (void)plan;
    adah_node *x = adah_graph_relu(b->graph, adah_rival_hidden(b, prefix, side, ADAH_INIT_HE));
    side->class_code = adah_rival_code(b, prefix, adah_graph_dropout(b->graph, x, b->config->dropout), ADAH_INIT_GLOROT);
}

static const adah_loss dcmh = {
    .name = loss_name, .create = loss_create, .free = loss_free, .begin = loss_begin, .step_1 = step_1};

const adah_method adah_method_dcmh = {
    .name = "dcmh", .summary = "deep cross-modal hashing", .has_code_penalties = 1, .settings = settings, .build = build, .loss = &dcmh};
