/* methods.c - the table of methods: the paper's own, and the rivals that it is compared with. To add a rival, write its file in
 * src/rivals with its row, adah_method_NAME, and add NAME here. */
#include "learn/batch_loss.h"
#include "paper/network.h"
#include "settings/method.h"

#include <stddef.h>

#define METHODS(METHOD)                                                                                               \
    METHOD(adah) METHOD(cca) METHOD(cmfh) METHOD(scm_orth) METHOD(scm_seq) METHOD(stmh) METHOD(seph_km) METHOD(seph_rnd) \
    METHOD(dcmh) METHOD(acmr) METHOD(random) METHOD(itq) METHOD(none)

#define DECLARE(name) extern const adah_method adah_method_##name;
METHODS(DECLARE)
#define ENTRY(name) &adah_method_##name,
const adah_method *const adah_methods[] = {METHODS(ENTRY) NULL};

const adah_method adah_method_adah = {.name = "adah",
                                      .summary = "attention-aware deep adversarial hashing, the method of the paper",
                                      .has_attention = 1,
                                      .has_adversary = 1,
                                      .has_fine = 1,
                                      .settings = "",
                                      .build = adah_paper_build,
                                      .loss = &adah_loss_of_adah};
