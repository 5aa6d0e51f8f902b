/* Memory of requests: who gets it when it is short, and texts that are never in memory as a whole. */
#define _GNU_SOURCE
#include "budget.h"
#include "json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MEMORY = 16 << 20, BODY_MAX = 4 << 20, PIECE = 32 << 10, SLOW_BEFORE = 1000 };

typedef struct sender {
    serve_claim claim;
    atomic_uint_least64_t deadline;
    int n_ends;
} sender;

static void end(void *context) { ((sender *)context)->n_ends++; }

static void begin(sender *s, const char *client, uint64_t deadline) {
    memset(s, 0, sizeof *s);
    atomic_store(&s->deadline, deadline);
    s->claim = (serve_claim){.client = client, .deadline = &s->deadline, .end = end, .context = s};
}

/* Sends in pieces until it is not taken any more. */
static serve_taking send_bytes(serve_budget *b, sender *s, size_t n_bytes) {
    static uint8_t piece[PIECE];
    serve_taking taken = SERVE_TAKEN;
    for (size_t n = 0; n < n_bytes && taken == SERVE_TAKEN; n += PIECE) {
        memset(piece, (int)(s->claim.n_body_bytes / PIECE), PIECE);
        taken = serve_budget_receive(b, &s->claim, piece, PIECE, BODY_MAX, SLOW_BEFORE);
    }
    return taken;
}

static void small_bodies_need_no_budget(void **state) {
    enum { N = 100 };
    static sender senders[N];
    serve_budget *b = serve_budget_create(0);
    (void)state;
    for (int i = 0; i < N; i++) {
        begin(&senders[i], "a", 0);
        assert_int_equal(send_bytes(b, &senders[i], SERVE_UNCOUNTED_BYTES), SERVE_TAKEN);
        assert_true(serve_budget_take(b, &senders[i].claim, SERVE_UNCOUNTED_BYTES, SLOW_BEFORE));
    }
    assert_int_equal(serve_budget_receive(b, &senders[0].claim, "x", 1, BODY_MAX, SLOW_BEFORE), SERVE_SHORT);
    for (int i = 0; i < N; i++) {
        assert_true(serve_budget_received(b, &senders[i].claim));
        serve_budget_release(b, &senders[i].claim);
    }
    serve_budget_free(b);
}

static void bodies_arrive_whole(void **state) {
    sender s;
    serve_budget *b = serve_budget_create(MEMORY);
    (void)state;
    begin(&s, "a", SLOW_BEFORE);
    assert_int_equal(send_bytes(b, &s, BODY_MAX), SERVE_TAKEN);
    assert_true(serve_budget_received(b, &s.claim));
    assert_int_equal(s.claim.n_body_bytes, BODY_MAX);
    for (size_t i = 0; i < BODY_MAX; i++)
        assert_int_equal(s.claim.body[i], i / PIECE & 255);
    assert_int_equal(serve_budget_used(b), BODY_MAX);
    assert_true(serve_budget_take(b, &s.claim, BODY_MAX, SLOW_BEFORE));
    serve_budget_drop_body(b, &s.claim);
    assert_int_equal(serve_budget_used(b), BODY_MAX);
    serve_budget_release(b, &s.claim);
    assert_int_equal(serve_budget_used(b), 0);
    serve_budget_free(b);
}

/* A client has half, whatever the others leave; the rest is the others'. */
static void clients_have_a_share(void **state) {
    sender s[6];
    serve_budget *b = serve_budget_create(MEMORY);
    (void)state;
    for (int i = 0; i < 6; i++)
        begin(&s[i], i < 4 ? "a" : "b", SLOW_BEFORE);
    assert_int_equal(send_bytes(b, &s[0], BODY_MAX), SERVE_TAKEN);
    assert_int_equal(send_bytes(b, &s[1], BODY_MAX), SERVE_TAKEN);
    assert_int_equal(send_bytes(b, &s[2], BODY_MAX), SERVE_SHORT);
    assert_false(serve_budget_take(b, &s[3].claim, SERVE_UNCOUNTED_BYTES + 1, SLOW_BEFORE));
    assert_int_equal(send_bytes(b, &s[4], BODY_MAX), SERVE_TAKEN);
    assert_int_equal(send_bytes(b, &s[5], BODY_MAX), SERVE_TAKEN);
    assert_int_equal(serve_budget_used(b), MEMORY);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(s[i].n_ends, 0);
        serve_budget_release(b, &s[i].claim);
    }
    assert_int_equal(serve_budget_used(b), 0);
    serve_budget_free(b);
}

