/* check_head.c - see check_head.h.
 *
 * libmicrohttpd before 0.9.77 ends a line at a bare LF, joins folded lines, and takes a NUL for the end of a name, of a value or of the whole
 * head, without a word. But it leaves the head where it came in, with NUL for what ended each piece. So a head that is in order has each
 * line where the one before ends, and its end where libmicrohttpd says: anything else shows. Later versions refuse all that when they are
 * asked to be strict. */
#include "check_head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct head_walk {
    serve_head *head;
    const char *fault;
    const char *next; /* where the next line begins; NULL: not known */
    const char *encoding;
    int n_hosts, n_lengths, n_encodings;
} head_walk;

static const char broken_line[] = "a line of the head is folded, has a NUL, or does not end with CR LF";

static int keeps_heads_in_place(void) {
    int major = 0, minor = 0, patch = 0;
    return sscanf(MHD_get_version(), "%d.%d.%d", &major, &minor, &patch) == 3 && major == 0 && (minor < 9 || (minor == 9 && patch < 77));
}

int serve_head_strictness(void) {
    return keeps_heads_in_place() ? 0 : 1; /* before, the strict one closes without an answer, and misses what matters */
}

static int is_token(const char *text, size_t n) {
    static const char bytes[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    return n > 0 && strspn(text, bytes) == n;
}

static int is_value(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            return 0;
    return 1;
}

int serve_is_target(const char *text) {
    while ((unsigned char)*text > ' ' && *text != 0x7f)
        text++;
    return *text == '\0';
}

static enum MHD_Result walk(void *context, enum MHD_ValueKind kind, const char *name, size_t n_name, const char *value, size_t n_value) {
    head_walk *w = context;
    serve_head *h = w->head;
    (void)kind;
    h->n_bytes += n_name + n_value + 4;
    if (!is_token(name, n_name))
        w->fault = "the name of a header has a space or another byte that no name has";
    else if (!is_value(value, n_value))
        w->fault = "the value of a header has a control character";
    else if (w->next && w->next != name)
        w->fault = broken_line;
    if (w->fault)
        return MHD_NO;
    if (w->next)
        w->next = value + n_value + 2;
    if (!strcasecmp(name, "Host")) {
        w->n_hosts++;
        h->host = value;
    } else if (!strcasecmp(name, "Content-Length")) {
        w->n_lengths++;
    } else if (!strcasecmp(name, "Transfer-Encoding")) {
        w->n_encodings++;
        w->encoding = value;
    }
    return MHD_YES;
}

const char *serve_check_head(struct MHD_Connection *c, serve_head *h) {
    head_walk w = {.head = h};
    const int is_old = !strcmp(h->version, "HTTP/1.0");
    if (keeps_heads_in_place()) {
        if (h->target != h->method + strlen(h->method) + 1 || h->version != h->target + h->n_target + 1)
            return broken_line;
        w.next = h->version + strlen(h->version) + 2;
    }
    if (!is_token(h->method, strlen(h->method)))
        return "the method has a byte that no method has";
    if (h->has_bad_target)
        return "there is a blank or a control character beside or in what is asked for";
    MHD_get_connection_values_n(c, MHD_HEADER_KIND, walk, &w);
    if (w.fault)
        return w.fault;
    const union MHD_ConnectionInfo *size = w.next ? MHD_get_connection_info(c, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) : NULL;
    if (size && w.next + 2 != h->method + size->header_size)
        return broken_line;
    if (w.n_lengths + w.n_encodings > 1)
        return "the length of the body is told twice";
    if (w.encoding && is_old)
        return "HTTP/1.0 has no Transfer-Encoding";
    if (w.encoding && strcasecmp(w.encoding, "chunked"))
        return "Transfer-Encoding is not chunked alone";
    if (w.n_hosts > 1)
        return "there is more than one Host";
    if (w.n_hosts == 0 && !is_old)
        return "there is no Host";
    return NULL;
}
