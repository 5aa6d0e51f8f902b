/* batch_loss.c - gathers codes, similarities and derivatives for objective.c and the terms of terms.h. */
#include "learn/batch_loss.h"
#include "base/memory.h"
#include "learn/terms.h"

#include <math.h>

struct adah_batch_loss {
    const adah_settings *config;
    const adah_pair_set *set;
    size_t n_batch, n_bits, n_labels; /* n_bits: of the class part */
    adah_objective *objective;
    float *similarity; /* (B, B) */
    float *target;     /* (B, L) */
    float *pair;       /* (B, B): the identity; of the picture part, NULL without */
    float *scratch;    /* 3 B, and 4 (B, picture bits) */
};

void adah_batch_loss_free(adah_batch_loss *l) {
    if (!l)
        return;
    adah_objective_free(l->objective);
    adah_memory_free(l->similarity);
    adah_memory_free(l->target);
    adah_memory_free(l->pair);
    adah_memory_free(l->scratch);
    adah_memory_free(l);
}

static adah_code make_memory(adah_batch_loss *l, adah_status *status) {
    const adah_settings *c = l->config;
    const size_t n = l->n_batch;
    l->similarity = adah_memory_floats(n * n);
    l->target = adah_memory_floats(n * l->n_labels);
    l->scratch = adah_memory_floats(3 * n + 4 * n * (size_t)adah_settings_picture_bits(c));
    l->pair = c->n_fine ? adah_memory_floats(n * n) : NULL;
    if (!l->similarity || !l->target || !l->scratch || (c->n_fine && !l->pair))
        return adah_fail_memory(status, n * (n + l->n_labels) * sizeof(float));
    for (size_t i = 0; l->pair && i < n * n; i++)
        l->pair[i] = i % (n + 1) == 0;
    if (!l->n_bits)
        return ADAH_OK;
    /* Hamming = |.|^2 / 4 for codes of +-1, so a margin of m * q in Hamming units is 2 sqrt(m q) in the norm. */
    const adah_objective_options options = {.n_batch = n,
                                            .n_bits = l->n_bits,
                                            .margin = 2 * sqrtf(c->margin * (float)l->n_bits),
                                            .mean_over_active = c->mean_over_active};
    return adah_objective_create(&options, &l->objective, status);
}

adah_code adah_batch_loss_create(const adah_settings *config, const adah_pair_set *set, size_t n_batch, size_t n_labels,
                                 adah_batch_loss **loss, adah_status *status) {
    adah_batch_loss *l = adah_memory_zeroed(1, sizeof *l);
    if (!l)
        return adah_fail_memory(status, sizeof *l);
    *l = (adah_batch_loss){.config = config, .set = set, .n_batch = n_batch, .n_bits = (size_t)adah_settings_class_bits(config),
                             .n_labels = n_labels};
    const adah_code code = make_memory(l, status);
    if (code != ADAH_OK)
        adah_batch_loss_free(l);
    else
        *loss = l;
    return code;
}

/* ---------------------------------------------------------------- one batch */

void adah_batch_loss_begin(adah_batch_loss *l, const size_t *items) {
    adah_pair_set_similarity(l->set, items, l->n_batch, items, l->n_batch, l->similarity);
    if (l->n_labels)
        adah_pair_set_targets(l->set, items, l->n_batch, l->target);
}

static float *value_of(adah_node *node) { return node ? adah_node_value(node) : NULL; }

static float *gradient_of(adah_node *node) { return node ? adah_node_gradient(node) : NULL; }

static void ranking_losses(adah_batch_loss *l, adah_network *net, const float weight[ADAH_N_TERMS], double loss[ADAH_N_TERMS]) {
    adah_node *const node[] = {net->image.class_code, net->text.class_code, net->image.hidden_code, net->text.hidden_code};
    float *value[4], *gradient[4];
    for (int m = 0; m < 4; m++) {
        value[m] = value_of(node[m]);
        gradient[m] = gradient_of(node[m]);
    }
    if (!node[0])
        return;
    const adah_batch_codes codes = {value[0], value[1], value[2], value[3]};
    const adah_batch_gradients gradients = {gradient[0], gradient[1], gradient[2], gradient[3]};
    adah_objective_evaluate(l->objective, &codes, l->similarity, weight, loss, &gradients);
}

