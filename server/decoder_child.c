/* decoder_child.c - the life of a process that decodes: it loads what it needs, gives up what it may, then answers one picture after the
 * other until its socket closes.
 *
 * What it gives up: more memory than told, more processor time for a picture than told (a timer whose signal ends it), files that it
 * could write, core dumps, new privileges, and by a filter all calls that open files, reach the network, start programs or touch other
 * processes. It ends with the server, whatever it is doing. */
#define _GNU_SOURCE
#include "decoder.h"
#include "decoder_wire.h"
#include "serve.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

enum { SOCKET = 0, JPEG_QUALITY = 82, STACK_BYTES = 1 << 20, KEPT_BYTES = 16 << 20 };

/* ---------------------------------------------------------------- what it gives up */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1 /* sanitizers reserve terabytes, and open files to report */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

#if defined(__x86_64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* What a decoder has no use for is refused as if forbidden. Where the kernel has no filters, the rest must do. */
static void filter_calls(void) {
#ifdef THIS_ARCHITECTURE
#define REFUSE(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#if defined(__x86_64__)
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), /* calls of another ABI by other numbers */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        REFUSE(SYS_open), REFUSE(SYS_creat), REFUSE(SYS_unlink), REFUSE(SYS_rename), REFUSE(SYS_mkdir), REFUSE(SYS_rmdir),
        REFUSE(SYS_link), REFUSE(SYS_symlink), REFUSE(SYS_chmod), REFUSE(SYS_chown), REFUSE(SYS_fork), REFUSE(SYS_vfork),
#endif
        REFUSE(SYS_openat), REFUSE(437 /* openat2 */), REFUSE(SYS_unlinkat), REFUSE(SYS_renameat2), REFUSE(SYS_renameat),
        REFUSE(SYS_mkdirat), REFUSE(SYS_linkat), REFUSE(SYS_symlinkat), REFUSE(SYS_fchmodat), REFUSE(SYS_fchownat),
        REFUSE(SYS_truncate), REFUSE(SYS_mount), REFUSE(SYS_memfd_create), REFUSE(425 /* io_uring_setup */),
        REFUSE(SYS_socket), REFUSE(SYS_socketpair), REFUSE(SYS_connect), REFUSE(SYS_bind), REFUSE(SYS_listen), REFUSE(SYS_accept),
        REFUSE(SYS_accept4), REFUSE(SYS_execve), REFUSE(SYS_execveat), REFUSE(SYS_kill), REFUSE(SYS_ptrace),
        REFUSE(SYS_process_vm_readv), REFUSE(SYS_process_vm_writev), REFUSE(SYS_shmget), REFUSE(SYS_prlimit64), REFUSE(SYS_bpf),
        REFUSE(SYS_perf_event_open), REFUSE(SYS_keyctl), REFUSE(SYS_add_key), REFUSE(434 /* pidfd_open */),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
#endif
}

static uint64_t mapped_bytes(void) {
    unsigned long long n_pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%llu", &n_pages) != 1)
        n_pages = 0;
    if (file)
        fclose(file);
    return n_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void set_limit(__rlimit_resource_t what, uint64_t n) {
    const struct rlimit limit = {n, n};
    setrlimit(what, &limit);
}

/* Before anything is loaded. */
static void give_up_first(void) {
    pthread_attr_t attributes;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_FSIZE, 0);
    mallopt(M_ARENA_MAX, 1); /* arenas reserve much more memory than they use */
    if (pthread_attr_init(&attributes) == 0) {
        pthread_attr_setstacksize(&attributes, STACK_BYTES);
        pthread_setattr_default_np(&attributes);
        pthread_attr_destroy(&attributes);
    }
}

/* After that. */
static void give_up_rest(uint64_t n_bytes) {
    const uint64_t n_mapped = mapped_bytes();
    if (IS_SANITIZED)
        return;
    if (n_mapped)
        set_limit(RLIMIT_AS, n_mapped + n_bytes);
    filter_calls();
}

/* ---------------------------------------------------------------- pictures */

/* 0: the server is gone, or wants no more. */
static int receive_all(void *bytes, size_t n) {
    for (size_t at = 0; at < n;) {
        const ssize_t m = recv(SOCKET, (uint8_t *)bytes + at, n - at, 0);
        if (m <= 0 && !(m < 0 && errno == EINTR))
            return 0;
        at += m > 0 ? (size_t)m : 0;
    }
    return 1;
}

