/* origin.h - whom a request asks, and whose page asks it.
 *
 * A browser asks any address for any page. Two things keep other sites' pages away from what is served here: a page whose name has been
 * made to lead to this address (DNS rebinding) asks for that name, which is not one of this server's; and a page that asks across sites
 * is told of by the browser, in Sec-Fetch-Site and Origin. Programs that are no browser send neither. */
#ifndef ADAH_SERVER_ORIGIN_H
#define ADAH_SERVER_ORIGIN_H

#include "serve.h"

/* 1: the value of a Host header is an authority: a name or an address, and a port or none. */
int serve_is_authority(const char *host);
/* 1: it is this server's: localhost; an address, which nobody can make lead elsewhere, of this machine where only that can reach it; the
 * name it listens on; a name of the options. The port does not matter: it may be another one outside. */
int serve_is_own_host(const serve_options *options, int is_loopback, const char *host);
/* 1: the page that asks is this server's own, or no page does. Any of the three may be NULL: not there. */
int serve_is_own_page(const serve_options *options, const char *host, const char *origin, const char *fetch_site);

#endif
