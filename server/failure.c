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
    const char *code, *field;
    int retry_after;
} failure;

static const failure internal = {500, "internal", NULL, 0};

static const failure by_code[] = {
    [ADAH_ERROR_ARGUMENT] = {400, "bad_value", NULL, 0},
    [ADAH_ERROR_FORMAT] = {500, "damaged", NULL, 0},
    [ADAH_ERROR_MISMATCH] = {409, "mismatch", NULL, 0},
    [ADAH_ERROR_MEMORY] = {500, "out_of_memory", NULL, 0},
    [ADAH_ERROR_UNCERTAIN] = {500, "outcome_unknown", NULL, 0},
    [ADAH_ERROR_BUSY] = {503, "busy", NULL, 1}, /* another process writes */
    [ADAH_ERROR_NOT_FOUND] = {404, "not_found", "id", 0},
    [ADAH_ERROR_EXISTS] = {409, "id_taken", "id", 0},
    [ADAH_ERROR_NO_KNOWN_WORD] = {422, "unknown_words", "text", 0},
    [ADAH_ERROR_CORRUPT] = {500, "damaged", NULL, 0},
};

/* Of a call of the system, about files of the server's own. */
static failure of_system(int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return (failure){507, "no_space", NULL, 0};
    case EACCES:
    case EPERM:
    case EROFS: return (failure){500, "no_permission", NULL, 0};
    case ENOENT:
    case ENOTDIR: return (failure){500, "missing_file", NULL, 0};
    case EMFILE:
    case ENFILE:
    case ENOMEM: return (failure){503, "out_of_resources", NULL, 1};
    default: return (failure){500, "disk_error", NULL, 0};
    }
}

static failure choose(const adah_status *status) {
    const size_t code = (size_t)status->code;
    if (status->system_error && (code == ADAH_ERROR_IO || code == ADAH_ERROR_NOT_FOUND))
        return of_system(status->system_error);
    return code < sizeof by_code / sizeof *by_code && by_code[code].status ? by_code[code] : internal;
}

int serve_refuse_failed(serve_request *r, const adah_status *status) {
    const failure f = choose(status);
    if (f.status >= 500 && !f.retry_after && r->server->options.log != SERVE_LOG_NONE)
        fprintf(stderr, "adah: %s\n", status->message);
    serve_refuse_said(r, f.status, f.code, f.field, status);
    r->answer.retry_after = f.retry_after;
    return 0;
}
