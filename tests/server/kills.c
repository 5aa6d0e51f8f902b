/* kills.c - writers whose syncs fail now and then, and who are killed at any moment: servers that take changes, and commands. What was
 * acknowledged is there, what was refused is not, what nobody knows of is asked for again and happens once, and the index verifies, after
 * each of them.
 *
 * In the current folder are model.safetensors and data/index.adah; faults of the disk go to files below data/. kills N [SEED] */
#define _GNU_SOURCE
#include "../disk_faults.h"
#include "http_client.h"

#include <adah/adah.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INDEX "data/index.adah"
#define TOKEN "a-token"
enum { CHANGES_MAX = 1 << 18, IDS_OF_CODES = 10000000, CODES_A_FILE = 3 };

typedef enum kind { ADDED, IMPORTED, DELETED, COMPACTED, KINDS } kind;
typedef enum outcome { UNKNOWN, REFUSED, ACKNOWLEDGED, OUTCOMES } outcome;

typedef struct change {
    kind kind;
    outcome outcome;
    size_t of;        /* DELETED: the change whose record goes */
    uint64_t id;      /* ADDED: told with the answer, IMPORTED: chosen */
    int is_deleted;   /* by an acknowledged deletion */
    size_t n_found;   /* ADDED, IMPORTED: records in the index */
    int may_be_gone;  /* a deletion of unknown outcome */
    int by_command;
} change;

static change *changes;
static size_t n_changes;
static uint64_t n_first; /* records before */
static uint64_t rng;
static disk_faults *faults;
static int n_failures;
static uint64_t n_outcomes[KINDS][OUTCOMES], n_repeated, n_found_done, n_reloads[2];

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("FAILED: ");
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
    n_failures++;
}

static uint64_t random_below(uint64_t n) {
    rng += 0x9e3779b97f4a7c15U;
    uint64_t x = (rng ^ rng >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return (x ^ x >> 31) % n;
}

static void wait_microseconds(uint64_t n) { nanosleep(&(struct timespec){(time_t)(n / 1000000), (long)(n % 1000000) * 1000}, NULL); }

/* ---------------------------------------------------------------- what fails */

static void arm(void) {
    static const int errors[] = {EIO, EIO, ENOSPC};
    uint32_t set = 1 << DISK_SYNC;
    set |= random_below(2) ? 1 << DISK_SYNC_FOLDER : 0;
    set |= random_below(3) == 0 ? 1 << DISK_WRITE : 0;
    set |= random_below(3) == 0 ? 1 << DISK_TRUNCATE | 1 << DISK_RENAME | 1 << DISK_CLOSE : 0;
    set |= random_below(4) == 0 ? 1 << DISK_OPEN | 1 << DISK_MAP : 0;
    atomic_store(&faults->error, errors[random_below(3)]);
    atomic_store(&faults->random, random_below(UINT64_MAX));
    atomic_store(&faults->one_in, 3 + (uint32_t)random_below(10));
    atomic_store(&faults->set, set);
}

static void share_faults(const char *folder) {
    char path[4096];
    snprintf(path, sizeof path, "%s/faults", folder);
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *faults) != 0)
        exit(2);
    faults = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (faults == MAP_FAILED)
        exit(2);
    snprintf(faults->path, sizeof faults->path, "/data/index.adah");
    setenv("ADAH_DISK_FAULTS", path, 1);
}

static void with_faults(int is_on) {
    if (is_on)
        setenv("LD_PRELOAD", getenv("DISK_FAULTS"), 1);
    else
        unsetenv("LD_PRELOAD");
}

/* ---------------------------------------------------------------- what must be there */

static int is_record(const change *c) { return c->kind == ADDED || c->kind == IMPORTED; }

static void note_outcome(change *c, outcome o) {
    c->outcome = o;
    if (c->kind == DELETED) {
        changes[c->of].is_deleted |= o == ACKNOWLEDGED;
        changes[c->of].may_be_gone = o == UNKNOWN;
    }
}

static size_t add_change(kind k, size_t of) {
    if (n_changes == CHANGES_MAX)
        exit(2);
    changes[n_changes] = (change){.kind = k, .of = of};
    return n_changes++;
}

/* One that is there for certain. SIZE_MAX: there is none. */
static size_t choose_record(void) {
    for (int i = 0; n_changes && i < 100; i++) {
        const size_t at = (size_t)random_below(n_changes);
        const change *c = &changes[at];
        if (is_record(c) && c->outcome == ACKNOWLEDGED && !c->is_deleted && !c->may_be_gone)
            return at;
    }
    return SIZE_MAX;
}

