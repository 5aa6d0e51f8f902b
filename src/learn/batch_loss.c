/* batch_loss.c - gathers codes, similarities and derivatives for objective.c and the terms of terms.h.
 *
 * A shorter code is the first bits of the longer one (nested_bits): its losses see a copy of those columns, and their
 * derivatives are added back. Every length counts the same.
 *
 * The memory bank (Wang et al., CVPR 2020, cross-batch memory) holds the codes of the last batches as further database
 * items. It lives in parameters that no optimiser moves, so that a checkpoint holds it. */
#include "learn/batch_loss.h"
#include "base/memory.h"
#include "learn/terms.h"

#include <math.h>
#include <string.h>

enum { LENGTHS_MAX = 8, N_CODES = 4 }; /* 16 ... 1024 bits; image, text, image hidden, text hidden */

struct adah_batch_loss {
    const adah_settings *config;
    const adah_pair_set *set;
    size_t n_batch, n_bank_max, n_bank, n_labels; /* n_bank: filled, for this batch */
    uint64_t n_remembered;                        /* batches, before this one */
    size_t n_lengths, length[LENGTHS_MAX];        /* ascending; the last is q */
    adah_objective *objective[LENGTHS_MAX];
    adah_parameter *proxy, *bank_code[2], *bank_item; /* items are kept as floats, exact to 2^24 */
    float *similarity;                            /* (B, B + n_bank) */
    float *target;                                /* (B, L) */
    size_t *others;                               /* items of the columns of S */
    float *prefix[N_CODES], *prefix_gradient[N_CODES], *prefix_bank[2]; /* columns of a shorter code */
    float *scratch;
};

void adah_batch_loss_free(adah_batch_loss *l) {
    if (!l)
        return;
    for (size_t i = 0; i < l->n_lengths; i++)
        adah_objective_free(l->objective[i]);
    adah_memory_free(l->similarity);
    adah_memory_free(l->target);
    adah_memory_free(l->others);
    for (int m = 0; m < N_CODES; m++) {
        adah_memory_free(l->prefix[m]);
        adah_memory_free(l->prefix_gradient[m]);
    }
    adah_memory_free(l->prefix_bank[0]);
    adah_memory_free(l->prefix_bank[1]);
    adah_memory_free(l->scratch);
    adah_memory_free(l);
}

static adah_code add_parameter(adah_parameters *parameters, const char *name, adah_shape shape, unsigned group,
                               adah_parameter **p, adah_status *status) {
    *p = adah_parameters_add(parameters, name, shape, group);
    return *p ? ADAH_OK : adah_fail_memory(status, adah_shape_count(shape) * sizeof(float));
}

static adah_code make_parameters(adah_batch_loss *l, adah_parameters *parameters, adah_status *status) {
    const size_t q = (size_t)l->config->n_bits, m = l->n_bank_max;
    if (l->n_labels && l->config->proxy_weight > 0) {
        ADAH_TRY(add_parameter(parameters, "proxy", ADAH_SHAPE2(l->n_labels, q), ADAH_GROUP_HEAD, &l->proxy, status));
        adah_random random = adah_random_seeded(l->config->seed, l->n_labels);
        adah_parameter_init_glorot(l->proxy, &random);
    }
    if (m) {
        ADAH_TRY(add_parameter(parameters, "bank.image", ADAH_SHAPE2(m, q), ADAH_GROUP_BANK, &l->bank_code[0], status));
        ADAH_TRY(add_parameter(parameters, "bank.text", ADAH_SHAPE2(m, q), ADAH_GROUP_BANK, &l->bank_code[1], status));
        ADAH_TRY(add_parameter(parameters, "bank.item", ADAH_SHAPE1(m), ADAH_GROUP_BANK, &l->bank_item, status));
    }
    return ADAH_OK;
}

