/* train_rival.c - joins the objectives of src/baselines to the nodes of a network. */
#include "model/train_rival.h"
#include "baselines/acmr.h"
#include "baselines/dcmh.h"
#include "model/objective.h"

#include <math.h>
#include <string.h>

/* ---- DCMH. Both networks descend at once, each against what is remembered of the other. ---- */

static void dcmh_head(const adah_rival_batch *b, double *loss) {
    adah_node *const code[2] = {b->net->image.code, b->net->text.code};
    const size_t q = (size_t)b->config->n_bits;
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; i < b->n_batch; i++)
            memcpy(b->memory[m] + b->row[i] * q, adah_node_value(code[m]) + i * q, q * sizeof(float));
    adah_pair_set_similar_to_all(b->set, b->train, b->n_train, b->row, b->n_batch, b->similar_to_all);
    for (int m = 0; m < 2; m++) {
        const adah_dcmh_side side = {.n = b->n_train,
                                     .n_batch = b->n_batch,
                                     .n_bits = q,
                                     .own = b->memory[m],
                                     .other = b->memory[1 - m],
                                     .row = b->row,
                                     .similar = b->similar_to_all,
                                     .gamma = b->config->quantisation_weight,
                                     .eta = b->config->balance_weight,
                                     .row_loss = b->scratch};
        adah_dcmh_evaluate(&side, loss, adah_node_gradient(code[m]));
    }
}

/* ---- ACMR. Step 1: min of L_imi + classifier_weight * L_imd - adversarial_weight * L_adv. Step 2: min of L_adv. ---- */

enum { ACMR_STRUCTURE, ACMR_LABELS, ACMR_MODALITY };

/* mu as ADAH's margin: a share of q in Hamming units, so 2 sqrt(margin * q) in the norm. */
static float acmr_margin(const adah_config *c) { return 2 * sqrtf(c->margin * (float)c->n_bits); }

static double acmr_modality(const adah_rival_batch *b, float weight) {
    adah_node *image = b->net->image.modality, *text = b->net->text.modality;
    return adah_acmr_modality(adah_node_value(image), adah_node_value(text), b->n_batch, weight, adah_node_gradient(image),
                              adah_node_gradient(text));
}

static void acmr_head(const adah_rival_batch *b, double *loss) {
    const adah_config *c = b->config;
    adah_side *const side[2] = {&b->net->image, &b->net->text};
    loss[ACMR_STRUCTURE] +=
        adah_acmr_structure(adah_node_value(side[0]->code), adah_node_value(side[1]->code), b->similar, b->n_batch,
                            (size_t)c->n_bits, acmr_margin(c), b->scratch, adah_node_gradient(side[0]->code),
                            adah_node_gradient(side[1]->code));
    for (int m = 0; m < 2 && b->target; m++)
        loss[ACMR_LABELS] += adah_classifier_loss(adah_node_value(side[m]->logits), b->target, b->n_batch, b->set->n_labels,
                                                  c->classifier_weight, adah_node_gradient(side[m]->logits));
    if (c->adversary)
        loss[ACMR_MODALITY] += acmr_modality(b, -c->adversarial_weight);
}

static void acmr_adversary(const adah_rival_batch *b) { acmr_modality(b, 1); }

static const adah_rival_steps rivals[] = {
    {"dcmh", {"similarity", "quantisation", "balance"}, 1, dcmh_head, NULL},
    {"acmr", {"structure", "labels", "modality"}, 0, acmr_head, acmr_adversary},
};

const adah_rival_steps *adah_rival_steps_find(const char *method) {
    for (size_t i = 0; i < sizeof rivals / sizeof *rivals; i++)
        if (!strcmp(rivals[i].method, method))
            return &rivals[i];
    return NULL;
}
