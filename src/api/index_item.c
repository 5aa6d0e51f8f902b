/* index_item.c - labels become names, and places in the arrays of codes become pointers. */
#include "api/index_item.h"
#include "base/memory.h"

adah_code adah_index_item_of(const adah_dataset *dataset, const adah_codes *codes, size_t i, const char ***names, size_t *capacity,
                           adah_index_item *item, adah_status *status) {
    const adah_record *r = adah_dataset_record(dataset, codes->record[i]);
    for (size_t k = 0; k < r->n_labels; k++) {
        if (!adah_memory_grow((void **)names, capacity, k, sizeof **names))
            return adah_fail_memory(status, r->n_labels * sizeof **names);
        (*names)[k] = adah_dataset_label_name(dataset, r->label[k]);
    }
    const size_t at = i * codes->n_bits / 8;
    *item = (adah_index_item){ADAH_NO_ID, r->file_name, r->text, *names, r->n_labels, codes->image ? codes->image + at : NULL, codes->text ? codes->text + at : NULL,
                              codes->image_fine ? codes->image_fine + i * codes->n_fine[ADAH_IMAGE] : NULL,
                              codes->text_fine ? codes->text_fine + i * codes->n_fine[ADAH_TEXT] : NULL, codes->n_fine[ADAH_IMAGE],
                              codes->n_fine[ADAH_TEXT]};
    return ADAH_OK;
}
