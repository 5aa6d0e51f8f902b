/* marks.c - see marks.h. */
#include "marks.h"

#include <stdio.h>

static adah_code read_ids(const cli_list *list, const char *option, uint64_t *id, adah_status *status) {
    for (size_t i = 0; i < list->n; i++)
        if (!cli_read_id(list->item[i], &id[i])) {
            snprintf(status->message, sizeof status->message, "%s is \"%.100s\", expected the number of a record", option, list->item[i]);
            return status->code = ADAH_ERROR_ARGUMENT;
        }
    return ADAH_OK;
}

adah_code cli_apply_marks(const adah_index *index, cli_marks *marks, adah_modality side, const uint8_t *code, const int8_t *fine, size_t n_fine,
                          adah_feedback *query, adah_search_options *search, adah_status *status) {
    adah_feedback_options o;
    adah_code done = read_ids(&marks->liked, "--like", marks->id, status);
    if (done == ADAH_OK)
        done = read_ids(&marks->unliked, "--unlike", marks->id + marks->liked.n, status);
    if (done != ADAH_OK)
        return done;
    adah_feedback_options_init(&o);
    o.liked = marks->id;
    o.n_liked = marks->liked.n;
    o.unliked = marks->id + marks->liked.n;
    o.n_unliked = marks->unliked.n;
    o.side = side;
    o.code = code;
    o.fine = n_fine ? fine : NULL;
    o.n_fine = n_fine;
    search->leave_out = marks->id;
    search->n_leave_out = marks->liked.n + marks->unliked.n;
    return code || o.n_liked ? adah_index_feedback(index, &o, query, status) : ADAH_OK;
}