static void count_records(const adah_index *x) {
    for (size_t i = 0; i < n_changes; i++)
        changes[i].n_found = 0;
    for (uint64_t row = 0; row < adah_index_rows(x); row++) {
        adah_index_entry e;
        adah_status status;
        size_t number = SIZE_MAX;
        const adah_code code = adah_index_record(x, row, &e, &status);
        if (code == ADAH_ERROR_NOT_FOUND)
            continue;
        if (code != ADAH_OK) {
            fail("%s", status.message);
            return;
        }
        if (e.id >= IDS_OF_CODES && !*e.file_name)
            number = (size_t)(e.id - IDS_OF_CODES) / CODES_A_FILE;
        else if (sscanf(e.file_name, "k-%zu.png", &number) != 1)
            number = SIZE_MAX;
        if (number < n_changes)
            changes[number].n_found++;
        else if (row >= n_first && number != SIZE_MAX)
            fail("record %" PRIu64 " of nobody", e.id);
        adah_index_entry_free(&e);
    }
}

/* Looks at all of the index. */
static void look(const char *when) {
    adah_index *x = NULL;
    adah_status status;
    uint64_t n = n_first;
    if (adah_index_verify(INDEX, &status) != ADAH_OK || adah_index_open(INDEX, &x, &status) != ADAH_OK) {
        fail("%s: %s", when, status.message);
        return;
    }
    count_records(x);
    for (size_t i = 0; i < n_changes; i++) {
        change *c = &changes[i];
        const size_t whole = c->kind == IMPORTED ? CODES_A_FILE : 1;
        n += c->n_found;
        if (!is_record(c))
            continue;
        if (c->n_found > whole)
            fail("%s: change %zu is there %zu times", when, i, c->n_found);
        if (c->outcome == REFUSED && c->n_found)
            fail("%s: change %zu was refused, and is there", when, i);
        if (c->outcome == ACKNOWLEDGED && c->is_deleted && c->n_found)
            fail("%s: change %zu was deleted, and is there", when, i);
        if (c->outcome == ACKNOWLEDGED && !c->is_deleted && !c->may_be_gone && c->n_found != whole)
            fail("%s: change %zu was acknowledged, and is lost", when, i);
        if (c->kind == IMPORTED && c->n_found && c->n_found != whole && !c->may_be_gone)
            fail("%s: change %zu is there in part", when, i);
    }
    if (n != adah_index_count(x))
        fail("%s: %" PRIu64 " records, expected %" PRIu64, when, adah_index_count(x), n);
    adah_index_close(x);
}

/* ---------------------------------------------------------------- servers */

static http_child server;
static _Atomic int is_killed;

static uint64_t shown(void) {
    http_reply r = http_ask(server.port, "GET", "/v1/info", "", NULL, 0);
    const char *at = r.status == 200 ? strstr(r.body, "\"n_records\": ") : NULL;
    const uint64_t n = at ? strtoull(at + 13, NULL, 10) : UINT64_MAX;
    http_reply_free(&r);
    return n;
}

/* Asks for a change, with its number as the key; again: as before. */
static void ask_for(size_t number) {
    char head[300], body[300] = "", target[64] = "/v1/items";
    change *c = &changes[number];
    snprintf(head, sizeof head, "Authorization: Bearer " TOKEN "\r\nContent-Type: application/json\r\nIdempotency-Key: key-%zu\r\n", number);
    if (c->kind == ADDED)
        snprintf(body, sizeof body, "{\"items\": [{\"text\": \"red disc\", \"file_name\": \"k-%zu.png\", \"labels\": [\"n %zu\"]}]}", number,
                 number % 50);
    else
        snprintf(target, sizeof target, "/v1/items/%" PRIu64, changes[c->of].id);
    http_reply r = http_ask(server.port, c->kind == ADDED ? "POST" : "DELETE", target, head, c->kind == ADDED ? body : NULL, strlen(body));
    const char *ids = r.status == 201 ? strstr(r.body, "\"ids\": [") : NULL;
    if (ids)
        c->id = strtoull(ids + 8, NULL, 10);
    if (r.status == 0 || (r.status == 500 && strstr(r.body, "outcome_unknown")))
        note_outcome(c, UNKNOWN);
    else if (r.status == 200 || r.status == 201)
        note_outcome(c, ACKNOWLEDGED);
    else if (r.status == 500 || r.status == 503 || r.status == 507)
        note_outcome(c, REFUSED);
    else
        fail("change %zu: %d %s", number, r.status, r.body);
    if (r.body && strstr(r.body, "data/"))
        fail("a path in an answer: %s", r.body);
    http_reply_free(&r);
}

