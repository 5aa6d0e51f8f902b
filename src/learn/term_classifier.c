/* term_classifier.c - the label classifier on H: softmax cross-entropy (cross_entropy.h). */
#include "learn/terms.h"
#include "nn/graph/cross_entropy.h"

static double evaluate(const adah_term_view *v, float weight) {
    return v->logits ? adah_classifier_loss(v->logits, v->target, v->n_batch, v->n_labels, weight, v->logits_gradient) : 0;
}

const adah_extra_term adah_term_classifier = {{"classifier", "classifier", "label classifier", 1}, 1, evaluate};
