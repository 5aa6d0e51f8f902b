/* records.c - see records.h. */
#include "records.h"
#include "failure.h"

const char *serve_side_name(adah_modality side) { return side == ADAH_IMAGE ? "image" : "text"; }

int serve_find_row(serve_request *r, const serve_state *state, uint64_t id, uint64_t *row) {
    return adah_index_find(state->index, id, row) ||
           serve_refuse(r, 404, "not_found", "id", "there is no item with the id %llu", (unsigned long long)id);
}

int serve_find_record(serve_request *r, const serve_state *state, uint64_t id, adah_index_entry *entry) {
    uint64_t row;
    adah_status status;
    if (!serve_find_row(r, state, id, &row))
        return 0;
    return adah_index_record(state->index, row, entry, &status) == ADAH_OK || serve_refuse_failed(r, &status);
}

void serve_add_entry(serve_text *t, const adah_index *index, const adah_index_entry *entry, int has_picture) {
    serve_text_plain(t, "\"file_name\": ");
    serve_text_string(t, entry->file_name);
    serve_text_plain(t, ", \"text\": ");
    serve_text_string(t, entry->text);
    serve_text_plain(t, ", \"labels\": [");
    for (size_t i = 0; i < entry->n_labels; i++) {
        const char *name = adah_index_label_name(index, entry->label[i]);
        if (i)
            serve_text_plain(t, ", ");
        serve_text_string(t, name ? name : "");
    }
    serve_text_plain(t, has_picture ? "], \"has_picture\": true" : "], \"has_picture\": false");
    char date[ADAH_DATE_BYTES];
    if (*adah_date_write(&entry->taken, date))
        serve_text_format(t, ", \"taken\": \"%s\"", date);
    if (entry->taken.has_place)
        serve_text_format(t, ", \"latitude\": %.7f, \"longitude\": %.7f", entry->taken.latitude_e7 / 1e7, entry->taken.longitude_e7 / 1e7);
}