static int send_all(const void *bytes, size_t n) {
    for (size_t at = 0; at < n;) {
        const ssize_t m = send(SOCKET, (const uint8_t *)bytes + at, n - at, MSG_NOSIGNAL);
        if (m <= 0 && !(m < 0 && errno == EINTR))
            return 0;
        at += m > 0 ? (size_t)m : 0;
    }
    return 1;
}

/* The timer runs while it decodes; its signal ends the process. */
static void set_timer(int seconds) {
    const struct itimerval timer = {{0, 0}, {seconds, 0}};
    setitimer(ITIMER_PROF, &timer, NULL);
}

static adah_code decode(const wire_request *q, const uint8_t *bytes, wire_reply *reply, uint8_t **result, adah_status *status) {
    const adah_picture_form form = {(size_t)q->n_side, q->filter, q->crop, q->crop_share};
    adah_picture picture;
    size_t n = 0;
    if (q->kind == SERVE_JPEG) {
        const adah_code code = adah_picture_thumbnail(bytes, q->n_bytes, q->n_side, JPEG_QUALITY, result, &n, status);
        reply->n_bytes = n;
        return code;
    }
    const adah_code code = q->kind == SERVE_COPY ? adah_picture_decode(bytes, q->n_bytes, q->n_side, 1, &picture, status)
                                                 : adah_picture_prepare(bytes, q->n_bytes, &form, &picture, status);
    if (code != ADAH_OK)
        return code;
    if (q->kind == SERVE_COPY)
        adah_picture_crop(&picture, &form);
    *result = picture.rgb;
    reply->n_width = picture.n_width;
    reply->n_height = picture.n_height;
    reply->n_bytes = picture.n_width * picture.n_height * 3;
    return ADAH_OK;
}

/* Returns 0 when there is no more to do. */
static int answer_one(int seconds, int is_large) {
    wire_request q;
    wire_reply reply = {.magic = WIRE_MAGIC};
    adah_status status = {0};
    uint8_t *result = NULL;
    if (!receive_all(&q, sizeof q) || q.magic != WIRE_MAGIC || q.n_bytes > WIRE_FILE_BYTES)
        return 0;
    uint8_t *bytes = malloc(q.n_bytes + 1);
    if (!bytes)
        abort(); /* a death by lack of memory */
    if (!receive_all(bytes, q.n_bytes))
        return 0;
    set_timer(seconds);
    reply.code = decode(&q, bytes, &reply, &result, &status);
    set_timer(0);
    free(bytes);
    if (reply.code != ADAH_OK) {
        reply.code = reply.code == ADAH_ERROR_FORMAT || reply.code == ADAH_ERROR_MEMORY ? reply.code : ADAH_ERROR_INTERNAL;
        reply.n_bytes = strnlen(status.message, WIRE_MESSAGE_BYTES - 1);
    }
    const int is_sent = send_all(&reply, sizeof reply) && send_all(reply.code == ADAH_OK ? (void *)result : status.message, reply.n_bytes);
    adah_free(result);
    if (is_large || q.n_bytes > KEPT_BYTES)
        malloc_trim(0);
    return is_sent;
}

/* A picture of one pixel each way, so that all libraries are loaded and ready. */
static void load_all(void) {
    static const uint8_t gif[] = "GIF89a\1\0\1\0\200\0\0\377\0\0\0\0\377,\0\0\0\0\1\0\1\0\0\2\2\104\1\0;";
    adah_status status;
    uint8_t *jpeg;
    size_t n;
    if (adah_picture_thumbnail(gif, sizeof gif - 1, 16, JPEG_QUALITY, &jpeg, &n, &status) == ADAH_OK)
        adah_free(jpeg);
}

int serve_decoder_main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    const uint64_t n_bytes = strtoull(argv[1], NULL, 10);
    const int seconds = atoi(argv[2]);
    give_up_first();
    if (getppid() != (pid_t)atol(argv[3])) /* the server ended meanwhile */
        return 0;
    load_all();
    give_up_rest(n_bytes);
    while (answer_one(seconds, n_bytes > SERVE_SMALL_PICTURE_LIMIT)) {
    }
    return 0;
}
