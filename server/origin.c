/* origin.c - see origin.h. */
#define _GNU_SOURCE
#include "origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAME_BYTES_MAX = 255 };

typedef struct authority {
    char name[NAME_BYTES_MAX + 1]; /* without brackets, and without a dot at its end */
    int is_bracketed;
    const char *port; /* what follows the colon; NULL: no colon */
} authority;

static const char name_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~",
                  address_bytes[] = "0123456789ABCDEFabcdef:.", digits[] = "0123456789";

static int parse(const char *text, authority *a) {
    const int is_bracketed = *text == '[';
    text += is_bracketed;
    size_t n = strspn(text, is_bracketed ? address_bytes : name_bytes);
    const char *rest = text + n;
    if (n == 0 || n > NAME_BYTES_MAX || (is_bracketed && *rest++ != ']'))
        return 0;
    a->port = *rest == ':' ? rest + 1 : NULL;
    if (a->port ? a->port[strspn(a->port, digits)] != '\0' : *rest != '\0')
        return 0;
    n -= n > 1 && text[n - 1] == '.';
    memcpy(a->name, text, n);
    a->name[n] = '\0';
    a->is_bracketed = is_bracketed;
    return 1;
}

int serve_is_authority(const char *host) {
    authority a;
    return parse(host, &a);
}

/* 1: an address; *is_loopback: of this machine alone. */
static int is_address(const authority *a, int *is_loopback) {
    struct in_addr v4;
    struct in6_addr v6;
    if (!a->is_bracketed && inet_pton(AF_INET, a->name, &v4) == 1) {
        *is_loopback = ntohl(v4.s_addr) >> 24 == 127;
        return 1;
    }
    if (!a->is_bracketed || inet_pton(AF_INET6, a->name, &v6) != 1)
        return 0;
    *is_loopback = IN6_IS_ADDR_LOOPBACK(&v6);
    return 1;
}

int serve_is_own_host(const serve_options *o, int is_loopback, const char *host) {
    authority a, own;
    int is_of_this_machine = 0;
    if (!parse(host, &a))
        return 0;
    if ((!a.is_bracketed && !strcasecmp(a.name, "localhost")) ||
        (a.is_bracketed == (strchr(o->address, ':') != NULL) && !strcasecmp(a.name, o->address)))
        return 1;
    if (is_address(&a, &is_of_this_machine) && (!is_loopback || is_of_this_machine))
        return 1;
    for (size_t i = 0; i < o->n_hosts; i++)
        if (parse(o->host[i], &own) && own.is_bracketed == a.is_bracketed && !strcasecmp(own.name, a.name))
            return 1;
    return 0;
}

static int is_same(const char *one, const char *other) {
    authority a, b;
    return parse(one, &a) && parse(other, &b) && a.is_bracketed == b.is_bracketed && !strcasecmp(a.name, b.name) &&
           !strcmp(a.port ? a.port : "", b.port ? b.port : "");
}

int serve_is_own_page(const serve_options *o, const char *host, const char *origin, const char *fetch_site) {
    if (fetch_site && strcasecmp(fetch_site, "same-origin") && strcasecmp(fetch_site, "none"))
        return 0;
    if (!origin)
        return 1;
    const char *given = !strncasecmp(origin, "http://", 7) ? origin + 7 : !strncasecmp(origin, "https://", 8) ? origin + 8 : NULL;
    /* "null" among others; and a page over http is not that of a server over https, which a proxy may be in front of one without. */
    if (!given || (o->tls_certificate && given == origin + 7))
        return 0;
    if (host && is_same(given, host))
        return 1;
    for (size_t i = 0; i < o->n_hosts; i++) /* behind a proxy that asks for its own name */
        if (is_same(given, o->host[i]))
            return 1;
    return 0;
}
