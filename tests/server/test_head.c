/* Heads of requests: what is no HTTP is answered 400 and the connection closed, what is good is taken however it comes; hosts and origins;
 * what is told of it all on stderr. */
#define _GNU_SOURCE
#include "in_process.h"
#include "origin.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GOOD "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
#define POST "POST /v1/encode HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
#define NEXT "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* The status of the first answer, 0: none came; how many were good until the server closed the connection. */
static int ask(const fixture *f, const char *bytes, size_t n_bytes, int *n_good) {
    static char all[1 << 16];
    size_t n = 0;
    const int fd = http_connect(f->port);
    assert_true(fd >= 0);
    http_send(fd, bytes, n_bytes);
    for (ssize_t got; n < sizeof all - 1 && (got = recv(fd, all + n, sizeof all - 1 - n, 0)) > 0;)
        n += (size_t)got;
    close(fd);
    all[n] = '\0';
    *n_good = 0;
    for (const char *p = all; (p = strstr(p, "HTTP/1.1 200 ")); p++)
        ++*n_good;
    return n > 12 ? atoi(all + 9) : 0;
}

typedef struct head {
    const char *bytes;
    size_t n_bytes;
} head;
#define HEAD(text) {text, sizeof text - 1}

/* Each is followed by a good request, which must not be answered: nobody knows where it begins. */
static void test_bad_heads(void **state) {
    static const head bad[] = {
        HEAD("POST /v1/encode HTTP/1.1\r\nHost: localhost\r\nContent-Length : 15\r\n\r\n"),
        HEAD("POST /v1/encode HTTP/1.1\r\nHost: localhost\r\nContent-Length\t: 15\r\n\r\n"),
        HEAD(GOOD "Content Length: 5\r\n\r\n"),
        HEAD(GOOD " Content-Length: 5\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\n Host: localhost\r\nHost: localhost\r\n\r\n"),
        HEAD(GOOD "X: a\r\n b\r\n\r\n"),
        HEAD(GOOD "X: a\r\n\tb\r\nY: c\r\n\r\n"),
        HEAD("POST /v1/encode HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"),
        HEAD(GOOD ": no name\r\n\r\n"),
        HEAD(GOOD "X\x01: a\r\n\r\n"),
        HEAD(GOOD "X\x80: a\r\n\r\n"),
        HEAD(GOOD "X(y): a\r\n\r\n"),
        HEAD(GOOD "X: a\x01\r\n\r\n"),
        HEAD(GOOD "X: a\rb\r\n\r\n"),
        HEAD(GOOD "X: a\x7f\r\n\r\n"),
        HEAD(GOOD "X: a\0b\r\n\r\n"),
        HEAD(GOOD "X\0: a\r\n\r\n"),
        HEAD(GOOD "X: a\0\r\n\r\n"),
        HEAD(GOOD "\0X: a\r\n\r\n"),
        HEAD(GOOD "\0\r\nX: a\r\n\r\n"),
        HEAD("GET\0X /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD("GET /healthz\0 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD("GET /healthz\0x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD("GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD("GET /healthz  HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD("GET /healthz x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD("GET /health\x01z HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD("GET /health\tz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD("G\x01T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD("G\x80T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD("GET:X /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: localhost\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\nY: b\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\n\n"),
        HEAD(GOOD "\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\r\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: chu\0nked\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: \0chunked\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: identity\r\n\r\n"),
        HEAD(POST "Transfer-Encoding:\r\n\r\n"),
        HEAD(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        HEAD(POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"),
        HEAD(POST "Content-Length: 2\r\ncontent-length: 3\r\n\r\n{}"),
        HEAD(POST "Content-Length: 2, 2\r\n\r\n{}"),
        HEAD(POST "Content-Length: +2\r\n\r\n{}"),
        HEAD(POST "Content-Length: -2\r\n\r\n{}"),
        HEAD(POST "Content-Length: 0x2\r\n\r\n{}"),
        HEAD(POST "Content-Length: 2.0\r\n\r\n{}"),
        HEAD(POST "Content-Length: 2 \x01\r\n\r\n{}"),
        HEAD(POST "Content-Length: 2\0\r\n\r\n{}"),
        HEAD(POST "Content-Length: 2\0009\r\n\r\n{}"),
        HEAD(POST "Content-Length: \r\n\r\n{}"),
        HEAD(POST "Content-Length: a\r\n\r\n{}"),
        HEAD("POST /v1/encode HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nX: a\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: localhost\r\nhost: evil.example\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.0\r\nHost: localhost\r\nHost: localhost\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost:\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: user@localhost\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: localhost/x\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: localhost:80x\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n"),
        HEAD("GET /healthz\r\n\r\n"),
        HEAD("GET /healthz HTTP/1.1x\r\nHost: localhost\r\n\r\n"),
        HEAD("GET /healthz http/1.1\r\nHost: localhost\r\n\r\n"),
        HEAD(GOOD "no colon\r\n\r\n"),
    };
    (void)state;
    fixture f;
    prepare(&f);
    go(&f, "127.0.0.1");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char bytes[512];
        int n_good;
        memcpy(bytes, bad[i].bytes, bad[i].n_bytes);
        memcpy(bytes + bad[i].n_bytes, NEXT, sizeof NEXT - 1);
        const int status = ask(&f, bytes, bad[i].n_bytes + sizeof NEXT - 1, &n_good);
        if (status != 400 || n_good)
            fail_msg("bad head %zu: status %d, %d good answers: %.200s", i, status, n_good, bad[i].bytes);
    }
    stop(&f);
}

enum { WAIT_SECONDS = 120 /* for what must come */, FILES_MAX = 1024 };

/* The server's end of the connection, which is in this process. -1: it has not been accepted yet. */
static int server_end(int fd) {
    struct sockaddr_in own = {0}, other;
    socklen_t n = sizeof own;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &n), 0);
    for (int i = 0; i < FILES_MAX; i++) {
        n = sizeof other;
        if (getpeername(i, (struct sockaddr *)&other, &n) == 0 && other.sin_family == AF_INET && other.sin_port == own.sin_port &&
            other.sin_addr.s_addr == own.sin_addr.s_addr)
            return i;
    }
    return -1;
}

/* Until the server has read what was sent to it, so that what is sent next does not come together with it. */
static void wait_until_read(int server_fd) {
    const time_t end = time(NULL) + WAIT_SECONDS;
    for (int n = 0; ioctl(server_fd, FIONREAD, &n) == 0 && n > 0; sched_yield())
        assert_true(time(NULL) < end);
}

static int connect_at_once(const fixture *f, int *server_fd) {
    const time_t end = time(NULL) + WAIT_SECONDS;
    const int fd = http_connect(f->port), on = 1;
    assert_true(fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    while ((*server_fd = server_end(fd)) < 0) {
        assert_true(time(NULL) < end);
        sched_yield();
    }
    return fd;
}

/* Good ones, in one piece, in every two pieces, byte by byte, and one behind the other on a connection. */
static void test_good_heads(void **state) {
    static const char *const good[] = {
        GOOD "\r\n",
        GOOD "X:\r\nY:   \r\nZ:\ta\t\r\n\r\n",
        GOOD "X: a b\tc: d, \"e\" \xc3\xa9\r\n\r\n",
        GOOD "!#$%&'*+-.^_`|~09azAZ: a\r\n\r\n",
        GOOD "Cookie: a=b; c=\"d\"; e\r\n\r\n",
        "\r\n" GOOD "\r\n",
        "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nX: a\r\nhOST: LocalHost.:80\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        "GET /healthz? HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /health%7A HTTP/1.1\r\nHost: localhost\r\n\r\n",
    };
    (void)state;
    fixture f;
    prepare(&f);
    go(&f, "127.0.0.1");
    int server_fd;
    const int fd = connect_at_once(&f, &server_fd);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const size_t n = strlen(good[i]);
        for (size_t cut = 1; cut <= n + 1; cut++) { /* n: whole; n + 1: byte by byte */
            for (size_t at = 0; at < n;) {
                const size_t piece = cut > n ? 1 : at ? n - at : cut;
                http_send(fd, good[i] + at, piece);
                at += piece;
                wait_until_read(server_fd);
            }
            http_reply r = http_receive(fd, 0);
            if (r.status != 200)
                fail_msg("good head %zu cut at %zu: status %d: %s", i, cut, r.status, good[i]);
            http_reply_free(&r);
        }
    }
    close(fd);
    /* Long ones, with many headers, in one piece. */
    enum { N_LONG = 15 };
    char *bytes = calloc(1, 1 << 20);
    size_t n = 0;
    int n_good;
    for (int k = 1; k <= N_LONG; k++) {
        n += (size_t)sprintf(bytes + n, "%s", GOOD);
        for (int i = 1; i < 10 * k; i++)
            n += (size_t)sprintf(bytes + n, "X-%d: %0*d\r\n", i, i, i);
        n += (size_t)sprintf(bytes + n, "%s\r\n", k == N_LONG ? "Connection: close\r\n" : "");
    }
    assert_int_equal(ask(&f, bytes, n, &n_good), 200);
    assert_int_equal(n_good, N_LONG);
    free(bytes);
    stop(&f);
}

/* ---------------------------------------------------------------- hosts and origins */

static const char *const own_names[] = {"archive.example", "Other.Example:8443"};

static void test_hosts(void **state) {
    static const struct {
        const char *host;
        int by_loopback, by_any; /* listening on 127.0.0.1, on 0.0.0.0 */
    } cases[] = {{"localhost", 1, 1},
                 {"LOCALHOST:1", 1, 1},
                 {"localhost.", 1, 1},
                 {"127.0.0.1", 1, 1},
                 {"127.0.0.1:8080", 1, 1},
                 {"127.8.9.10", 1, 1},
                 {"[::1]", 1, 1},
                 {"[0:0::1]:80", 1, 1},
                 {"192.0.2.1", 0, 1},
                 {"[2001:db8::1]:8080", 0, 1},
                 {"0.0.0.0", 0, 1},
                 {"archive.example", 1, 1},
                 {"Archive.Example:99", 1, 1},
                 {"archive.example.", 1, 1},
                 {"other.example", 1, 1},
                 {"evil.example", 0, 0},
                 {"evil.example:8080", 0, 0},
                 {"archive.example.evil.example", 0, 0},
                 {"evil-archive.example", 0, 0},
                 {"localhost.evil.example", 0, 0},
                 {"127.0.0.1.evil.example", 0, 0},
                 {"127.0.0.1.nip.io", 0, 0},
                 {"2130706433", 0, 0},
                 {"0x7f000001", 0, 0},
                 {"127.1", 0, 0},
                 {"::1", 0, 0},
                 {"[127.0.0.1]", 0, 0},
                 {"[localhost]", 0, 0},
                 {"", 0, 0},
                 {".", 0, 0},
                 {":80", 0, 0},
                 {"localhost:", 1, 1},
                 {"localhost:80:80", 0, 0},
                 {"localhost#", 0, 0}};
    const serve_options loopback = {.address = "127.0.0.1", .host = own_names, .n_hosts = 2},
                        any = {.address = "0.0.0.0", .host = own_names, .n_hosts = 2};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (serve_is_own_host(&loopback, 1, cases[i].host) != cases[i].by_loopback ||
            serve_is_own_host(&any, 0, cases[i].host) != cases[i].by_any)
            fail_msg("Host: %s", cases[i].host);
    const serve_options named = {.address = "box.lan"};
    assert_true(serve_is_own_host(&named, 0, "BOX.lan:80"));
}

static void test_origins(void **state) {
    static const struct {
        const char *host, *origin, *site;
        int is_own;
    } cases[] = {{"localhost:8080", NULL, NULL, 1},
                 {NULL, NULL, NULL, 1},
                 {"localhost:8080", "http://localhost:8080", NULL, 1},
                 {"localhost:8080", "http://localhost:8080", "same-origin", 1},
                 {"localhost:8080", "https://localhost:8080", NULL, 1}, /* a proxy speaks TLS for it */
                 {"localhost:8080", NULL, "none", 1},
                 {"127.0.0.1:8080", "https://archive.example", "same-origin", 1}, /* a proxy that asks for its own name */
                 {"127.0.0.1:8080", "https://other.example:8443", NULL, 1},
                 {"localhost:8080", NULL, "cross-site", 0},
                 {"localhost:8080", NULL, "same-site", 0},
                 {"localhost:8080", NULL, "", 0},
                 {"localhost:8080", "http://localhost:8080", "cross-site", 0},
                 {"localhost:8080", "http://localhost", NULL, 0},
                 {"localhost:8080", "http://localhost:80800", NULL, 0},
                 {"localhost:8080", "http://localhost:8081", "same-origin", 0},
                 {"localhost:8080", "http://127.0.0.1:8080", NULL, 0},
                 {"localhost:8080", "http://evil.example", NULL, 0},
                 {"localhost:8080", "http://evil.example:8080", "same-origin", 0},
                 {"localhost:8080", "null", NULL, 0},
                 {"localhost:8080", "", NULL, 0},
                 {"localhost:8080", "file://localhost:8080", NULL, 0},
                 {"localhost:8080", "http://localhost:8080/", NULL, 0},
                 {"localhost:8080", "http://x@localhost:8080", NULL, 0},
                 {"127.0.0.1:8080", "https://other.example", NULL, 0},
                 {"127.0.0.1:8080", "https://archive.example:444", NULL, 0},
                 {NULL, "http://localhost", NULL, 0}};
    const serve_options options = {.address = "127.0.0.1", .host = own_names, .n_hosts = 2};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (serve_is_own_page(&options, cases[i].host, cases[i].origin, cases[i].site) != cases[i].is_own)
            fail_msg("origin %zu", i);
    serve_options by_tls = options; /* a page over http is another one's then */
    by_tls.tls_certificate = "certificate.pem";
    assert_true(serve_is_own_page(&by_tls, "localhost:8080", "https://localhost:8080", "same-origin"));
    assert_false(serve_is_own_page(&by_tls, "localhost:8080", "http://localhost:8080", NULL));
}

/* The same over the wire: what is refused, and what the page needs. */
static void test_foreign_pages(void **state) {
    static const struct {
        const char *request, *headers;
        int status;
    } cases[] = {{"GET /healthz", "Host: evil.example\r\n", 421},
                 {"GET /", "Host: evil.example\r\n", 421},
                 {"GET /v1/info", "Host: evil.example:80\r\nOrigin: http://evil.example:80\r\nSec-Fetch-Site: same-origin\r\n", 421},
                 {"GET /nowhere", "Host: evil.example\r\n", 421},
                 {"GET /v1/info", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", 403},
                 {"GET /metrics", "Host: localhost\r\nSec-Fetch-Site: same-site\r\n", 403},
                 {"GET /v1/items/3/thumbnail", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: image\r\n", 403},
                 {"POST /v1/search", "Host: localhost\r\nOrigin: null\r\nContent-Length: 0\r\n", 403},
                 {"POST /v1/reload", "Host: localhost\r\nOrigin: https://evil.example\r\nContent-Length: 0\r\n", 403},
                 {"GET /healthz", "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n", 200},
                 {"GET /v1/info", "Host: localhost\r\nSec-Fetch-Site: same-origin\r\n", 503},
                 {"GET /v1/info", "Host: localhost\r\nSec-Fetch-Site: none\r\n", 503},
                 {"POST /v1/search", "Host: localhost\r\nOrigin: http://localhost\r\nContent-Length: 0\r\n", 503},
                 {"GET /v1/info", "Host: archive.example\r\n", 503},
                 {"GET /v1/info", "Host: localhost\r\n", 503}};
    (void)state;
    fixture f;
    prepare(&f);
    f.server.options.host = own_names;
    f.server.options.n_hosts = 2;
    go(&f, "127.0.0.1");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[512];
        int n_good;
        const int n = snprintf(bytes, sizeof bytes, "%s HTTP/1.1\r\n%sConnection: close\r\n\r\n", cases[i].request, cases[i].headers);
        const int status = ask(&f, bytes, (size_t)n, &n_good);
        if (status != cases[i].status)
            fail_msg("%s: %d, expected %d; %s", cases[i].request, status, cases[i].status, cases[i].headers);
    }
    stop(&f);
}

/* ---------------------------------------------------------------- stderr */

typedef struct told {
    int kept, file;
} told;

static told listen_to_stderr(void) {
    const told t = {dup(2), memfd_create("stderr", MFD_CLOEXEC)};
    assert_true(t.kept >= 0 && t.file >= 0);
    dup2(t.file, 2);
    return t;
}

static void what_was_told(told t, char *text, size_t n_bytes) {
    dup2(t.kept, 2);
    const ssize_t n = pread(t.file, text, n_bytes - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    close(t.kept);
    close(t.file);
}

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

/* Nothing that a client sends gets to a terminal as it is. */
static void test_log(void **state) {
    static const char *const requests[] = {"GET /a%1b[2Jb HTTP/1.1\r\nHost: localhost\r\n",
                                           "GET /a%c2%9b2Jb HTTP/1.1\r\nHost: localhost\r\n",
                                           "GET /a\xc2\x9b[2J HTTP/1.1\r\nHost: localhost\r\n",
                                           "GET /a%9bx HTTP/1.1\r\nHost: localhost\r\n",
                                           "GET /a%c2 HTTP/1.1\r\nHost: localhost\r\n",
                                           "GET /a%ed%a0%80 HTTP/1.1\r\nHost: localhost\r\n",
                                           "GET /a%0a2026-01-01 HTTP/1.1\r\nHost: localhost\r\n",
                                           "GET /a%7f%20%25b HTTP/1.1\r\nHost: localhost\r\n",
                                           "G\x1b[2J /a HTTP/1.1\r\nHost: localhost\r\n",
                                           "G\xc2\x9bJ /a HTTP/1.1\r\nHost: localhost\r\n",
                                           "GET /gr\xc3\xbc\xc3\x9f HTTP/1.1\r\nHost: localhost\r\n"},
                             *const lines[] = {" GET /a%1B[2Jb 404 ", " GET /a%C2%9B2Jb 404 ", " GET /a%C2%9B[2J 404 ",
                                               " GET /a%9Bx 404 ",    " GET /a%C2 404 ",      " GET /a%ED%A0%80 404 ",
                                               " GET /a%0A2026-01-01 404 ", " GET /a%7F%20%25b 404 ", " G%1B[2J /a 400 ",
                                               " G%C2%9BJ /a 400 ",   " GET /gr%C3%BC%C3%9F 404 "};
    enum { N = sizeof requests / sizeof *requests };
    (void)state;
    for (int as_json = 0; as_json < 2; as_json++) {
        fixture f;
        char text[8192];
        prepare(&f);
        f.server.options.log = as_json ? SERVE_LOG_JSON : SERVE_LOG_TEXT;
        go(&f, "127.0.0.1");
        const told t = listen_to_stderr();
        for (size_t i = 0; i < N; i++) {
            char bytes[256];
            int n_good;
            const int n = snprintf(bytes, sizeof bytes, "%sConnection: close\r\n\r\n", requests[i]);
            ask(&f, bytes, (size_t)n, &n_good);
        }
        stop(&f);
        what_was_told(t, text, sizeof text);
        assert_int_equal(count(text, "\n"), N);
        for (const unsigned char *p = (const unsigned char *)text; *p; p++)
            if ((*p < ' ' && *p != '\n') || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
                fail_msg("a control character in the log: %s", text);
        assert_true(serve_is_utf8(text, strlen(text)));
        for (size_t i = 0; i < N && !as_json; i++)
            if (count(text, lines[i]) < 1)
                fail_msg("the log lacks \"%s\": %s", lines[i], text);
    }
}

/* A proxy on this machine makes reads free for everyone whom it asks for: told once, unless that is what was asked for. */
static void test_told_of_proxy(void **state) {
    static const char *const names[] = {"X-Forwarded-For: 192.0.2.7", "forwarded: for=192.0.2.7", "X-Real-IP: 192.0.2.7", "Via: 1.1 a"};
    (void)state;
    for (int kind = 0; kind < 4; kind++)
        for (size_t i = 0; i < 4; i++) {
            fixture f;
            char bytes[256], text[2048];
            int n_good;
            prepare(&f);
            f.server.options.token = "token";
            f.server.options.reads = kind == 1 ? SERVE_READS_FREE : kind == 2 ? SERVE_READS_TOKEN : SERVE_READS_BY_ADDRESS;
            f.server.reads_are_free = kind < 2;
            go(&f, "127.0.0.1");
            const told t = listen_to_stderr();
            for (int k = 0; k < 3; k++) {
                const int n = snprintf(bytes, sizeof bytes, GOOD "%s\r\nConnection: close\r\n\r\n", names[i]);
                assert_int_equal(ask(&f, bytes, (size_t)n, &n_good), 200);
            }
            stop(&f);
            what_was_told(t, text, sizeof text);
            assert_int_equal(count(text, "--reads token"), kind == 0 && i < 3);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_heads), cmocka_unit_test(test_good_heads),    cmocka_unit_test(test_hosts), cmocka_unit_test(test_origins),
        cmocka_unit_test(test_foreign_pages), cmocka_unit_test(test_log), cmocka_unit_test(test_told_of_proxy),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
