/* (unit) Maps of files that are cut off: zeros and a flag inside a guarded range, and every other SIGBUS as it was. */
#define _GNU_SOURCE
#include "adah/adah.h"
#include "base/guard.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_PAGES = 6, KEPT = 4242 };

static size_t page;

/* A map of N_PAGES pages of ones; *fd is the file. */
static const volatile uint8_t *map_ones(int *fd) {
    *fd = memfd_create("guarded", MFD_CLOEXEC);
    assert_true(*fd >= 0);
    uint8_t *ones = malloc(N_PAGES * page);
    memset(ones, 1, N_PAGES * page);
    assert_int_equal(pwrite(*fd, ones, N_PAGES * page, 0), N_PAGES * page);
    free(ones);
    void *p = mmap(NULL, N_PAGES * page, PROT_READ, MAP_SHARED, *fd, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

static void unmap(const volatile uint8_t *p, int fd) {
    munmap((void *)(uintptr_t)p, N_PAGES * page);
    close(fd);
}

static void test_zeros_take_the_place_of_what_is_gone(void **state) {
    (void)state;
    int fd;
    atomic_int is_cut = 0;
    const volatile uint8_t *p = map_ones(&fd);
    assert_int_equal(adah_guard_add((const void *)(uintptr_t)p, N_PAGES * page, &is_cut), 1);
    assert_int_equal(ftruncate(fd, (off_t)(2 * page + 100)), 0);
    assert_int_equal(p[page], 1);
    assert_int_equal(atomic_load(&is_cut), 0); /* nobody has come by what is gone */
    assert_int_equal(p[4 * page + 7], 0);
    assert_int_equal(atomic_load(&is_cut), 1);
    assert_int_equal(p[3 * page], 0); /* before the page that was met first */
    assert_int_equal(p[N_PAGES * page - 1], 0);
    assert_int_equal(p[2 * page + 99], 1);
    assert_int_equal(ftruncate(fd, (off_t)(N_PAGES * page)), 0);
    const uint8_t two = 2;
    assert_int_equal(pwrite(fd, &two, 1, (off_t)(4 * page + 7)), 1);
    assert_int_equal(p[4 * page + 7], 0); /* it stays cut off */
    adah_guard_remove((const void *)(uintptr_t)p);
    unmap(p, fd);
}

/* More than a block of slots holds, put in and taken out in any order. */
static void test_many_ranges(void **state) {
    (void)state;
    enum { N = 200 };
    static int fd[N];
    static atomic_int is_cut[N];
    static const volatile uint8_t *p[N];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            p[i] = map_ones(&fd[i]);
            atomic_store(&is_cut[i], 0);
            assert_int_equal(adah_guard_add((const void *)(uintptr_t)p[i], N_PAGES * page, &is_cut[i]), 1);
        }
        for (int i = 0; i < N; i += 3) {
            assert_int_equal(ftruncate(fd[i], 0), 0);
            assert_int_equal(p[i][page], 0);
        }
        for (int i = 0; i < N; i++)
            assert_int_equal(atomic_load(&is_cut[i]), i % 3 == 0);
        for (int i = 0; i < N; i++) {
            const int k = (i * 7 + round) % N;
            adah_guard_remove((const void *)(uintptr_t)p[k]);
            unmap(p[k], fd[k]);
        }
    }
}

/* ---------------------------------------------------------------- in a child: what else raises the signal */

static void (*as_guarded)(int, siginfo_t *, void *);

static void leave(int number, siginfo_t *info, void *context) {
    (void)number, (void)info, (void)context;
    _exit(7);
}

static void hand_back(int number, siginfo_t *info, void *context) {
    as_guarded(number, info, context);
}

static void set_handler(void (*handler)(int, siginfo_t *, void *)) {
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    action.sa_sigaction = handler;
    assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
}

/* A guarded range, and one that is not guarded; both are cut off. */
static const volatile uint8_t *guarded, *bare;
static atomic_int is_cut_in_child;

static void make_ranges(void) {
    int fd[2];
    guarded = map_ones(&fd[0]);
    bare = map_ones(&fd[1]);
    assert_int_equal(adah_guard_add((const void *)(uintptr_t)guarded, N_PAGES * page, &is_cut_in_child), 1);
    assert_int_equal(ftruncate(fd[0], 0), 0);
    assert_int_equal(ftruncate(fd[1], 0), 0);
}

static void touch_bare_by_default(void) {
    signal(SIGBUS, SIG_DFL);
    make_ranges();
    (void)guarded[0];
    (void)bare[0];
}

static void touch_bare_ignored(void) {
    signal(SIGBUS, SIG_IGN);
    make_ranges();
    raise(SIGBUS); /* sent: ignored, as it was */
    (void)guarded[0];
    (void)bare[0]; /* a fault cannot be */
}

static void touch_bare_with_handler(void) {
    set_handler(leave);
    make_ranges();
    (void)guarded[0];
    (void)bare[0];
}

static void send_by_default(void) {
    signal(SIGBUS, SIG_DFL);
    make_ranges();
    raise(SIGBUS);
}

/* A handler that is set later, and hands on to the one before it. */
static void touch_under_later_handler(void) {
    signal(SIGBUS, SIG_DFL);
    make_ranges();
    struct sigaction ours;
    sigaction(SIGBUS, NULL, &ours);
    as_guarded = ours.sa_sigaction;
    set_handler(hand_back);
    if (guarded[0] != 0 || !atomic_load(&is_cut_in_child))
        _exit(1);
    /* The next map takes the signal again. Then each hands on to the other, which must end. */
    make_ranges();
    if (guarded[page] != 0)
        _exit(2);
    (void)bare[0];
}

static void touch_unguarded(void) {
    signal(SIGBUS, SIG_DFL);
    adah_set_guard(0);
    make_ranges();
    (void)guarded[0];
}

/* How the child ended: its exit status, or minus the signal; KEPT: neither. */
static int run_in_child(void (*function)(void)) {
    int how = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(100);
        function();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : WIFSIGNALED(how) ? -WTERMSIG(how) : KEPT;
}

static void test_other_faults_go_where_they_went(void **state) {
    (void)state;
    assert_int_equal(run_in_child(touch_bare_by_default), -SIGBUS);
    assert_int_equal(run_in_child(touch_bare_ignored), -SIGBUS);
    assert_int_equal(run_in_child(touch_bare_with_handler), 7);
    assert_int_equal(run_in_child(send_by_default), -SIGBUS);
    assert_int_equal(run_in_child(touch_under_later_handler), -SIGBUS);
    assert_int_equal(run_in_child(touch_unguarded), -SIGBUS);
}

int main(void) {
    page = (size_t)sysconf(_SC_PAGESIZE);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_zeros_take_the_place_of_what_is_gone),
                                       cmocka_unit_test(test_many_ranges),
                                       cmocka_unit_test(test_other_faults_go_where_they_went)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
