/* rival_loss.c - joins the objectives of the deep rivals to the nodes of a network. */
#include "rivals/rival_loss.h"
#include "base/memory.h"
#include "learn/further_losses.h"
#include "rivals/acmr.h"
#include "rivals/dcmh.h"

#include <math.h>
#include <string.h>

struct adah_rival_loss {
    const adah_training *t;
    int is_dcmh;
    size_t n_batch, n_labels; /* n_labels 0: no classifier */
    const size_t *rows;       /* of the batch, in t->items */
    size_t n_others;          /* columns of S */
    float *similarity;        /* (B, n_others); dcmh: to all of t->items; acmr: to the batch */
    float *target;            /* (B, L) */
    float *scratch;           /* (B + 1) * B */
    adah_parameter *code[2];  /* dcmh: of every pair when it was last seen, (n_others, q); 0 before */
};

const char *adah_rival_loss_name(const adah_settings *config, int loss) {
    static const char *const dcmh[] = {"similarity", "quantisation", "balance"}, *const acmr[] = {"structure", "labels", "modality"};
    if (loss >= ADAH_RIVAL_LOSSES_MAX)
        return NULL;
    return !strcmp(config->method, "dcmh") ? dcmh[loss] : !strcmp(config->method, "acmr") ? acmr[loss] : NULL;
}

int adah_rival_has_adversary(const adah_settings *config) { return !strcmp(config->method, "acmr") && config->adversary; }

void adah_rival_loss_free(adah_rival_loss *l) {
    if (!l)
        return;
    adah_memory_free(l->similarity);
    adah_memory_free(l->target);
    adah_memory_free(l->scratch);
    adah_memory_free(l);
}

/* Codes remembered are parameters that no optimiser moves, so that a checkpoint holds them. */
static adah_code make_bank(adah_rival_loss *l, adah_parameters *parameters, adah_status *status) {
    static const char *const name[2] = {"bank.image", "bank.text"};
    const adah_shape shape = ADAH_SHAPE2(l->n_others, (size_t)l->t->config->n_bits);
    for (int m = 0; m < 2; m++) {
        l->code[m] = adah_parameters_add(parameters, name[m], shape, ADAH_GROUP_BANK);
        if (!l->code[m])
            return adah_fail_memory(status, adah_shape_count(shape) * sizeof(float));
    }
    return ADAH_OK;
}

adah_code adah_rival_loss_create(const adah_training *training, size_t n_batch, adah_parameters *parameters,
                                 adah_rival_loss **loss, adah_status *status) {
    adah_rival_loss *l = adah_memory_zeroed(1, sizeof *l);
    if (!l)
        return adah_fail_memory(status, sizeof *l);
    l->t = training;
    l->is_dcmh = !strcmp(training->config->method, "dcmh");
    l->n_batch = n_batch;
    l->n_labels = training->classify && training->config->classifier_weight > 0 ? training->set->n_labels : 0;
    l->n_others = l->is_dcmh ? training->n_train + training->n_validation : n_batch;
    l->similarity = adah_memory_floats(n_batch * l->n_others);
    l->target = adah_memory_floats(n_batch * l->n_labels);
    l->scratch = adah_memory_floats((n_batch + 1) * n_batch);
    adah_code code = l->similarity && l->target && l->scratch ? ADAH_OK
                                                              : adah_fail_memory(status, n_batch * l->n_others * sizeof(float));
    if (code == ADAH_OK && l->is_dcmh)
        code = make_bank(l, parameters, status);
    if (code != ADAH_OK)
        adah_rival_loss_free(l);
    else
        *loss = l;
    return code;
}

void adah_rival_loss_begin(adah_rival_loss *l, const size_t *items, const size_t *rows) {
    const adah_pair_set *set = l->t->set;
    l->rows = rows;
    adah_pair_set_similarity(set, items, l->n_batch, l->is_dcmh ? l->t->items : items, l->n_others, 0, l->similarity);
    if (l->n_labels)
        adah_pair_set_targets(set, items, l->n_batch, l->target);
}

/* ---- DCMH. Both networks descend at once, each against what is remembered of the other. ---- */

static void dcmh_head(adah_rival_loss *l, adah_network *net, double *loss) {
    const adah_settings *c = l->t->config;
    adah_node *const node[2] = {net->image.code, net->text.code};
    const size_t q = (size_t)c->n_bits;
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; i < l->n_batch; i++)
            memcpy(l->code[m]->value + l->rows[i] * q, adah_node_value(node[m]) + i * q, q * sizeof(float));
    for (int m = 0; m < 2; m++) {
        const adah_dcmh_side side = {.n = l->n_others,
                                     .n_batch = l->n_batch,
                                     .n_bits = q,
                                     .own = l->code[m]->value,
                                     .other = l->code[!m]->value,
                                     .row = l->rows,
                                     .similar = l->similarity,
                                     .gamma = c->quantisation_weight,
                                     .eta = c->balance_weight,
                                     .row_loss = l->scratch};
        adah_dcmh_evaluate(&side, loss, adah_node_gradient(node[m]));
    }
}

/* ---- ACMR. Step 1: min of L_imi + classifier_weight * L_imd - adversarial_weight * L_adv. Step 2: min of L_adv. ---- */

enum { ACMR_STRUCTURE, ACMR_LABELS, ACMR_MODALITY };

static double acmr_modality(const adah_rival_loss *l, adah_network *net, float weight) {
    adah_node *image = net->image.modality, *text = net->text.modality;
    return adah_acmr_modality(adah_node_value(image), adah_node_value(text), l->n_batch, weight, adah_node_gradient(image),
                              adah_node_gradient(text));
}

static void acmr_head(adah_rival_loss *l, adah_network *net, double *loss) {
    const adah_settings *c = l->t->config;
    adah_side *const side[2] = {&net->image, &net->text};
    /* mu as ADAH's margin: a share of q in Hamming units, so 2 sqrt(margin * q) in the norm. */
    const float margin = 2 * sqrtf(c->margin * (float)c->n_bits);
    loss[ACMR_STRUCTURE] += adah_acmr_structure(adah_node_value(side[0]->code), adah_node_value(side[1]->code), l->similarity,
                                                l->n_batch, (size_t)c->n_bits, margin, l->scratch,
                                                adah_node_gradient(side[0]->code), adah_node_gradient(side[1]->code));
    for (int m = 0; m < 2 && l->n_labels; m++)
        loss[ACMR_LABELS] += adah_classifier_loss(adah_node_value(side[m]->logits), l->target, l->n_batch, l->n_labels,
                                                  c->classifier_weight, adah_node_gradient(side[m]->logits));
    if (c->adversary)
        loss[ACMR_MODALITY] += acmr_modality(l, net, -c->adversarial_weight);
}

void adah_rival_loss_head(adah_rival_loss *l, adah_network *net, double *loss) {
    if (l->is_dcmh)
        dcmh_head(l, net, loss);
    else
        acmr_head(l, net, loss);
}

void adah_rival_loss_adversary(adah_rival_loss *l, adah_network *net) { acmr_modality(l, net, 1); }