/* The terms beside the paper's. Losses are added, each in its place after the six; returns their weighted sum. */
static double extra_losses(adah_batch_loss *l, adah_network *net, double *loss) {
    const adah_settings *c = l->config;
    adah_side *const side[2] = {&net->image, &net->text};
    double sum = 0;
    for (int m = 0; m < 2; m++) {
        adah_side *own = side[m], *other = side[!m];
        const adah_term_view view = {.config = c,
                                     .n_batch = l->n_batch,
                                     .n_bits = l->n_bits,
                                     .n_labels = l->n_labels,
                                     .code = value_of(own->class_code),
                                     .other = value_of(other->class_code),
                                     .gradient = gradient_of(own->class_code),
                                     .other_gradient = gradient_of(other->class_code),
                                     .similarity = l->similarity,
                                     .target = l->target,
                                     .logits = value_of(own->logits),
                                     .logits_gradient = gradient_of(own->logits),
                                     .n_picture_bits = (size_t)adah_settings_picture_bits(c),
                                     .fine = value_of(own->fine),
                                     .other_fine = value_of(other->fine),
                                     .fine_gradient = gradient_of(own->fine),
                                     .other_fine_gradient = gradient_of(other->fine),
                                     .picture_code = value_of(own->picture_code),
                                     .other_picture_code = value_of(other->picture_code),
                                     .picture_gradient = gradient_of(own->picture_code),
                                     .other_picture_gradient = gradient_of(other->picture_code),
                                     .pair = l->pair,
                                     .scratch = l->scratch};
        const adah_extra_term *term;
        for (int t = 0; (term = adah_extra_term_at(t)); t++) {
            const float weight = adah_extra_term_weight(c, t);
            if (weight == 0 || (term->of_labels && !l->n_labels))
                continue;
            const double x = term->evaluate(&view, weight);
            loss[ADAH_N_TERMS + t] += x;
            sum += weight * x;
        }
    }
    return sum;
}

double adah_batch_loss_head(adah_batch_loss *l, adah_network *net, float hidden, double loss[ADAH_LOSSES_MAX]) {
    const float t = l->config->triplet_weight, h = t * hidden;
    const float weight[ADAH_N_TERMS] = {t, t, t, t, h, h};
    double sum = 0;
    for (int i = 0; i < ADAH_LOSSES_MAX; i++)
        loss[i] = 0;
    ranking_losses(l, net, weight, loss);
    for (int i = 0; i < ADAH_N_TERMS; i++)
        sum += weight[i] * loss[i];
    return sum + extra_losses(l, net, loss);
}

void adah_batch_loss_attention(adah_batch_loss *l, adah_network *net, float retrieval, float hidden) {
    const float weight[ADAH_N_TERMS] = {retrieval, retrieval, retrieval, retrieval, hidden, hidden};
    double loss[ADAH_N_TERMS];
    ranking_losses(l, net, weight, loss);
}

/* ---------------------------------------------------------------- as method.h has it */

static const adah_loss_name *loss_name(int i) {
    if (i < ADAH_N_TERMS)
        return &adah_term_name[i];
    const adah_extra_term *term = adah_extra_term_at(i - ADAH_N_TERMS);
    return term ? &term->name : NULL;
}

static adah_code loss_create(const adah_loss_plan *plan, adah_parameters *parameters, void **loss, adah_status *status) {
    (void)parameters;
    adah_batch_loss *l;
    ADAH_TRY(adah_batch_loss_create(plan->config, plan->set, plan->n_batch, plan->n_labels, &l, status));
    *loss = l;
    return ADAH_OK;
}

static void loss_free(void *loss) { adah_batch_loss_free(loss); }

static int has_step_2(const adah_settings *c) {
    return c->attention && c->attention_mask != ADAH_MASK_RANDOM && (c->adversary || c->attention_retrieval_weight > 0);
}

static void loss_begin(void *loss, const size_t *items, const size_t *places) {
    (void)places;
    adah_batch_loss_begin(loss, items);
}

/* F, the six terms, and the terms beside them. */
static void step_1(void *loss, adah_network *net, int with_adversary, double *sums) {
    adah_batch_loss *l = loss;
    double now[ADAH_LOSSES_MAX];
    adah_batch_loss_head(l, net, with_adversary ? l->config->adversarial_weight : 0, now);
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
