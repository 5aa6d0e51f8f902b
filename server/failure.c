/* failure.c - see failure.h. */
#include "failure.h"
#include "server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

adah_code serve_fail(adah_status *status, adah_code code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(status->message, sizeof status->message, format, arguments);
    va_end(arguments);
    return status->code = code;
}

/* ---------------------------------------------------------------- texts without paths */

/* Do the first bytes of `text` name the path, and nothing longer? */
static size_t names(const char *text, const char *path) {
    const size_t n = path ? strlen(path) : 0;
    return n && !strncmp(text, path, n) && strchr(":\"", text[n]) ? n : 0; /* the text's end is among them */
}

/* Bytes of an absolute path that the library's messages could name, up to what follows it; 0: there is none. */
static size_t other_path(const char *text) {
    if (text[0] != '/' || !text[1] || text[1] == ' ')
        return 0;
    const char *end = strstr(text, ": ");
    const size_t n = strcspn(text, "\"");
    return end && (size_t)(end - text) < n ? (size_t)(end - text) : n;
}

const char *serve_say(const serve_request *r, const adah_status *status, char said[SERVE_SAID_BYTES]) {
    const serve_options *o = &r->server->options;
    const struct {
        const char *path, *what;
    } known[] = {{o->index, "the index"},
                 {o->model, "the model"},
                 {o->images, "the folder of pictures"},
                 {r->server->images_path, "the folder of pictures"}};
    size_t n = 0;
    for (const char *p = status->message; *p && n + 32 < SERVE_SAID_BYTES;) {
        const char *what = NULL;
        size_t n_path = 0;
        for (size_t i = 0; i < sizeof known / sizeof *known && !n_path; i++) {
            n_path = p == status->message || strchr(" \"(", p[-1]) ? names(p, known[i].path) : 0;
            what = known[i].what;
        }
        if (!n_path && (p == status->message || strchr(" \"(=", p[-1]))) {
            n_path = other_path(p);
            what = "a file";
        }
        if (n_path) {
            n += (size_t)snprintf(said + n, SERVE_SAID_BYTES - n, "%s", what);
            p += n_path;
        } else {
            said[n++] = *p++;
        }
    }
    said[n] = '\0';
    return said;
}

int serve_refuse_said(serve_request *r, unsigned status, const char *code, const char *field, const adah_status *from) {
    char said[SERVE_SAID_BYTES];
    return serve_refuse(r, status, code, field, "%s", serve_say(r, from, said));
}

/* ---------------------------------------------------------------- statuses */

typedef struct failure {
    unsigned status;
    const char *code;
    int retry_after;
} failure;

static failure of_system(int error) {
    switch (error) {
    case EWOULDBLOCK: return (failure){503, "busy", 1}; /* another process writes */
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return (failure){507, "no_space", 0};
    case EACCES:
    case EPERM:
    case EROFS: return (failure){500, "no_permission", 0};
    case ENOENT:
    case ENOTDIR: return (failure){500, "missing_file", 0};
    case EMFILE:
    case ENFILE:
    case ENOMEM: return (failure){503, "out_of_resources", 1};
    case 0: return (failure){500, "internal", 0};
    default: return (failure){500, "disk_error", 0};
    }
}

static failure choose(const adah_status *status) {
    switch (status->code) {
    case ADAH_ERROR_MISMATCH: return (failure){409, "mismatch", 0};
    case ADAH_ERROR_MEMORY: return (failure){500, "out_of_memory", 0};
    case ADAH_ERROR_FORMAT: return (failure){500, "damaged", 0};
    case ADAH_ERROR_IO: return of_system(status->system_error);
    case ADAH_ERROR_UNCERTAIN: return (failure){500, "outcome_unknown", 0};
    default: return (failure){500, "internal", 0};
    }
}

int serve_refuse_failed(serve_request *r, const adah_status *status) {
    const failure f = choose(status);
    if (f.status >= 500 && !f.retry_after && r->server->options.log != SERVE_LOG_NONE)
        fprintf(stderr, "adah: %s\n", status->message);
    serve_refuse_said(r, f.status, f.code, NULL, status);
    r->answer.retry_after = f.retry_after;
    return 0;
}
