/* index_copy.c - rows in the order of their ids, each read into room that is used again and added to the builder. */
#include "index/index_copy.h"
#include "base/memory.h"

#include <stdlib.h>

typedef struct place {
    uint64_t id, row;
} place;

static int by_id(const void *a, const void *b) {
    const place *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* The rows that are not deleted in order of id; NULL with ADAH_OK: they are in order as they lie. */
static adah_code order_rows(const adah_index *x, place **order, adah_status *status) {
    *order = NULL;
    if (x->ids_ascend)
        return ADAH_OK;
    place *all = adah_memory_resize(NULL, (size_t)x->n_alive, sizeof *all);
    if (!all)
        return adah_fail_memory(status, (size_t)x->n_alive * sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < x->n_segments; i++) {
        const adah_segment *s = x->view[i].segment;
        for (uint64_t record = 0; record < s->header.n_records; record++)
            if (adah_index_is_alive(&x->view[i], record))
                all[n++] = (place){adah_segment_id(s, record), s->header.first_row + record};
    }
    qsort(all, n, sizeof *all, by_id);
    *order = all;
    return ADAH_OK;
}

/* Used again from record to record. */
typedef struct record_copy {
    adah_record_room room;
    const char **names; /* of labels */
    size_t capacity;
} record_copy;

static adah_code copy_record(const adah_index *x, uint64_t row, adah_index_builder *b, const adah_index_copying *how, record_copy *copy,
                             adah_status *status) {
    adah_index_entry e;
    ADAH_TRY(adah_index_next_record(x, row, &copy->room, &e, status));
    if (how->look)
        ADAH_TRY(how->look(how->context, &e, status));
    for (size_t i = 0; i < e.n_labels; i++) {
        if (!adah_memory_grow((void **)&copy->names, &copy->capacity, i, sizeof *copy->names))
            return adah_fail_memory(status, (i + 1) * sizeof *copy->names);
        copy->names[i] = adah_index_label_name(x, e.label[i]);
        if (!copy->names[i])
            return adah_index_fail_damaged(x->path, status, "the name of label %u is not whole", e.label[i]);
    }
    const adah_index_item item = {.id = how->gives_new_ids ? ADAH_NO_ID : e.id,
                                  .file_name = e.file_name,
                                  .text = e.text,
                                  .label = copy->names,
                                  .n_labels = e.n_labels,
                                  .image_code = e.image_code,
                                  .text_code = e.text_code,
                                  .image_fine = e.image_fine,
                                  .text_fine = e.text_fine,
                                  .n_image_fine = x->n_fine[ADAH_IMAGE],
                                  .n_text_fine = x->n_fine[ADAH_TEXT],
                                  .taken = e.taken};
    return adah_index_builder_add(b, &item, status);
}

adah_code adah_index_copy_records(const adah_index *x, adah_index_builder *b, const adah_index_copying *how, adah_progress progress,
                                  adah_status *status) {
    enum { REPORT_EVERY = 1 << 16 };
    place *order;
    ADAH_TRY(order_rows(x, &order, status));
    const uint64_t n = order ? x->n_alive : x->n_rows;
    record_copy copy = {{NULL, 0, NULL}, NULL, 0};
    adah_code code = ADAH_OK;
    for (uint64_t i = 0; i < n && code == ADAH_OK; i++) {
        const uint64_t row = order ? order[i].row : i;
        const adah_segment_view *v = order ? NULL : &x->view[adah_index_segment_of(x, row)];
        if (!v || adah_index_is_alive(v, row - v->segment->header.first_row))
            code = copy_record(x, row, b, how, &copy, status);
        const adah_progress_event event = {.stage = how->stage, .done = i + 1, .total = n, .detail = ""};
        if (code == ADAH_OK && progress.function && ((i + 1) % REPORT_EVERY == 0 || i + 1 == n) &&
            progress.function(progress.user, &event))
            code = adah_fail(status, ADAH_ERROR_CANCELLED, "%s: %s was stopped", x->path, how->stage);
    }
    adah_memory_free(copy.names);
    adah_memory_free(copy.room.own);
    adah_memory_free(order);
    return adah_index_checked(x, code, status);
}
