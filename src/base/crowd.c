/* crowd.c - measured twice a second: what the cores of this process worked, less what it worked itself (/proc/stat, getrusage).
 *
 * Threads of GCC's OpenMP that wait spin for milliseconds before they sleep, unless there are more of them than cores: then for
 * some microseconds (GOMP_SPINCOUNT in its manual). Whether they do is set by environment variables before a program starts. So
 * where it is crowded a thread of ours holds a team of OpenMP that sleeps, and with its threads there are more than cores. */
#define _GNU_SOURCE
#include "base/crowd.h"
#include "base/clock.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static const double period = 0.5, enough = 0.25; /* seconds; cores */

static atomic_int pretended = -1, is_crowded;
static atomic_uint_least64_t next_look; /* milliseconds */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int is_holding, is_held; /* a thread shall hold a team; there is one that does */
static struct {
    double at, all, own; /* seconds */
} last;

/* Seconds that the cores of this process have worked, since the system started; -1: unknown. */
static double work_of_cores(void) {
    cpu_set_t cores;
    FILE *file = fopen("/proc/stat", "re");
    char line[512];
    double ticks = 0;
    int is_known = 0;
    CPU_ZERO(&cores);
    if (!file || sched_getaffinity(0, sizeof cores, &cores) != 0)
        ticks = -1;
    while (ticks >= 0 && fgets(line, sizeof line, file)) {
        int core;
        unsigned long long user, nice, system, idle, wait, hard, soft;
        if (sscanf(line, "cpu%d %llu %llu %llu %llu %llu %llu %llu", &core, &user, &nice, &system, &idle, &wait, &hard, &soft) == 8 &&
            line[3] != ' ' && core >= 0 && core < CPU_SETSIZE && CPU_ISSET(core, &cores)) {
            ticks += (double)(user + nice + system + hard + soft);
            is_known = 1;
        }
    }
    if (file)
        fclose(file);
    return is_known ? ticks / (double)sysconf(_SC_CLK_TCK) : -1;
}

static double own_work(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Its team sleeps until there is room again. */
static void *hold_team(void *n_threads) {
#pragma omp parallel num_threads((int)(size_t)n_threads)
    if (omp_get_thread_num() == 0) {
        pthread_mutex_lock(&lock);
        while (is_holding)
            pthread_cond_wait(&changed, &lock);
        is_held = 0;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

/* With the lock. */
static void let_waiting_sleep(int is_there, int n_threads) {
    pthread_attr_t attributes;
    pthread_t thread;
    is_holding = is_there;
    if (!is_there) {
        pthread_cond_broadcast(&changed);
    } else if (!is_held && pthread_attr_init(&attributes) == 0) {
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        const int n_cores = omp_get_num_procs(), n = n_cores > n_threads ? n_cores - n_threads + 2 : 2;
        is_held = pthread_create(&thread, &attributes, hold_team, (void *)(size_t)n) == 0;
        pthread_attr_destroy(&attributes);
    }
}

static void look(int n_threads) {
    const double at = adah_clock_seconds(), all = work_of_cores(), own = own_work(), took = at - last.at;
    if (last.at > 0 && last.all >= 0 && all >= 0 && took > 0) {
        const double others = (all - last.all - (own - last.own)) / took;
        const int is_there = others > omp_get_num_procs() - n_threads + enough;
        if (is_there != atomic_load(&is_crowded))
            let_waiting_sleep(is_there, n_threads);
        atomic_store(&is_crowded, is_there);
    }
    last.at = at;
    last.all = all;
    last.own = own;
    atomic_store(&next_look, (uint64_t)((at + period) * 1e3));
}

int adah_crowd_is_there(int n_threads) {
    const int as_if = atomic_load(&pretended);
    if (as_if >= 0)
        return as_if;
    if ((uint64_t)(adah_clock_seconds() * 1e3) >= atomic_load(&next_look) && pthread_mutex_trylock(&lock) == 0) {
        if ((uint64_t)(adah_clock_seconds() * 1e3) >= atomic_load(&next_look))
            look(n_threads);
        pthread_mutex_unlock(&lock);
    }
    return atomic_load(&is_crowded);
}

void adah_crowd_pretend(int is_there) { atomic_store(&pretended, is_there); }