static adah_code make_memory(adah_batch_loss *l, adah_status *status) {
    const size_t q = (size_t)l->config->n_bits, n = l->n_batch, columns = n + l->n_bank_max;
    size_t n_scratch = 2 * n * l->n_labels > 3 * columns ? 2 * n * l->n_labels : 3 * columns;
    l->similarity = adah_memory_floats(n * columns);
    l->target = adah_memory_floats(n * l->n_labels);
    l->others = adah_memory_zeroed(columns, sizeof *l->others);
    l->scratch = adah_memory_floats(n_scratch);
    int good = l->similarity && l->target && l->others && l->scratch;
    if (l->n_lengths > 1) {
        for (int m = 0; m < N_CODES; m++) {
            l->prefix[m] = adah_memory_floats(n * q);
            l->prefix_gradient[m] = adah_memory_floats(n * q);
            good = good && l->prefix[m] && l->prefix_gradient[m];
        }
        for (int m = 0; m < 2; m++) {
            l->prefix_bank[m] = adah_memory_floats(l->n_bank_max * q);
            good = good && l->prefix_bank[m];
        }
    }
    return good ? ADAH_OK : adah_fail_memory(status, n * columns * sizeof(float));
}

static adah_code make_objectives(adah_batch_loss *l, adah_status *status) {
    const adah_settings *c = l->config;
    const size_t q = (size_t)c->n_bits;
    for (size_t bits = c->nested_bits ? (size_t)c->nested_bits : q; bits < q && l->n_lengths + 1 < LENGTHS_MAX; bits *= 2)
        l->length[l->n_lengths++] = bits;
    l->length[l->n_lengths++] = q;
    for (size_t i = 0; i < l->n_lengths; i++) {
        /* Hamming = |.|^2 / 4 for codes of +-1, so a margin of m * q in Hamming units is 2 sqrt(m q) in the norm. */
        const adah_objective_options options = {.n_batch = l->n_batch,
                                                .n_bits = l->length[i],
                                                .n_bank_max = l->n_bank_max,
                                                .margin = 2 * sqrtf(c->margin * (float)l->length[i]),
                                                .mean_over_active = c->mean_over_active,
                                                .semi_hard = c->mining == ADAH_MINING_SEMI_HARD};
        ADAH_TRY(adah_objective_create(&options, &l->objective[i], status));
    }
    return ADAH_OK;
}

adah_code adah_batch_loss_create(const adah_settings *config, const adah_pair_set *set, size_t n_batch, size_t n_labels,
                                 adah_parameters *parameters, adah_batch_loss **loss, adah_status *status) {
    adah_batch_loss *l = adah_memory_zeroed(1, sizeof *l);
    if (!l)
        return adah_fail_memory(status, sizeof *l);
    l->config = config;
    l->set = set;
    l->n_batch = n_batch;
    l->n_labels = config->classifier_weight > 0 || config->proxy_weight > 0 ? n_labels : 0;
    l->n_bank_max = (size_t)config->n_bank / n_batch * n_batch; /* whole batches */
    adah_code code = make_objectives(l, status);
    if (code == ADAH_OK)
        code = make_memory(l, status);
    if (code == ADAH_OK)
        code = make_parameters(l, parameters, status);
    if (code != ADAH_OK)
        adah_batch_loss_free(l);
    else
        *loss = l;
    return code;
}

/* ---------------------------------------------------------------- one batch */

void adah_batch_loss_begin(adah_batch_loss *l, const size_t *items, uint64_t n_remembered) {
    l->n_remembered = n_remembered;
    const uint64_t filled = n_remembered * l->n_batch;
    l->n_bank = filled < l->n_bank_max ? (size_t)filled : l->n_bank_max;
    memcpy(l->others, items, l->n_batch * sizeof *items);
    for (size_t j = 0; j < l->n_bank; j++)
        l->others[l->n_batch + j] = (size_t)l->bank_item->value[j];
    adah_pair_set_similarity(l->set, items, l->n_batch, l->others, l->n_batch + l->n_bank, l->config->graded_similarity,
                             l->similarity);
    if (l->n_labels)
        adah_pair_set_targets(l->set, items, l->n_batch, l->target);
}

/* The codes of a forward pass, full length. */
typedef struct code_view {
    float *value[N_CODES], *gradient[N_CODES];
    const float *bank[2];
} code_view;

static code_view view_of(adah_batch_loss *l, adah_network *net) {
    adah_side *image = &net->image, *text = &net->text;
    adah_node *const node[N_CODES] = {image->code, text->code, image->hidden_code, text->hidden_code};
    code_view v = {0};
    for (int m = 0; m < N_CODES; m++)
        if (node[m]) {
            v.value[m] = adah_node_value(node[m]);
            v.gradient[m] = adah_node_gradient(node[m]);
        }
    for (int m = 0; m < 2 && l->n_bank; m++)
        v.bank[m] = l->bank_code[m]->value;
    return v;
}

