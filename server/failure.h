/* failure.h - failures of the server's own, as the library tells its; and those of the library as answers: the fitting status, and no path
 * of this machine in the text. */
#ifndef ADAH_SERVER_FAILURE_H
#define ADAH_SERVER_FAILURE_H

#include "request.h"

/* Fills the status. Returns the code. */
adah_code serve_fail(adah_status *status, adah_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

enum { SERVE_SAID_BYTES = 2400 };

/* The message with "the index" where the index's path is, and so on. Returns `said`. */
const char *serve_say(const serve_request *r, const adah_status *status, char said[SERVE_SAID_BYTES]);
/* Makes the answer that error, with what the library says. Returns 0. */
int serve_refuse_said(serve_request *r, unsigned status, const char *code, const char *field, const adah_status *from);
/* Makes the answer an error with a status that says whose it is and whether asking again could help; those of the server's side (500
 * and above) go to stderr, too, with paths. Returns 0. */
int serve_refuse_failed(serve_request *r, const adah_status *status);

#endif
