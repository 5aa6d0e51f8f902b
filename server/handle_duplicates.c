/* handle_duplicates.c - which images of the index are there twice: a beginning, group after group as they leave, an end. */
#include "failure.h"
#include "image_folder.h"
#include "records.h"
#include "stream.h"

#include <stdlib.h>

/* Images that are compared for a request, which takes some ten seconds: by vectors; by codes alone, which every other code is compared with. */
enum { IMAGES_MAX = 200000, CODES_MAX = 50000, RADIUS_SHARE = 4 /* by codes alone at most every fourth bit may differ: any two codes have half of them */ };

/* By codes alone work and groups grow with the radius. */
static int check_radius(serve_request *r, const adah_index *index) {
    const uint64_t radius = r->query.radius, limit = adah_index_bits(index) / RADIUS_SHARE;
    if (radius == 0 || radius == UINT32_MAX || adah_index_fine(index, ADAH_IMAGE))
        return 1;
    if (radius > limit)
        return serve_refuse(r, 400, "bad_value", "radius", "this index has no vectors, and codes are compared up to a quarter of their bits: expected at most %llu",
                            (unsigned long long)limit);
    if (adah_index_count(index) > CODES_MAX)
        return serve_refuse(r, 409, "mismatch", "radius", "this index has no vectors, and the server compares at most %d codes; 'adah index duplicates' compares any number",
                            CODES_MAX);
    return 1;
}

typedef struct duplicates_answer {
    serve_parts parts; /* first */
    adah_duplicates found;
} duplicates_answer;

static void free_answer(serve_parts *parts) { adah_duplicates_free(&((duplicates_answer *)(void *)parts)->found); }

static adah_code add_group(const duplicates_answer *a, size_t group, serve_text *t, adah_status *status) {
    const adah_index *index = a->parts.state->index;
    serve_text_plain(t, group ? ", [" : "[");
    for (size_t i = a->found.start[group]; i < a->found.start[group + 1]; i++) {
        adah_index_entry entry;
        const adah_code code = adah_index_record(index, a->found.row[i], &entry, status);
        if (code != ADAH_OK)
            return code;
        serve_text_plain(t, i > a->found.start[group] ? ", {\"id\": " : "{\"id\": ");
        serve_text_number(t, entry.id);
        serve_text_format(t, ", \"likeness\": %.4g, ", (double)a->found.likeness[i]);
        serve_add_entry(t, index, &entry, a->parts.server->images >= 0 && serve_is_safe_name(entry.file_name));
        serve_text_plain(t, "}");
        adah_index_entry_free(&entry);
    }
    serve_text_plain(t, "]");
    return ADAH_OK;
}

static adah_code add_part(const serve_parts *parts, size_t part, serve_text *t, adah_status *status) {
    const duplicates_answer *a = (const duplicates_answer *)(const void *)parts;
    if (part == 0)
        serve_text_format(t, "{\"n_groups\": %zu, \"n_images\": %zu, \"groups\": [", a->found.n_groups, a->found.start[a->found.n_groups]);
    else if (part + 1 < parts->n_parts)
        return add_group(a, part - 1, t, status);
    else
        serve_text_plain(t, "]}\n");
    return ADAH_OK;
}

void serve_handle_duplicates(serve_request *r, serve_state *state) {
    adah_duplicates_options o;
    adah_duplicates found;
    adah_status status;
    if (!serve_read_query(r))
        return;
    if (adah_index_count(state->index) > IMAGES_MAX) {
        serve_refuse(r, 409, "mismatch", NULL, "the server compares at most %d items; 'adah index duplicates' compares any number", IMAGES_MAX);
        return;
    }
    if (!check_radius(r, state->index) || !serve_needs_lane(r, SERVE_BULK))
        return;
    adah_duplicates_options_init(&o);
    o.radius = (uint32_t)r->query.radius;
    if (adah_index_duplicates(state->index, &o, (adah_progress){0}, &found, &status) != ADAH_OK) {
        serve_refuse_failed(r, &status);
        return;
    }
    duplicates_answer *a = calloc(1, sizeof *a);
    if (!a) {
        adah_duplicates_free(&found);
        serve_refuse_memory(r);
        return;
    }
    const size_t n_told = found.n_groups < r->query.k ? found.n_groups : (size_t)r->query.k;
    *a = (duplicates_answer){.parts = {.stream.n_bytes = found.start[found.n_groups] * (sizeof *found.row + sizeof *found.likeness),
                                       .n_parts = n_told + 2,
                                       .add = add_part,
                                       .free = free_answer},
                             .found = found};
    serve_send_parts(r, state, &a->parts);
}