/* A reload opens all anew, or leaves all as it was. */
static void reload(void) {
    http_reply r = http_ask(server.port, "POST", "/v1/reload", "Authorization: Bearer " TOKEN "\r\n", "", 0);
    n_reloads[r.status == 200]++;
    if (r.status && r.status != 200 && r.status != 500 && r.status != 507)
        fail("a reload: %d %s", r.status, r.body);
    if (r.status > 200 && strstr(r.body, "data/"))
        fail("a path in an answer: %s", r.body);
    http_reply_free(&r);
}

/* The client: one change after another; what is shown after each is what the answer said. */
static void *ask_on(void *context) {
    uint64_t n = shown(), n_open = 0; /* outcomes that nobody knows since the last that was acknowledged, which shows them */
    (void)context;
    while (!atomic_load(&is_killed) && n != UINT64_MAX) {
        const size_t of = random_below(4) == 0 ? choose_record() : SIZE_MAX;
        const size_t number = add_change(of != SIZE_MAX && changes[of].kind == ADDED ? DELETED : ADDED, of == SIZE_MAX ? 0 : of);
        change *c = &changes[number];
        ask_for(number);
        n_outcomes[c->kind][c->outcome]++;
        if (random_below(6) == 0)
            reload();
        if (c->outcome == ACKNOWLEDGED)
            n += c->kind == ADDED ? 1 : (uint64_t)-1;
        const uint64_t now = shown();
        n_open += c->outcome == UNKNOWN;
        if (c->outcome == UNKNOWN && now == UINT64_MAX)
            break; /* the server is no more */
        if (now != UINT64_MAX && (now > n + n_open || now + n_open < n))
            fail("change %zu, outcome %d: %" PRIu64 " records are shown, expected %" PRIu64, number, (int)c->outcome, now, n);
        n = now != UINT64_MAX ? now : n;
        n_open = c->outcome == ACKNOWLEDGED ? 0 : n_open;
    }
    return NULL;
}

/* What nobody knows the outcome of is asked for again: then it has happened once. */
static void ask_again(void) {
    for (size_t i = 0; i < n_changes; i++) {
        change *c = &changes[i];
        if (c->outcome != UNKNOWN || c->by_command)
            continue;
        n_repeated++;
        n_found_done += c->kind == ADDED ? c->n_found : !changes[c->of].n_found;
        ask_for(i);
        if (c->outcome != ACKNOWLEDGED)
            fail("change %zu was asked for again, without faults, and is not acknowledged", i);
    }
}

static int kill_a_server(void) {
    static const char *const options[] = {"--model", "model.safetensors", "--index", INDEX, "--token", TOKEN, "--log", "none", NULL};
    pthread_t client;
    int code = 0, how;
    with_faults(1);
    server = http_child_start(options, "log", &code);
    with_faults(0);
    if (!server.port) {
        fail("the server does not start: %d", code);
        return 0;
    }
    ask_again();
    arm();
    atomic_store(&is_killed, 0);
    pthread_create(&client, NULL, ask_on, NULL);
    wait_microseconds(random_below(200000));
    kill(server.pid, SIGKILL);
    atomic_store(&is_killed, 1);
    waitpid(server.pid, &how, 0);
    pthread_join(client, NULL);
    atomic_store(&faults->set, 0);
    if (!WIFSIGNALED(how) || WTERMSIG(how) != SIGKILL)
        fail("the server ended by itself: %d", how);
    return 1;
}

/* ---------------------------------------------------------------- commands */

/* Codes of 16 bits, as the index has, with ids of their own. */
static void write_codes(uint64_t first_id) {
    unsigned char npy[80 + 2 * CODES_A_FILE] = "\x93NUMPY\x01";
    npy[8] = 70;
    memset(npy + 10, ' ', 70);
    const int n = snprintf((char *)npy + 10, 70, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 2), }", CODES_A_FILE);
    npy[10 + n] = ' ';
    npy[79] = '\n';
    FILE *file = fopen("codes.npy", "wb");
    if (!file || fwrite(npy, 1, sizeof npy, file) != sizeof npy || fclose(file) != 0 || !(file = fopen("codes.npy.ids", "w")))
        exit(2);
    for (uint64_t i = 0; i < CODES_A_FILE; i++)
        fprintf(file, "%" PRIu64 "\n", first_id + i);
    fclose(file);
}

