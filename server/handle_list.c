/* handle_list.c - items without a query, newest first, and how many were taken in each year, month or day. */
#include "failure.h"
#include "image_folder.h"
#include "narrow.h"
#include "records.h"
#include "stream.h"

#include <stdlib.h>

typedef struct list_answer {
    serve_parts parts; /* first */
    adah_search_result result;
    uint64_t n_all;
} list_answer;

static void free_list(serve_parts *parts) { adah_search_result_free(&((list_answer *)(void *)parts)->result); }

static adah_code add_item(const list_answer *a, size_t i, serve_text *t, adah_status *status) {
    adah_index_entry entry;
    const adah_index *index = a->parts.state->index;
    const adah_code code = adah_index_record(index, a->result.hits[i].row, &entry, status);
    if (code != ADAH_OK)
        return code;
    serve_text_plain(t, i ? ", {\"id\": " : "{\"id\": ");
    serve_text_number(t, entry.id);
    serve_text_plain(t, ", ");
    serve_add_entry(t, index, &entry, a->parts.server->images >= 0 && serve_is_safe_name(entry.file_name));
    serve_text_plain(t, "}");
    adah_index_entry_free(&entry);
    return ADAH_OK;
}

static adah_code add_part(const serve_parts *parts, size_t part, serve_text *t, adah_status *status) {
    const list_answer *a = (const list_answer *)(const void *)parts;
    if (part == 0) {
        serve_text_plain(t, "{\"n_items\": ");
        serve_text_number(t, a->n_all);
        serve_text_plain(t, ", \"items\": [");
    } else if (part <= a->result.n_hits) {
        return add_item(a, part - 1, t, status);
    } else {
        serve_text_plain(t, "]}\n");
    }
    return ADAH_OK;
}

static int refuse(serve_request *r, adah_code code, const adah_status *status) {
    return code == ADAH_ERROR_NOT_FOUND ? serve_refuse_narrow(r, status) : serve_refuse_failed(r, status);
}

void serve_handle_list(serve_request *r, serve_state *state) {
    adah_search_options o;
    adah_status status;
    adah_search_options_init(&o);
    if (!serve_read_query(r) || !serve_narrow(r, &o))
        return;
    list_answer *a = calloc(1, sizeof *a);
    if (!a) {
        serve_refuse_memory(r);
        return;
    }
    o.k = (size_t)r->query.k;
    const adah_code code = adah_index_list(state->index, &o, r->query.from, &a->result, &a->n_all, &status);
    if (code != ADAH_OK) {
        free(a);
        refuse(r, code, &status);
        return;
    }
    a->parts.stream.n_bytes = a->result.n_hits * sizeof *a->result.hits;
    a->parts.n_parts = a->result.n_hits + 2;
    a->parts.add = add_part;
    a->parts.free = free_list;
    serve_send_parts(r, state, &a->parts);
}

/* ---------------------------------------------------------------- the timeline */

typedef struct timeline_answer {
    serve_parts parts; /* first */
    adah_timeline timeline;
} timeline_answer;

static void free_timeline(serve_parts *parts) { adah_timeline_free(&((timeline_answer *)(void *)parts)->timeline); }

static adah_code add_step(const serve_parts *parts, size_t part, serve_text *t, adah_status *status) {
    const adah_timeline *timeline = &((const timeline_answer *)(const void *)parts)->timeline;
    char date[ADAH_DATE_BYTES];
    (void)status;
    if (part == 0) {
        serve_text_plain(t, "{\"n_without_date\": ");
        serve_text_number(t, timeline->n_without);
        serve_text_plain(t, ", \"steps\": [");
    } else if (part <= timeline->n_steps) {
        const adah_timeline_step *step = &timeline->step[part - 1];
        serve_text_format(t, "%s{\"date\": \"%s\", \"n\": ", part > 1 ? ", " : "", adah_date_write(&step->date, date));
        serve_text_number(t, step->n);
        serve_text_plain(t, "}");
    } else {
        serve_text_plain(t, "]}\n");
    }
    return ADAH_OK;
}

void serve_handle_timeline(serve_request *r, serve_state *state) {
    static const adah_date_detail details[] = {ADAH_DATE_YEAR, ADAH_DATE_MONTH, ADAH_DATE_DAY};
    adah_search_options o;
    adah_status status;
    adah_search_options_init(&o);
    if (!serve_read_query(r) || !serve_narrow(r, &o))
        return;
    timeline_answer *a = calloc(1, sizeof *a);
    if (!a) {
        serve_refuse_memory(r);
        return;
    }
    const adah_code code = adah_index_timeline(state->index, &o, details[r->query.step], &a->timeline, &status);
    if (code != ADAH_OK) {
        free(a);
        refuse(r, code, &status);
        return;
    }
    a->parts.stream.n_bytes = a->timeline.n_steps * sizeof *a->timeline.step;
    a->parts.n_parts = a->timeline.n_steps + 2;
    a->parts.add = add_step;
    a->parts.free = free_timeline;
    serve_send_parts(r, state, &a->parts);
}
