/* service.c - see service.h. Two locks: `lock` guards the pointer to the present state and all counts of references,
 * for a few instructions; `changing` lets one reload or write happen at a time, which requests that read do not wait
 * for. */
#include "service.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A model, shared by the states of the index that are searched with it. */
typedef struct serve_loaded_model {
    adah_model *model;
    int n_references; /* under the service's lock */
    pthread_mutex_t lock;
    adah_encoder **idle[2]; /* by modality: room for n_idle_max each */
    size_t n_idle[2], n_idle_max;
} loaded_model;

struct serve_service {
    const char *model_path, *index_path;
    size_t n_encoders;
    pthread_mutex_t lock, changing;
    serve_state *state;
    uint64_t n_loads;
    adah_status problem; /* of the index's file at the last refresh, under the lock */
};

static adah_code fail_memory(adah_status *status) {
    snprintf(status->message, sizeof status->message, "out of memory");
    status->system_error = 0;
    return status->code = ADAH_ERROR_MEMORY;
}

/* ---------------------------------------------------------------- models and their encoders */

static void free_model(loaded_model *m) {
    for (int i = 0; i < 2; i++) {
        for (size_t k = 0; k < m->n_idle[i]; k++)
            adah_encoder_close(m->idle[i][k]);
        free(m->idle[i]);
    }
    adah_model_close(m->model);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static adah_code open_model(const char *path, size_t n_encoders, loaded_model **loaded, adah_status *status) {
    loaded_model *m = calloc(1, sizeof *m);
    if (!m)
        return fail_memory(status);
    pthread_mutex_init(&m->lock, NULL);
    m->n_references = 1;
    m->n_idle_max = n_encoders;
    for (int i = 0; i < 2; i++)
        m->idle[i] = calloc(n_encoders, sizeof *m->idle[i]);
    const adah_code code = m->idle[0] && m->idle[1] ? adah_model_open(path, &m->model, status) : fail_memory(status);
    if (code == ADAH_OK)
        *loaded = m;
    else
        free_model(m);
    return code;
}

adah_code serve_encoder_take(serve_state *state, adah_modality of, adah_encoder **encoder, adah_status *status) {
    loaded_model *m = state->loaded;
    pthread_mutex_lock(&m->lock);
    adah_encoder *idle = m->n_idle[of] ? m->idle[of][--m->n_idle[of]] : NULL;
    pthread_mutex_unlock(&m->lock);
    if (!idle)
        return adah_encoder_create(m->model, NULL, encoder, status);
    *encoder = idle;
    return ADAH_OK;
}

void serve_encoder_give(serve_state *state, adah_modality of, adah_encoder *encoder) {
    loaded_model *m = state->loaded;
    pthread_mutex_lock(&m->lock);
    const int is_kept = m->n_idle[of] < m->n_idle_max;
    if (is_kept)
        m->idle[of][m->n_idle[of]++] = encoder;
    pthread_mutex_unlock(&m->lock);
    if (!is_kept)
        adah_encoder_close(encoder);
}

/* ---------------------------------------------------------------- states */

serve_state *serve_state_take(serve_service *s) {
    pthread_mutex_lock(&s->lock);
    serve_state *state = s->state;
    if (state)
        state->n_references++;
    pthread_mutex_unlock(&s->lock);
    return state;
}

serve_state *serve_state_keep(serve_service *s, serve_state *state) {
    pthread_mutex_lock(&s->lock);
    state->n_references++;
    pthread_mutex_unlock(&s->lock);
    return state;
}

void serve_state_drop(serve_service *s, serve_state *state) {
    if (!state)
        return;
    loaded_model *unused = NULL;
    pthread_mutex_lock(&s->lock);
    const int is_last = --state->n_references == 0;
    if (is_last && --state->loaded->n_references == 0)
        unused = state->loaded;
    pthread_mutex_unlock(&s->lock);
    if (is_last) {
        adah_index_close(state->index);
        free(state);
    }
    if (unused)
        free_model(unused);
}

adah_code serve_state_check(const serve_state *state, adah_status *status) { return adah_index_check(state->index, status); }

/* Makes `state`, with a model and an index that it takes over, the present one. */
static void publish(serve_service *s, serve_state *state, loaded_model *m, adah_index *index) {
    *state = (serve_state){m, m->model, index, 1};
    pthread_mutex_lock(&s->lock);
    serve_state *before = s->state;
    if (before && before->loaded == m)
        m->n_references++;
    else
        s->n_loads++;
    s->state = state;
    pthread_mutex_unlock(&s->lock);
    serve_state_drop(s, before);
}

adah_code serve_service_create(const char *model_path, const char *index_path, int n_encoders,
                               serve_service **service, adah_status *status) {
    serve_service *s = calloc(1, sizeof *s);
    if (!s)
        return fail_memory(status);
    s->model_path = model_path;
    s->index_path = index_path;
    s->n_encoders = (size_t)n_encoders;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->changing, NULL);
    *service = s;
    return ADAH_OK;
}

