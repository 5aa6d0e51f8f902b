/* adah.h - short binary codes for images and texts, learned with attention-aware deep adversarial hashing.
 *
 * The simple path, from a folder of pictures with texts to a search by words (errors are not looked at here, each call returns one):
 *
 *     #include <adah/adah.h>
 *
 *     adah_progress silent = {0};
 *     adah_dataset_open("photos", NULL, &photos, &status);           // metadata.jsonl and the pictures it names
 *     adah_train(photos, "photos.safetensors", NULL, silent, NULL, &status);
 *     adah_model_open("photos.safetensors", &model, &status);
 *     adah_index_create(model, photos, "photos.adah", 0, NULL, silent, NULL, &status);
 *     adah_index_open("photos.adah", &index, &status);
 *     adah_encoder_create(model, NULL, &encoder, &status);
 *     adah_encode_text(encoder, "boat on a lake", code, &status);
 *     adah_index_search(index, ADAH_IMAGE, code, 1, NULL, &found, &status);   // the 10 nearest pictures
 *     adah_index_record(index, found.hits[0].row, &entry, &status);
 *     printf("%s at distance %u\n", entry.file_name, found.hits[0].distance);
 *
 * This is all of the public interface; programs include nothing else. It comes in six parts:
 *
 *   core.h    errors, progress, threads, memory
 *   codes.h   codes in memory, of any program: packed, compared, searched
 *   data.h    data sets; pictures as pixels
 *   train.h   learning models, opening them, codes of texts and images
 *   index.h   collections of codes: searching and changing them
 *   eval.h    measures and reports
 *
 * Conventions:
 *
 *   errors    A function that can fail returns an adah_code (ADAH_OK is 0) and takes an adah_status as its
 *             last argument (NULL: no message wanted). On failure outputs are untouched, nothing is left
 *             half-written, and the message names the file, line or value and what was expected.
 *             The library never prints, exits or aborts on input.
 *   ownership Every adah_X_open / _create gives an object that its adah_X_close releases (NULL is fine).
 *             `const char *` results belong to the object they were asked of and live as long as it.
 *   threads   A model, a data set and an index are immutable once open and may be shared by threads.
 *             An encoder and an index writer belong to one thread at a time.
 *   text      UTF-8, NUL-terminated.
 *   codes     n_bits is a multiple of 8. A code is n_bits / 8 bytes; bit i is bit (i & 7) of byte (i >> 3).
 */
#ifndef ADAH_H
#define ADAH_H

#include "core.h"
#include "codes.h"
#include "data.h"
#include "train.h"
#include "index.h"
#include "eval.h"

#endif