static void copy_columns(float *to, size_t to_bits, const float *from, size_t from_bits, size_t n) {
    const size_t bits = to_bits < from_bits ? to_bits : from_bits;
    for (size_t i = 0; i < n; i++)
        memcpy(to + i * to_bits, from + i * from_bits, bits * sizeof *to);
}

/* The first `bits` of every code, with empty gradients. */
static code_view prefix_of(adah_batch_loss *l, const code_view *full, size_t bits) {
    const size_t q = (size_t)l->config->n_bits;
    code_view v = {0};
    for (int m = 0; m < N_CODES; m++)
        if (full->value[m]) {
            copy_columns(l->prefix[m], bits, full->value[m], q, l->n_batch);
            memset(l->prefix_gradient[m], 0, l->n_batch * bits * sizeof(float));
            v.value[m] = l->prefix[m];
            v.gradient[m] = l->prefix_gradient[m];
        }
    for (int m = 0; m < 2; m++)
        if (full->bank[m]) {
            copy_columns(l->prefix_bank[m], bits, full->bank[m], q, l->n_bank);
            v.bank[m] = l->prefix_bank[m];
        }
    return v;
}

static void add_prefix_gradients(const adah_batch_loss *l, const code_view *prefix, size_t bits, const code_view *full) {
    const size_t q = (size_t)l->config->n_bits;
    for (int m = 0; m < N_CODES; m++)
        for (size_t i = 0; full->gradient[m] && i < l->n_batch; i++)
            for (size_t c = 0; c < bits; c++)
                full->gradient[m][i * q + c] += prefix->gradient[m][i * bits + c];
}

static void ranking_losses(adah_batch_loss *l, size_t which, const code_view *v, const float weight[ADAH_N_TERMS],
                           double loss[ADAH_N_TERMS]) {
    const adah_batch_codes codes = {v->value[0], v->value[1], v->value[2], v->value[3], v->bank[0], v->bank[1], l->n_bank};
    const adah_batch_gradients gradients = {v->gradient[0], v->gradient[1], v->gradient[2], v->gradient[3]};
    adah_objective_evaluate(l->objective[which], &codes, l->similarity, weight, loss, &gradients);
}

/* The terms beside the six: those that look at codes of any length, or (of_labels) those that are tied to the full one. share:
 * what this length counts. Losses are added, each in its place behind the six; returns their weighted sum. */
static double extra_losses(adah_batch_loss *l, adah_network *net, const code_view *v, size_t bits, float share, int of_labels,
                           double *loss) {
    const adah_settings *c = l->config;
    adah_node *const logits[2] = {net->image.logits, net->text.logits};
    double sum = 0;
    for (int m = 0; m < 2; m++) {
        const adah_term_view view = {.config = c,
                                     .n_batch = l->n_batch,
                                     .n_bits = bits,
                                     .n_labels = l->n_labels,
                                     .code = v->value[m],
                                     .other = v->value[!m],
                                     .gradient = v->gradient[m],
                                     .other_gradient = v->gradient[!m],
                                     .bank = v->bank[!m],
                                     .n_bank = l->n_bank,
                                     .similarity = l->similarity,
                                     .target = l->target,
                                     .logits = logits[m] ? adah_node_value(logits[m]) : NULL,
                                     .logits_gradient = logits[m] ? adah_node_gradient(logits[m]) : NULL,
                                     .proxy = l->proxy,
                                     .scratch = l->scratch};
        const adah_extra_term *term;
        for (int t = 0; (term = adah_extra_term_at(t)); t++) {
            const float weight = (of_labels ? 1 : share) * adah_extra_term_weight(c, t);
            if (term->of_labels != of_labels || weight == 0 || (of_labels && !l->n_labels))
                continue;
            const double x = term->evaluate(&view, weight);
            loss[ADAH_N_TERMS + t] += x;
            sum += weight * x;
        }
    }
    return sum;
}