/* The slowest first, only those that are slow, and nobody whose body has come. */
static void slow_senders_are_ended(void **state) {
    sender s[4], other;
    serve_budget *b = serve_budget_create(MEMORY);
    (void)state;
    begin(&s[0], "a", SLOW_BEFORE - 1);
    begin(&s[1], "a", SLOW_BEFORE - 2);
    begin(&s[2], "a", SLOW_BEFORE);
    begin(&s[3], "a", SLOW_BEFORE);
    for (int i = 0; i < 2; i++)
        assert_int_equal(send_bytes(b, &s[i], BODY_MAX), SERVE_TAKEN);
    assert_int_equal(send_bytes(b, &s[2], BODY_MAX), SERVE_TAKEN);
    assert_int_equal(s[1].n_ends, 1);
    assert_int_equal(s[0].n_ends, 0);
    assert_int_equal(serve_budget_used(b), 2 * BODY_MAX);
    assert_null(s[1].claim.body);
    assert_int_equal(send_bytes(b, &s[1], PIECE), SERVE_ENDED);
    assert_false(serve_budget_received(b, &s[1].claim));
    /* One that is slower itself ends nobody. */
    atomic_store(&s[3].deadline, SLOW_BEFORE - 3);
    assert_int_equal(send_bytes(b, &s[3], BODY_MAX), SERVE_SHORT);
    serve_budget_release(b, &s[3].claim);
    /* What has come stays. */
    assert_true(serve_budget_received(b, &s[0].claim));
    begin(&other, "a", SLOW_BEFORE);
    assert_int_equal(send_bytes(b, &other, BODY_MAX), SERVE_SHORT);
    assert_int_equal(s[0].n_ends + s[2].n_ends, 0);
    serve_budget_release(b, &other.claim);
    for (int i = 0; i < 4; i++)
        serve_budget_release(b, &s[i].claim);
    assert_int_equal(serve_budget_used(b), 0);
    serve_budget_free(b);
}

/* ---------------------------------------------------------------- windows */

static void write_all(serve_text *t) {
    static const uint8_t code[] = {0, 0x1f, 0xe2, 0xff};
    serve_text_plain(t, "{\"a\": ");
    serve_text_number(t, 1234567890123456789);
    serve_text_format(t, ", %.3f, %s", 0.5, "formatted");
    serve_text_string(t, "plain, \"quoted\" \\ \n\x7f \xc3\xa9 \xf0\x9f\x98\x80 \xff\xc0\xaf broken");
    serve_text_hex(t, code, sizeof code);
    serve_text_hex(t, NULL, 4);
    serve_text_plain(t, "}");
}

static void windows_show_the_text(void **state) {
    serve_text all = {0};
    char bytes[512];
    (void)state;
    write_all(&all);
    assert_false(all.failed);
    serve_text_bytes(&all, "", 1);
    assert_string_equal(all.bytes, "{\"a\": 1234567890123456789, 0.500, formatted\"plain, \\\"quoted\\\" \\\\ \\u000a\\u007f \xc3\xa9 "
                                   "\xf0\x9f\x98\x80 \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd broken\"\"001fe2ff\"null}");
    const size_t n_all = all.n_bytes - 1;
    for (size_t from = 0; from <= n_all + 2; from++)
        for (size_t n = 0; n < 200; n++) {
            serve_text t = serve_text_window(bytes, n, from);
            write_all(&t);
            const size_t n_left = from < n_all ? n_all - from : 0;
            assert_int_equal(t.n_all, n_all);
            assert_int_equal(t.n_bytes, n < n_left ? n : n_left);
            assert_memory_equal(bytes, all.bytes + (from < n_all ? from : 0), t.n_bytes);
        }
    serve_text_free(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(small_bodies_need_no_budget), cmocka_unit_test(bodies_arrive_whole),
                                       cmocka_unit_test(clients_have_a_share), cmocka_unit_test(slow_senders_are_ended),
                                       cmocka_unit_test(windows_show_the_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
