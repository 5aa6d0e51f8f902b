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
    *item = (adah_index_item){.id = ADAH_NO_ID,
                              .file_name = r->file_name,
                              .text = r->text,
                              .label = *names,
                              .n_labels = r->n_labels,
                              .image_code = codes->image ? codes->image + at : NULL,
                              .text_code = codes->text ? codes->text + at : NULL,
                              .image_fine = codes->image_fine ? codes->image_fine + i * codes->n_fine[ADAH_IMAGE] : NULL,
                              .text_fine = codes->text_fine ? codes->text_fine + i * codes->n_fine[ADAH_TEXT] : NULL,
                              .n_image_fine = codes->n_fine[ADAH_IMAGE],
                              .n_text_fine = codes->n_fine[ADAH_TEXT],
                              .taken = r->taken};
    return ADAH_OK;
}