static void kill_a_command(void) {
    char id[32], said[4096] = "";
    const size_t of = choose_record();
    kind k = of != SIZE_MAX && changes[of].kind == ADDED && random_below(2) ? DELETED : IMPORTED;
    if (random_below(3) == 0)
        k = COMPACTED;
    const size_t number = add_change(k, k == DELETED ? of : 0);
    change *c = &changes[number];
    c->by_command = 1;
    snprintf(id, sizeof id, "%" PRIu64, k == DELETED ? changes[of].id : 0);
    if (k == IMPORTED)
        write_codes(IDS_OF_CODES + CODES_A_FILE * (uint64_t)number);
    const char *const arguments[KINDS][8] = {
        [IMPORTED] = {"import", "--image-codes", "codes.npy", NULL}, [DELETED] = {"delete", "--id", id, NULL}, [COMPACTED] = {"compact", NULL}};
    const char *argv[16] = {getenv("ADAH"), "index"};
    int n = 2, ends[2], how;
    for (const char *const *a = arguments[k]; *a; a++)
        argv[n++] = *a;
    argv[n++] = "--index";
    argv[n++] = INDEX;
    if (pipe2(ends, O_CLOEXEC) != 0)
        exit(2);
    arm();
    with_faults(1);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        dup2(open("/dev/null", O_WRONLY), 1);
        execv(argv[0], (char *const *)(const void *)argv);
        _exit(127);
    }
    with_faults(0);
    close(ends[1]);
    wait_microseconds(random_below(random_below(3) ? 60000 : 400000));
    kill(child, SIGKILL);
    waitpid(child, &how, 0);
    atomic_store(&faults->set, 0);
    const ssize_t n_said = read(ends[0], said, sizeof said - 1);
    said[n_said > 0 ? n_said : 0] = '\0';
    close(ends[0]);
    if (WIFSIGNALED(how) || strstr(said, "whether the change"))
        note_outcome(c, UNKNOWN);
    else if (WIFEXITED(how) && WEXITSTATUS(how) == 0)
        note_outcome(c, ACKNOWLEDGED);
    else if (WIFEXITED(how) && WEXITSTATUS(how) == 1 && *said)
        note_outcome(c, REFUSED);
    else
        fail("a command ended with %d: %s", how, said);
    n_outcomes[k][c->outcome]++;
}

/* A command cannot be asked whether it has done it: what is there counts from now on. */
static void settle_commands(void) {
    for (size_t i = 0; i < n_changes; i++) {
        change *c = &changes[i];
        if (c->outcome == UNKNOWN && c->by_command)
            note_outcome(c, (c->kind == DELETED ? !changes[c->of].n_found : c->n_found > 0) ? ACKNOWLEDGED : REFUSED);
    }
}

int main(int argc, char **argv) {
    adah_index *x = NULL;
    adah_status status;
    char folder[3000];
    const long n_kills = argc > 1 ? atol(argv[1]) : 20;
    const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    changes = calloc(CHANGES_MAX, sizeof *changes);
    if (!changes || !getcwd(folder, sizeof folder) || !getenv("DISK_FAULTS") || !getenv("ADAH"))
        return 2;
    rng = seed;
    printf("seed %" PRIu64 "\n", seed);
    share_faults(folder);
    if (adah_index_open(INDEX, &x, &status) != ADAH_OK) {
        printf("%s\n", status.message);
        return 2;
    }
    n_first = adah_index_count(x);
    adah_index_close(x);
    uint64_t n_failed = 0;
    for (long i = 0; i < n_kills && !n_failures; i++) {
        atomic_store(&faults->n_failed, 0);
        const int is_server = i % 2 == 0;
        if (is_server)
            kill_a_server();
        else
            kill_a_command();
        n_failed += atomic_load(&faults->n_failed);
        look(is_server ? "after a server" : "after a command");
        settle_commands();
    }
    static const char *const names[KINDS] = {"added", "imported", "deleted", "compacted"};
    printf("%ld kills, %" PRIu64 " calls of the system failed\n", n_kills, n_failed);
    for (int k = 0; k < KINDS; k++)
        printf("%-9s acknowledged %" PRIu64 ", refused %" PRIu64 ", unknown %" PRIu64 "\n", names[k], n_outcomes[k][ACKNOWLEDGED],
               n_outcomes[k][REFUSED], n_outcomes[k][UNKNOWN]);
    printf("%" PRIu64 " reloads, %" PRIu64 " refused\n", n_reloads[1], n_reloads[0]);
    printf("%" PRIu64 " asked for again, of which %" PRIu64 " had been done; %d failures\n", n_repeated, n_found_done, n_failures);
    free(changes);
    return n_failures ? 1 : 0;
}
