/* records.h - items of the index: found by their id, and told as JSON. */
#ifndef ADAH_SERVER_RECORDS_H
#define ADAH_SERVER_RECORDS_H

#include "server.h"

/* The row of the record with an id. Returns 0 and answers when there is none. */
int serve_find_row(serve_request *r, const serve_state *state, uint64_t id, uint64_t *row);
/* The record with an id, freed with adah_index_entry_free. Returns 0 and answers when there is none. */
int serve_find_record(serve_request *r, const serve_state *state, uint64_t id, adah_index_entry *entry);
/* Adds members of an object that tell the record: "file_name", "text", "labels", "has_picture". */
void serve_add_entry(serve_text *t, const adah_index *index, const adah_index_entry *entry, int has_picture);
const char *serve_side_name(adah_modality side);

#endif
