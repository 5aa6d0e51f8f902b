/* guard.c - a handler of SIGBUS and the list of ranges it looks into.
 *
 * The handler may run in any thread at any instruction, so that it takes no lock: the list is blocks of slots that are
 * never freed, and a slot that is being changed has an odd count. The faulting address lies in a map that its reader
 * keeps, so that the slot that matters is never the one that changes. */
#define _GNU_SOURCE
#include "base/guard.h"
#include "base/memory.h"

#include <adah/adah.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCK_SLOTS = 64 };

typedef struct slot {
    atomic_uint n_changes;
    _Atomic(uintptr_t) start, end; /* end 0: free */
    _Atomic(atomic_int *) is_cut;
} slot;

typedef struct block {
    slot slots[BLOCK_SLOTS];
    _Atomic(struct block *) next;
} block;

/* A handler that was there before; kept for good, as a signal may be on its way to it. */
typedef struct action {
    struct sigaction action;
    struct action *next;
} action;

static block first_block;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of changes */
static atomic_int is_off;
static action *all_before;        /* under the lock */
static _Atomic(action *) before; /* the latest */
static uintptr_t page_bytes;      /* set before the first handler */
static _Thread_local int is_handing_on __attribute__((tls_model("initial-exec"))); /* which needs no memory in a handler */

void adah_set_guard(int is_on) { atomic_store(&is_off, !is_on); }

/* ---------------------------------------------------------------- the signal */

/* The slot as it was at one time; 0: it is free, or changes. */
static int read_slot(slot *s, uintptr_t *start, uintptr_t *end, atomic_int **is_cut) {
    const unsigned n = atomic_load(&s->n_changes);
    *start = atomic_load(&s->start);
    *end = atomic_load(&s->end);
    *is_cut = atomic_load(&s->is_cut);
    return n % 2 == 0 && n == atomic_load(&s->n_changes) && *end;
}

/* Puts zeros from the page of an address to the end of the range that it is in. 0: it is in none. */
static int cover(uintptr_t address) {
    uintptr_t start, end;
    atomic_int *is_cut;
    for (block *b = &first_block; b; b = atomic_load(&b->next))
        for (size_t i = 0; i < BLOCK_SLOTS; i++) {
            if (!read_slot(&b->slots[i], &start, &end, &is_cut) || address < start || address >= end)
                continue;
            const uintptr_t from = address / page_bytes * page_bytes;
            atomic_store(is_cut, 1); /* first: who reads a zero must find it */
            return mmap((void *)from, end - from, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
                        0) != MAP_FAILED;
        }
    return 0;
}

/* What the process would have done without this file. A handler that was set later than this one may hand on to it in turn: what comes
 * back is nobody's. */
static void hand_on(int number, siginfo_t *info, void *context) {
    static const struct sigaction none = {.sa_handler = SIG_DFL};
    const action *a = atomic_load(&before);
    const struct sigaction *next = is_handing_on || !a ? &none : &a->action;
    if (next->sa_flags & SA_SIGINFO || (next->sa_handler != SIG_DFL && next->sa_handler != SIG_IGN)) {
        is_handing_on = 1;
        if (next->sa_flags & SA_SIGINFO)
            next->sa_sigaction(number, info, context);
        else
            next->sa_handler(number);
        is_handing_on = 0;
    } else if (next->sa_handler == SIG_DFL || info->si_code > 0) {
        sigaction(number, &none, NULL); /* a fault comes again when this returns, and ends the process */
        if (info->si_code <= 0)
            raise(number); /* it was sent */
    }
}

static void on_signal(int number, siginfo_t *info, void *context) {
    const int error = errno;
    if (info->si_code != BUS_ADRERR || !cover((uintptr_t)info->si_addr))
        hand_on(number, info, context);
    errno = error;
}

static int same_action(const struct sigaction *a, const struct sigaction *b) {
    return a->sa_flags == b->sa_flags && a->sa_handler == b->sa_handler;
}

/* Takes the signal unless it is ours. Returns 0 when memory is out. With the lock held. */
static int take_signal(void) {
    struct sigaction now, ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
    ours.sa_sigaction = on_signal;
    sigemptyset(&ours.sa_mask);
    if (atomic_load(&is_off) || sigaction(SIGBUS, NULL, &now) != 0 ||
        ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal))
        return 1;
    action *a = all_before;
    while (a && !same_action(&a->action, &now))
        a = a->next;
    if (!a) {
        a = adah_memory_zeroed(1, sizeof *a);
        if (!a)
            return 0;
        *a = (action){now, all_before};
        all_before = a;
    }
    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    atomic_store(&before, a);
    return sigaction(SIGBUS, &ours, NULL) == 0;
}

/* ---------------------------------------------------------------- the list */

/* With the lock held. */
static void set_slot(slot *s, uintptr_t start, uintptr_t end, atomic_int *is_cut) {
    atomic_fetch_add(&s->n_changes, 1);
    atomic_store(&s->start, start);
    atomic_store(&s->end, end);
    atomic_store(&s->is_cut, is_cut);
    atomic_fetch_add(&s->n_changes, 1);
}

/* The first slot that begins at `start`, 0: that is free. With the lock held. */
static slot *find_slot(uintptr_t start) {
    for (block *b = &first_block; b; b = atomic_load(&b->next))
        for (size_t i = 0; i < BLOCK_SLOTS; i++)
            if (atomic_load(&b->slots[i].start) == start)
                return &b->slots[i];
    return NULL;
}

static slot *add_block(void) {
    block *last = &first_block, *more = adah_memory_zeroed(1, sizeof *more);
    while (more && atomic_load(&last->next))
        last = atomic_load(&last->next);
    if (!more)
        return NULL;
    atomic_store(&last->next, more);
    return &more->slots[0];
}

int adah_guard_add(const void *start, size_t n_bytes, atomic_int *is_cut) {
    pthread_mutex_lock(&lock);
    const int is_taken = take_signal();
    slot *s = is_taken ? find_slot(0) : NULL;
    if (is_taken && !s)
        s = add_block();
    if (s)
        set_slot(s, (uintptr_t)start, (uintptr_t)start + n_bytes, is_cut);
    pthread_mutex_unlock(&lock);
    return s != NULL;
}

void adah_guard_remove(const void *start) {
    pthread_mutex_lock(&lock);
    slot *s = find_slot((uintptr_t)start);
    if (s)
        set_slot(s, 0, 0, NULL);
    pthread_mutex_unlock(&lock);
}
