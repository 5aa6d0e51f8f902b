/* repeat.h - changes that may be asked for again: a client that did not see the answer sends the request once more with the same
 * Idempotency-Key, and the change happens once.
 *
 * The key is kept with the batch in the index, beside a checksum of what was asked and the answer, so that neither a restart of the server
 * nor a crash parts them. */
#ifndef ADAH_SERVER_REPEAT_H
#define ADAH_SERVER_REPEAT_H

#include "request.h"

/* Reads the key, if there is one, and takes the checksum of method, item and body. Before the body is read. Returns 0 and answers when it
 * is no key. */
int serve_repeat_begin(serve_request *r, const char *method);
/* Answers as before when a request with this key was answered already, or refuses what has the key of another. Returns 0 then. */
int serve_repeat_is_new(serve_request *r, const adah_index *index);
/* Keeps the answer, which is complete but for its status, with the writer's batch. */
adah_code serve_repeat_keep(const serve_request *r, unsigned answer_status, adah_index_writer *writer, adah_status *status);

#endif
