/* picture_tags.c - over src/plugins/tags. */
#include "data/picture_tags.h"
#include "plugins/tags/tags.h"

#include <string.h>
#include <strings.h>

/* As a whole, or where they begin. */
static const char *const made_captions[] = {"SONY DSC", "MINOLTA DSC", "Exif_JPEG", "Digital StillCamera", "DCIM\\", "DCIM/", "Screenshot", "default",
                                            "Created with GIMP", "Processed with", "charset="};

/* 1: `wanted` (ASCII, lower case) is somewhere in it. */
static int holds(const char *bytes, size_t n_bytes, const char *wanted) {
    const size_t n = strlen(wanted);
    for (size_t i = 0; i + n <= n_bytes; i++)
        if (strncasecmp(bytes + i, wanted, n) == 0)
            return 1;
    return 0;
}

static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80; }

int adah_caption_is_made(const char *bytes, size_t n_bytes) {
    size_t n_letters = 0;
    while (n_bytes && (*bytes == ' ' || *bytes == '\t'))
        bytes++, n_bytes--;
    for (size_t i = 0; i < n_bytes; i++)
        n_letters += (size_t)is_letter(bytes[i]);
    if (n_letters < 2 || strchr("{[<", *bytes)) /* records of programs: JSON, XML */
        return 1;
    for (size_t i = 0; i < sizeof made_captions / sizeof *made_captions; i++)
        if (n_bytes >= strlen(made_captions[i]) && strncasecmp(bytes, made_captions[i], strlen(made_captions[i])) == 0)
            return 1;
    return n_bytes < 60 && holds(bytes, n_bytes, "digital camera");
}

static void take_place(adah_findings *f, adah_teller teller, const char *bytes, size_t n_bytes) {
    double latitude, longitude;
    const char *blank = n_bytes ? memchr(bytes, ' ', n_bytes) : NULL;
    const size_t n = blank ? (size_t)(blank - bytes) : 0;
    if (n && adah_degrees_parse(bytes, n, 90, &latitude) && adah_degrees_parse(blank, n_bytes - n, 180, &longitude))
        adah_findings_add_place(f, teller, latitude, longitude);
}

static void take(void *context, adah_tag tag, const char *bytes, size_t n_bytes) {
    adah_findings *f = context;
    if (tag == ADAH_TAG_CAPTION && !adah_caption_is_made(bytes, n_bytes))
        adah_findings_add_text(f, bytes, n_bytes);
    else if (tag == ADAH_TAG_KEYWORD)
        adah_findings_add_label(f, bytes, n_bytes);
    else if (tag == ADAH_TAG_HIERARCHY && strncmp(bytes, "_Digikam", n_bytes < 8 ? n_bytes : 8) != 0)
        adah_findings_add_hierarchy(f, bytes, n_bytes);
    else if (tag == ADAH_TAG_DATE_TAKEN || tag == ADAH_TAG_DATE_DIGITISED || tag == ADAH_TAG_DATE_XMP)
        adah_findings_add_date(f,
                               tag == ADAH_TAG_DATE_TAKEN       ? ADAH_TOLD_BY_CAMERA
                               : tag == ADAH_TAG_DATE_DIGITISED ? ADAH_TOLD_BY_SCANNER
                                                                : ADAH_TOLD_BY_XMP,
                               bytes, n_bytes);
    else if (tag == ADAH_TAG_PLACE || tag == ADAH_TAG_PLACE_XMP)
        take_place(f, tag == ADAH_TAG_PLACE ? ADAH_TOLD_BY_CAMERA : ADAH_TOLD_BY_XMP, bytes, n_bytes);
}

const char *adah_picture_tags_missing(void) {
    const adah_picture_tags *tags;
    adah_status status = {0};
    return adah_picture_tags_get(&tags, &status) == ADAH_OK ? NULL : "this build is without libexiv2 (Debian: libexiv2-dev), which reads them";
}

/* A record is one tag after another: its kind in a byte, the number of its bytes in four, the bytes. */
static void keep(void *context, adah_tag tag, const char *bytes, size_t n_bytes) {
    const char kind = (char)tag;
    const uint32_t n = (uint32_t)n_bytes;
    if (n != n_bytes)
        return;
    adah_text_add_bytes(context, &kind, 1);
    adah_text_add_bytes(context, (const char *)&n, sizeof n);
    if (n)
        adah_text_add_bytes(context, bytes, n);
}

void adah_picture_tags_take(const char *record, size_t n_bytes, adah_findings *findings) {
    uint32_t n;
    while (n_bytes > sizeof n) {
        memcpy(&n, record + 1, sizeof n);
        if (n > n_bytes - 1 - sizeof n)
            return;
        take(findings, (adah_tag)record[0], record + 1 + sizeof n, n);
        record += 1 + sizeof n + n, n_bytes -= 1 + sizeof n + n;
    }
}

static adah_code read_tags(const char *path, void (*tell)(void *, adah_tag, const char *, size_t), void *context, adah_status *status) {
    const adah_picture_tags *tags;
    char why[200];
    if (adah_picture_tags_get(&tags, status) != ADAH_OK)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s", path, adah_picture_tags_missing());
    return tags->read(path, tell, context, why, sizeof why) == 0 ? ADAH_OK : adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s", path, why);
}

adah_code adah_picture_tags_record(const char *path, adah_text *record, adah_status *status) {
    ADAH_TRY(read_tags(path, keep, record, status));
    return record->failed ? adah_fail_memory(status, 256) : ADAH_OK;
}

adah_code adah_picture_tags_read(const char *path, adah_findings *findings, adah_status *status) {
    ADAH_TRY(read_tags(path, take, findings, status));
    return findings->failed ? adah_fail_memory(status, 256) : ADAH_OK;
}
