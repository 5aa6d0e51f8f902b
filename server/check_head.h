/* check_head.h - is the head of a request what HTTP says? What libmicrohttpd lets through or misreads is refused here: a proxy before this
 * server may have read it in another way, and then the two disagree on where the next request begins. */
#ifndef ADAH_SERVER_CHECK_HEAD_H
#define ADAH_SERVER_CHECK_HEAD_H

#include <microhttpd.h>
#include <stddef.h>

typedef struct serve_head {
    const char *method, *version; /* as libmicrohttpd gives them to the handler */
    const char *target;           /* as it gives it to the callback for logging; only its place is used */
    size_t n_target;
    int has_bad_target; /* not serve_is_target */
    size_t n_bytes;   /* of all headers, as lines */
    const char *host; /* NULL: there is none */
} serve_head;

/* 1: a request's target has neither blanks nor control characters. */
int serve_is_target(const char *text);
/* Looks through the headers. Returns what is wrong, for a person; NULL: nothing. */
const char *serve_check_head(struct MHD_Connection *c, serve_head *head);
/* For libmicrohttpd's own strictness: MHD_OPTION_STRICT_FOR_CLIENT. */
int serve_head_strictness(void);

#endif
