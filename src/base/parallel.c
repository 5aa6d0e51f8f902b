/* parallel.c - loops on OpenMP while the cores are free, on helpers of our own while other work needs them; teams on threads of the
 * system: those of OpenMP end the program when one cannot be started.
 *
 * A loop of OpenMP waits for each of its threads, even for one that has done nothing because it has no core. So where it is crowded
 * (crowd.h) items are taken one after another by the thread that called and by helpers, which sleep between loops and are woken for
 * one: the caller works on at once, and in the end waits only for items that a helper is in. A helper that has nothing to do looks
 * for the next loop for a moment before it sleeps, since being woken takes longer than many a loop; so does a caller that waits for
 * the last items. There is one set of helpers; a loop begun while another one has it runs on its own thread alone.
 *
 * While all cores are free OpenMP is faster: oneDNN's threads are the same, and need no waking. */
#include "base/parallel.h"
#include "base/crowd.h"
#include "base/memory.h"

#include <adah/adah.h>

#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>

enum { HELPERS_MAX = 255, LOOKS = 1000 /* some 20 to 60 microseconds */ };

static _Thread_local int number_in_loop; /* of the innermost loop that this thread is in */
static _Thread_local int is_in_loop;

/* state: loops begun * STEP, plus OPEN while helpers may enter, plus how many are inside. */
enum { OPEN = 256, STEP = 512 };

static struct {
    pthread_mutex_t in_use;        /* by the loop that runs */
    pthread_mutex_t lock;          /* guards the sleep */
    pthread_cond_t begun, left;    /* a loop has begun; the last helper has left one */
    atomic_uint state;
    atomic_int n_sleeping, is_caller_sleeping;
    int n_helpers;                 /* started */
    int n_threads;                 /* of the loop that runs: helper i takes part when i < n_threads */
    size_t n, grain;
    void (*body)(void *context, size_t i);
    void *context;
    atomic_size_t next;
} pool = {.in_use = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .begun = PTHREAD_COND_INITIALIZER,
          .left = PTHREAD_COND_INITIALIZER};

static void look_again(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_items(void) {
    const size_t n = pool.n, grain = pool.grain;
    for (size_t i = atomic_fetch_add(&pool.next, grain); i < n; i = atomic_fetch_add(&pool.next, grain))
        for (size_t end = n - i < grain ? n : i + grain; i < end; i++)
            pool.body(pool.context, i);
}

/* The state when a loop other than the one of `seen` is open. */
static unsigned wait_for_loop(unsigned seen) {
    unsigned state;
    for (int looks = 0; looks < LOOKS; looks++) {
        state = atomic_load(&pool.state);
        if (state & OPEN && state / STEP != seen / STEP)
            return state;
        look_again();
    }
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.n_sleeping, 1);
    while (state = atomic_load(&pool.state), !(state & OPEN) || state / STEP == seen / STEP)
        pthread_cond_wait(&pool.begun, &pool.lock);
    atomic_fetch_sub(&pool.n_sleeping, 1);
    pthread_mutex_unlock(&pool.lock);
    return state;
}

static int enter(unsigned state) {
    while (state & OPEN)
        if (atomic_compare_exchange_weak(&pool.state, &state, state + 1))
            return 1;
    return 0;
}

static void leave(void) {
    const unsigned state = atomic_fetch_sub(&pool.state, 1) - 1;
    if ((state & (OPEN | (OPEN - 1))) || !atomic_load(&pool.is_caller_sleeping))
        return;
    pthread_mutex_lock(&pool.lock);
    pthread_cond_signal(&pool.left);
    pthread_mutex_unlock(&pool.lock);
}

static void *help(void *number) {
    number_in_loop = (int)(size_t)number;
    is_in_loop = 1;
    omp_set_num_threads(1);
    for (unsigned seen = 0;;) {
        seen = wait_for_loop(seen);
        if (!enter(seen))
            continue;
        if (number_in_loop < pool.n_threads)
            take_items();
        leave();
    }
    return NULL;
}

static void start_helpers(int n) {
    pthread_attr_t attributes;
    if (pool.n_helpers >= n || pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (pthread_t thread; pool.n_helpers < n && pool.n_helpers < HELPERS_MAX; pool.n_helpers++)
        if (pthread_create(&thread, &attributes, help, (void *)(size_t)(pool.n_helpers + 1)) != 0)
            break;
    pthread_attr_destroy(&attributes);
}

/* Closes the loop and waits for the helpers that are inside. */
static void finish_loop(void) {
    unsigned state = atomic_fetch_and(&pool.state, ~(unsigned)OPEN) & ~(unsigned)OPEN;
    for (int looks = 0; looks < LOOKS && state % OPEN; looks++) {
        look_again();
        state = atomic_load(&pool.state);
    }
    if (!(state % OPEN))
        return;
    pthread_mutex_lock(&pool.lock);
    atomic_store(&pool.is_caller_sleeping, 1);
    while (atomic_load(&pool.state) % OPEN)
        pthread_cond_wait(&pool.left, &pool.lock);
    atomic_store(&pool.is_caller_sleeping, 0);
    pthread_mutex_unlock(&pool.lock);
}

static void run_with_helpers(int n_threads) {
    start_helpers(n_threads - 1);
    pool.n_threads = n_threads;
    atomic_store(&pool.next, 0);
    atomic_fetch_add(&pool.state, STEP + OPEN);
    if (atomic_load(&pool.n_sleeping)) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_broadcast(&pool.begun);
        pthread_mutex_unlock(&pool.lock);
    }
    take_items();
    finish_loop();
}

static void run_in_turn(size_t n, void (*body)(void *context, size_t i), void *context) {
    for (size_t i = 0; i < n; i++)
        body(context, i);
}

static void run_on_helpers(size_t n, size_t grain, int n_threads, void (*body)(void *context, size_t i), void *context) {
    if (pthread_mutex_trylock(&pool.in_use) != 0) {
        run_in_turn(n, body, context);
        return;
    }
    pool.n = n;
    pool.grain = grain;
    pool.body = body;
    pool.context = context;
    run_with_helpers(n_threads);
    pthread_mutex_unlock(&pool.in_use);
}

static void run_on_openmp(size_t n, size_t grain, int n_threads, void (*body)(void *context, size_t i), void *context) {
#pragma omp parallel num_threads(n_threads)
    {
        number_in_loop = omp_get_thread_num();
        is_in_loop = 1;
#pragma omp for schedule(dynamic, (int)grain)
        for (size_t i = 0; i < n; i++)
            body(context, i);
        is_in_loop = 0; /* of a thread that goes on to another loop */
    }
}

void adah_parallel_for(size_t n, size_t grain, void (*body)(void *context, size_t i), void *context) {
    grain = grain ? grain : 1;
    int n_threads = is_in_loop ? 1 : omp_get_max_threads();
    if (n / grain < (size_t)n_threads)
        n_threads = (int)(n / grain);
    const int outer = number_in_loop, was_in_loop = is_in_loop;
    number_in_loop = 0;
    is_in_loop = 1;
    if (n_threads <= 1)
        run_in_turn(n, body, context);
    else if (adah_crowd_is_there(n_threads))
        run_on_helpers(n, grain, n_threads, body, context);
    else
        run_on_openmp(n, grain, n_threads, body, context);
    number_in_loop = outer;
    is_in_loop = was_in_loop;
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
