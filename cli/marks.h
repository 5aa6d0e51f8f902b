/* marks.h - more like these, not like those: what adah search is told by --like and --unlike. */
#ifndef ADAH_CLI_MARKS_H
#define ADAH_CLI_MARKS_H

#include "options.h"

typedef struct cli_marks {
    cli_list liked, unliked;      /* as they were given */
    uint64_t id[2 * CLI_LIST_MAX]; /* the same, liked first */
} cli_marks;

static inline int cli_has_marks(const cli_marks *marks) { return marks->liked.n || marks->unliked.n; }
/* Puts into *query what the query of the code (NULL: there is none) and the vector (n_fine 0: none) becomes by the marks, with the codes that their
 * records have of that side, and has `search` leave these records out. Where there is neither a code nor a liked record, this is all. */
adah_code cli_apply_marks(const adah_index *index, cli_marks *marks, adah_modality side, const uint8_t *code, const int8_t *fine, size_t n_fine,
                          adah_feedback *query, adah_search_options *search, adah_status *status);

#endif