double adah_batch_loss_head(adah_batch_loss *l, adah_network *net, float hidden, double loss[ADAH_LOSSES_MAX]) {
    const float share = 1 / (float)l->n_lengths, t = share * l->config->triplet_weight, h = t * hidden;
    const float weight[ADAH_N_TERMS] = {t, t, t, t, h, h};
    const code_view full = view_of(l, net);
    double sum = 0;
    for (size_t i = 0; i < l->n_lengths; i++) {
        const size_t bits = l->length[i];
        const int is_full = i + 1 == l->n_lengths;
        const code_view v = is_full ? full : prefix_of(l, &full, bits);
        memset(loss, 0, ADAH_LOSSES_MAX * sizeof *loss);
        ranking_losses(l, i, &v, weight, loss);
        for (int term = 0; term < ADAH_N_TERMS; term++)
            sum += weight[term] * loss[term];
        sum += extra_losses(l, net, &v, bits, share, 0, loss);
        if (is_full)
            sum += extra_losses(l, net, &full, bits, share, 1, loss);
        else
            add_prefix_gradients(l, &v, bits, &full);
    }
    return sum;
}

void adah_batch_loss_attention(adah_batch_loss *l, adah_network *net, float retrieval, float hidden) {
    const float weight[ADAH_N_TERMS] = {retrieval, retrieval, retrieval, retrieval, hidden, hidden};
    double loss[ADAH_N_TERMS];
    const code_view full = view_of(l, net);
    ranking_losses(l, l->n_lengths - 1, &full, weight, loss);
}

void adah_batch_loss_remember(adah_batch_loss *l, adah_network *net) {
    if (!l->n_bank_max)
        return;
    const size_t q = (size_t)l->config->n_bits, start = (size_t)(l->n_remembered * l->n_batch % l->n_bank_max);
    const code_view v = view_of(l, net);
    for (int m = 0; m < 2; m++)
        memcpy(l->bank_code[m]->value + start * q, v.value[m], l->n_batch * q * sizeof(float));
    for (size_t i = 0; i < l->n_batch; i++)
        l->bank_item->value[start + i] = (float)l->others[i];
}

/* ---------------------------------------------------------------- as method.h has it */

static const adah_loss_name *loss_name(int i) {
    if (i < ADAH_N_TERMS)
        return &adah_term_name[i];
    const adah_extra_term *term = adah_extra_term_at(i - ADAH_N_TERMS);
    return term ? &term->name : NULL;
}

static adah_code loss_create(const adah_loss_plan *plan, adah_parameters *parameters, void **loss, adah_status *status) {
    adah_batch_loss *l;
    ADAH_TRY(adah_batch_loss_create(plan->config, plan->set, plan->n_batch, plan->n_labels, parameters, &l, status));
    *loss = l;
    return ADAH_OK;
}

static void loss_free(void *loss) { adah_batch_loss_free(loss); }

static int has_step_2(const adah_settings *c) {
    return c->attention && c->attention_mask != ADAH_MASK_RANDOM && (c->adversary || c->attention_retrieval_weight > 0);
}

static void loss_begin(void *loss, const size_t *items, const size_t *places, uint64_t n_steps) {
    (void)places;
    adah_batch_loss_begin(loss, items, n_steps);
}

/* F, the six terms, and the terms beside them. */
static void step_1(void *loss, adah_network *net, int with_adversary, double *sums) {
    adah_batch_loss *l = loss;
    double now[ADAH_LOSSES_MAX];
    adah_batch_loss_head(l, net, with_adversary ? l->config->adversarial_weight : 0, now);
    adah_batch_loss_remember(l, net);
    for (int i = 0; i < ADAH_LOSSES_MAX; i++)
        sums[i] += now[i];
}

/* What descends with the weight -1 climbs. With attention_retrieval_weight the mask also descends the cross-modal retrieval loss
 * of what it attends. */
static void step_2(void *loss, adah_network *net) {
    adah_batch_loss *l = loss;
    adah_batch_loss_attention(l, net, l->config->attention_retrieval_weight, l->config->adversary ? -1 : 0);
}

const adah_loss adah_loss_of_adah = {.name = loss_name,
                                     .create = loss_create,
                                     .free = loss_free,
                                     .has_step_2 = has_step_2,
                                     .begin = loss_begin,
                                     .step_1 = step_1,
                                     .step_2 = step_2};
