/* service.h - what is served: a model, its encoders and a state of the index, which change while requests go on.
 *
 * A request takes the present state and gives it back at its end; whatever is opened meanwhile serves those that come
 * later, and a state lives as long as a request has it. No lock is held while a request works. */
#ifndef ADAH_SERVER_SERVICE_H
#define ADAH_SERVER_SERVICE_H

#include <adah/adah.h>

typedef struct serve_service serve_service;

typedef struct serve_state {
    struct serve_loaded_model *loaded;
    const adah_model *model;
    adah_index *index;
    int n_references; /* under the service's lock */
} serve_state;

/* Nothing is opened yet: there is no state before serve_service_load. The paths must outlive it. */
adah_code serve_service_create(const char *model_path, const char *index_path, int n_encoders,
                               serve_service **service, adah_status *status);
void serve_service_close(serve_service *service); /* when no request has a state any more; NULL is fine */

/* Opens model and index anew; on failure all stays as it was. Any thread. */
adah_code serve_service_load(serve_service *service, adah_status *status);
/* Looks whether another process has committed to the index, replaced or changed it. Where no good index is there, the state before goes
 * on: whole when its file was removed or replaced; else its reads are refused at their end (serve_state_check). Returns 1 when
 * that is news: `problem` is what is wrong now, "" when all is well again. */
int serve_service_refresh(serve_service *service, adah_status *problem);
/* 1: what bears the index's name is no good index, as found by the last refresh or found now, and `problem` says why, without paths. */
int serve_service_has_problem(serve_service *service, adah_status *problem);
uint64_t serve_service_reloads(serve_service *service); /* loads after the first */

serve_state *serve_state_take(serve_service *service); /* NULL: not loaded yet */
serve_state *serve_state_keep(serve_service *service, serve_state *state); /* once more; returns it */
void serve_state_drop(serve_service *service, serve_state *state);
/* Is all that was read of the state to be trusted? ADAH_ERROR_CORRUPT: another program has changed its file in place. */
adah_code serve_state_check(const serve_state *state, adah_status *status);

/* An encoder of the state's model, for this thread until it is given back. One of pictures takes texts, too; those of texts are kept apart,
 * because they are small. */
adah_code serve_encoder_take(serve_state *state, adah_modality of, adah_encoder **encoder, adah_status *status);
void serve_encoder_give(serve_state *state, adah_modality of, adah_encoder *encoder);

/* Calls `change` with a writer of the index, commits, and makes the outcome the present state: all or nothing, one
 * after another. `model`: what the codes were made by. ADAH_ERROR_MISMATCH: it is no longer that of the index. Whatever `change` fails with is returned and nothing is written; once the commit
 * is on disk nothing fails any more. */
typedef adah_code (*serve_change)(void *context, adah_index_writer *writer, adah_status *status);
adah_code serve_service_write(serve_service *service, const adah_model *model, serve_change change, void *context, adah_status *status);

#endif
