/* closed_form.h - learning without steps: closed forms in place of epochs. */
#ifndef ADAH_LEARN_CLOSED_FORM_H
#define ADAH_LEARN_CLOSED_FORM_H

#include "learn/history.h"
#include "learn/training.h"

/* Adds the method's parameters. *history gets one entry, of what validation says. No checkpoint. With final epochs in the
 * configuration what is kept has learned from all items. */
adah_code adah_closed_form_train(const adah_training *training, adah_parameters *parameters, adah_history *history,
                                 adah_status *status);

#endif
