/* parallel.c - adah_parallel_for on OpenMP, teams on threads of the system: those of OpenMP end the program when one cannot
 * be started. */
#include "base/parallel.h"
#include "base/memory.h"

#include <adah/adah.h>

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>

static _Thread_local int number_in_loop; /* of the innermost loop that this thread is in */

void adah_parallel_for(size_t n, size_t grain, void (*body)(void *context, size_t i), void *context) {
    size_t wanted = n / (grain ? grain : 1);
    int n_threads = omp_get_max_threads();
    if (wanted < (size_t)n_threads)
        n_threads = (int)wanted;
    const int outer = number_in_loop;
    if (n_threads <= 1) {
        number_in_loop = 0;
        for (size_t i = 0; i < n; i++)
            body(context, i);
        number_in_loop = outer;
        return;
    }
#pragma omp parallel num_threads(n_threads)
    {
        number_in_loop = omp_get_thread_num();
#pragma omp for schedule(dynamic, (int)(grain ? grain : 1))
        for (size_t i = 0; i < n; i++)
            body(context, i);
    }
    number_in_loop = outer;
}

typedef struct team_member {
    pthread_t thread;
    void (*body)(void *context, size_t number);
    void *context;
    size_t number;
} team_member;

static atomic_size_t start_countdown; /* 0: off; 1: the next and all after it fail */

void adah_parallel_fault_at(size_t n) { atomic_store(&start_countdown, n); }

static int may_start(void) {
    const size_t n = atomic_load(&start_countdown);
    if (n > 1)
        atomic_store(&start_countdown, n - 1);
    return n != 1;
}

static void run_member(const team_member *member) {
    const int before = adah_parallel_threads();
    adah_parallel_set_threads(1);
    member->body(member->context, member->number);
    adah_parallel_set_threads(before);
}

static void *start_member(void *member) {
    run_member(member);
    return NULL;
}

void adah_parallel_team(size_t n, void (*body)(void *context, size_t number), void *context) {
    const team_member first = {.body = body, .context = context};
    team_member *other = n > 1 ? adah_memory_zeroed(n - 1, sizeof *other) : NULL;
    size_t n_started = 0;
    for (; other && n_started < n - 1; n_started++) {
        team_member *member = &other[n_started];
        *member = (team_member){.body = body, .context = context, .number = n_started + 1};
        if (!may_start() || pthread_create(&member->thread, NULL, start_member, member) != 0)
            break;
    }
    run_member(&first);
    for (size_t i = 0; i < n_started; i++)
        pthread_join(other[i].thread, NULL);
    adah_memory_free(other);
}

int adah_parallel_threads(void) { return omp_get_max_threads(); }

int adah_parallel_thread(void) { return number_in_loop; }

void adah_parallel_set_threads(int n) {
    if (n > 0)
        omp_set_num_threads(n);
}

void adah_set_threads(int n) { adah_parallel_set_threads(n); }