void serve_service_close(serve_service *s) {
    if (!s)
        return;
    serve_state_drop(s, s->state);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->changing);
    free(s);
}

/* The same problem as before is no news. */
static int set_problem(serve_service *s, const adah_status *problem) {
    pthread_mutex_lock(&s->lock);
    const int is_news = problem->code != s->problem.code || strcmp(problem->message, s->problem.message) != 0;
    s->problem = *problem;
    pthread_mutex_unlock(&s->lock);
    return is_news;
}

adah_code serve_service_load(serve_service *s, adah_status *status) {
    loaded_model *m = NULL;
    adah_index *index = NULL;
    serve_state *state = calloc(1, sizeof *state);
    pthread_mutex_lock(&s->changing);
    adah_code code = state ? open_model(s->model_path, s->n_encoders, &m, status) : fail_memory(status);
    if (code == ADAH_OK)
        code = adah_index_open(s->index_path, &index, status);
    if (code == ADAH_OK)
        code = adah_index_check_model(index, m->model, status);
    if (code == ADAH_OK) {
        publish(s, state, m, index);
        const adah_status none = {.code = ADAH_OK};
        set_problem(s, &none);
    } else {
        adah_index_close(index);
        if (m)
            free_model(m);
        free(state);
    }
    pthread_mutex_unlock(&s->changing);
    return code;
}

uint64_t serve_service_reloads(serve_service *s) {
    pthread_mutex_lock(&s->lock);
    const uint64_t n = s->n_loads;
    pthread_mutex_unlock(&s->lock);
    return n ? n - 1 : 0;
}

int serve_service_refresh(serve_service *s, adah_status *problem) {
    adah_index *latest = NULL;
    *problem = (adah_status){.code = ADAH_OK};
    if (pthread_mutex_trylock(&s->changing) != 0)
        return 0; /* a change is at work, which looks by itself */
    adah_code code = s->state ? adah_index_latest(s->state->index, &latest, problem) : ADAH_OK;
    if (code == ADAH_OK && latest && latest != s->state->index) {
        serve_state *state = NULL;
        code = adah_index_check_model(latest, s->state->model, problem);
        if (code == ADAH_OK && !(state = calloc(1, sizeof *state)))
            code = fail_memory(problem);
        if (state) {
            publish(s, state, s->state->loaded, latest);
            latest = NULL;
        }
    }
    adah_index_close(latest);
    pthread_mutex_unlock(&s->changing);
    if (code == ADAH_OK)
        *problem = (adah_status){.code = ADAH_OK};
    return set_problem(s, problem);
}

int serve_service_has_problem(serve_service *s, adah_status *problem) {
    serve_state *state = serve_state_take(s);
    pthread_mutex_lock(&s->lock);
    *problem = s->problem;
    pthread_mutex_unlock(&s->lock);
    if (problem->code == ADAH_OK && state)
        serve_state_check(state, problem);
    serve_state_drop(s, state);
    const size_t n_path = strlen(s->index_path); /* where it lies is nobody's business */
    if (!strncmp(problem->message, s->index_path, n_path) && !strncmp(problem->message + n_path, ": ", 2))
        memmove(problem->message, problem->message + n_path + 2, strlen(problem->message + n_path + 2) + 1);
    return problem->code != ADAH_OK;
}

/* ---------------------------------------------------------------- writes */

adah_code serve_service_write(serve_service *s, const adah_model *model, serve_change change, void *context, adah_status *status) {
    adah_index_writer *writer = NULL;
    serve_state *state = calloc(1, sizeof *state);
    pthread_mutex_lock(&s->changing);
    adah_code code = state ? adah_index_writer_open(s->index_path, &writer, status) : fail_memory(status);
    const adah_model *present = s->state->model;
    if (code == ADAH_OK)
        code = adah_index_writer_set_model(writer, model, status);
    const int is_of_present = code == ADAH_OK && (model == present || adah_index_check_model(adah_index_writer_state(writer), present, status) == ADAH_OK);
    if (code == ADAH_OK)
        code = change(context, writer, status);
    if (code == ADAH_OK)
        code = adah_index_writer_commit(writer, status);
    if (code == ADAH_OK && is_of_present) {
        publish(s, state, s->state->loaded, adah_index_share(adah_index_writer_state(writer)));
        state = NULL;
    }
    free(state);
    adah_index_writer_close(writer);
    pthread_mutex_unlock(&s->changing);
    return code;
}
