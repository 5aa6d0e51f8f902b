/* folder_words.c - by small lists of what cameras and programs call things. */
#include "data/folder_words.h"
#include "data/folder_listing.h"

#include <string.h>
#include <strings.h>

static const char *const made_names[] = {
    "img", "imgp", "dsc", "dscn", "dscf", "dsci", "pxl", "mvimg", "gopr", "gp", "vid", "sam", "dcim", "pict", "pic", "photo", "photos", "image", "images",
    "picture", "pictures", "screenshot", "screen", "shot", "scan", "whatsapp", "wa", "fb", "received", "signal", "snapchat", "telegram",
    "burst", "burstimage", "cover", "hdr", "pano", "panorama", "night", "portrait", "mp", "edited", "edit", "copy", "kopie", "at", "am", "pm",
    "jpg", "jpeg", "png", "file", "untitled", "unnamed", "download", "crop", "cropped", "scaled", "thumb", "frame", "im", "coco", "val", "train", "test"};
static const char *const holding_names[] = {"images", "image", "img", "imgs", "pictures", "picture", "pics", "photos", "photo", "jpg", "jpeg",
                                            "jpegs", "png", "pngs", "files", "data", "dcim", "camera", "camera roll", "all", "originals",
                                            "original", "raw", "export", "exports", "uploads", "upload", "downloads"};

enum { SHARD_DIGITS = 5 };

static int is_digit(char c) { return c >= '0' && c <= '9'; }
static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80; }

static int is_in(const char *const *list, size_t n, const char *name, size_t n_bytes) {
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == n_bytes && strncasecmp(list[i], name, n_bytes) == 0)
            return 1;
    return 0;
}

/* The next run of letters, digits and apostrophes from *at on; n_bytes 0: there is none. */
static size_t next_word(const char *name, size_t n, size_t *at, int *has_digit) {
    *has_digit = 0;
    while (*at < n && !is_letter(name[*at]) && !is_digit(name[*at]))
        ++*at;
    size_t end = *at;
    for (; end < n && (is_letter(name[end]) || is_digit(name[end]) || (name[end] == '\'' && end > *at)); end++)
        *has_digit |= is_digit(name[end]);
    return end - *at;
}

void adah_file_name_words(const char *path, adah_text *words) {
    const char *name = adah_path_name(path);
    const size_t n = (size_t)(adah_path_ending(path) - name);
    int has_digit, says = 0;
    size_t at = 0, n_word;
    for (; (n_word = next_word(name, n, &at, &has_digit)); at += n_word)
        says |= !has_digit && n_word > 1 && !is_in(made_names, sizeof made_names / sizeof *made_names, name + at, n_word);
    if (!says)
        return;
    at = 0;
    for (size_t n_added = 0; (n_word = next_word(name, n, &at, &has_digit)); at += n_word)
        if (!has_digit) {
            if (n_added++)
                adah_text_add_bytes(words, " ", 1);
            adah_text_add_bytes(words, name + at, n_word);
        }
}

/* Digits with or without signs between them that begin with a year. */
static int is_date(const char *name, size_t n_bytes) {
    if (n_bytes < 4 || (strncmp(name, "19", 2) != 0 && strncmp(name, "20", 2) != 0))
        return 0;
    for (size_t i = 0; i < n_bytes; i++)
        if (!is_digit(name[i]) && (i < 4 || !strchr("-_. ", name[i])))
            return 0;
    return 1;
}

int adah_folder_name_says(const char *name, size_t n_bytes, int *is_under_date) {
    size_t n_digits = 0, n_letters = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        n_digits += (size_t)is_digit(name[i]);
        n_letters += (size_t)is_letter(name[i]);
    }
    const int is_of_camera = n_bytes == 8 && is_digit(name[0]) && is_digit(name[1]) && is_digit(name[2]) && n_letters + n_digits >= 7;
    if (is_date(name, n_bytes)) {
        *is_under_date = 1;
        return 0;
    }
    if (n_letters == 0)
        return n_digits > 0 && !*is_under_date && !(n_digits >= SHARD_DIGITS && name[0] == '0'); /* 0, 1, ...: classes; 00000, 00001, ...: shards */
    return !is_of_camera && !is_in(holding_names, sizeof holding_names / sizeof *holding_names, name, n_bytes);
}
