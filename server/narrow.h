/* narrow.h - what of a request narrows its answer: labels, dates, a place, a folder. */
#ifndef ADAH_SERVER_NARROW_H
#define ADAH_SERVER_NARROW_H

#include "request.h"

/* Puts it into the options. 0: the answer says what is wrong. */
int serve_narrow(serve_request *r, adah_search_options *options);
/* Answers that the index has no such label or folder, as the status says. */
int serve_refuse_narrow(serve_request *r, const adah_status *status);

#endif
