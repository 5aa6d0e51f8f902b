/* openclipart.c - the drawings of the package openclipart-svg as a data set.
 *
 * 1. Read: every SVG of the folder tree gives its title, creator and keywords, but for those that are no picture of a thing that
 *    a person would look for: the thousand and more generated stars, icons of desktops, patterns, parts of diagrams. Files
 *    that differ in nothing but their metadata are one clip that is in the folders of all of them.
 * 2. Label: the folders of a clip, and those of its keywords that are names of folders, are its labels, if 20 clips
 *    or more and at most 20 % of all share them. Singular and plural are one label: names are compared by stem.
 * 3. Word: title, keywords and file names, without numbers, the creator's names, and words of the collection rather than of
 *    the picture. A word that is a label too stays, as in the tags that people give: texts and labels say partly the same.
 * 4. Draw: clips with labels and words are rendered; one that cannot be drawn or shows nothing is left out.
 *
 * Reading and drawing go on all threads in chunks; between them the calling thread reports progress.
 *
 * Long because the four steps are one pass over one state, and nothing else uses any of them. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "data/published_set.h"
#include "data/image.h"
#include "data/svg_words.h"

#include <fts.h>
#include <libstemmer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    FILE_BYTES_MAX = 8 << 20,
    LABEL_CLIPS_MIN = 20,
    LABEL_PERCENT_MAX = 20,
    TITLE_USES_MAX = 10, /* a title that more drawings bear is that of a collection */
    WORD_BYTES = 64,
    NAME_BYTES = 256,
    CLIP_LABELS_MAX = 32,
    SIDE_MIN = 16,
    SIDE_MAX = 1024,
    CHUNK = 64
};

/* Words about the collection, and names of folders that say nothing of what is drawn. */
static const char not_words[] = " clipart clip art svg openclipart library part the of by and in collection hash "
                                "unsorted theme icons icon mime types fs ganson bwh ";
static const char *const not_names[] = {
    "signs_and_symbols", "special",    "examples", "unsorted", "duplicates", "icons",      "miscellany", "stock",
    "generic",           "recreation", "white",    "simple",   "bordered",   "ornamental", "gradients",  NULL};

/* Folders whose drawings are no pictures of things. */
static const char *const not_pictures[] = {"icons", "gradients", "patterns", "led", "callouts", "flowchart", "jigsaw", "buttons", NULL};

/* One file. */
typedef struct drawing {
    const char *path; /* relative to the folder */
    XXH128_hash_t hash;
    adah_svg_words words;
    int is_read;
} drawing;

/* Files that draw the same: drawing[first .. first + n_copies - 1]. */
typedef struct clip {
    size_t first, n_copies;
    uint32_t label[CLIP_LABELS_MAX]; /* numbers in conversion.labels */
    size_t n_labels;
    const char *text;
    int is_drawn;
} clip;

typedef struct conversion {
    const char *svg_folder;
    const adah_convert_options *options;
    adah_progress progress;
    adah_dataset_writer *set;
    struct sb_stemmer *stemmer;
    adah_arena arena;
    drawing *drawing;
    size_t n_drawings, drawing_capacity;
    clip *clip;
    size_t n_clips;
    adah_string_table labels; /* by stem */
    const char **label_name;  /* [labels.n] as shown; NULL: not one that counts */
    size_t *label_uses;       /* [labels.n] */
    size_t label_capacity, uses_capacity;
    adah_string_table titles;
    size_t *title_uses; /* [titles.n] */
    size_t title_capacity;
    adah_convert_result done;
    size_t first; /* of the chunk being worked on */
    adah_status result[CHUNK];
} conversion;

static adah_code report(const conversion *c, const char *stage, size_t done, size_t total, const char *detail,
                        adah_status *status) {
    adah_progress_event event = {
        .stage = stage, .done = done, .total = total, .detail = detail, .is_result = detail[0] != '\0'};
    if (c->progress.function && c->progress.function(c->progress.user, &event) != 0)
        return adah_fail(status, ADAH_ERROR_CANCELLED, "cancelled while %s", stage);
    return ADAH_OK;
}

/* Calls body for 0..n-1 in chunks on all threads; it puts its outcome into c->result[i - c->first]. A drawing that is
 * bad or cannot be read is passed over, any other failure ends the loop. */
static adah_code for_all(conversion *c, const char *stage, size_t n, void (*body)(void *, size_t),
                         adah_status *status) {
    for (c->first = 0; c->first < n; c->first += CHUNK) {
        size_t n_chunk = n - c->first < CHUNK ? n - c->first : CHUNK;
        ADAH_TRY(report(c, stage, c->first, n, "", status));
        adah_parallel_for(n_chunk, 1, body, c);
        for (size_t i = 0; i < n_chunk; i++)
            if (c->result[i].code != ADAH_OK && c->result[i].code != ADAH_ERROR_FORMAT)
                return adah_fail(status, c->result[i].code, "%s", c->result[i].message);
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- read */

/* shapes/stars/star_05pt02step.svg and the like. */
static int is_generated_star(const char *path) {
    int n = 0;
    const char *name = strrchr(path, '/');
    return name && sscanf(name, "/star_%*dpt%*dstep%n", &n) == 0 && n > 0;
}

static int is_in_folder(const char *path, const char *folder) {
    const size_t n = strlen(folder);
    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1)
        if ((size_t)(slash - path) == n && memcmp(path, folder, n) == 0)
            return 1;
    return 0;
}

static int is_picture(const char *path) {
    for (const char *const *folder = not_pictures; *folder; folder++)
        if (is_in_folder(path, *folder))
            return 0;
    return !is_generated_star(path);
}

static int is_svg(const char *path) {
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".svg") == 0;
}

static int compare_entries(const FTSENT **a, const FTSENT **b) { return strcmp((*a)->fts_name, (*b)->fts_name); }

static adah_code list_drawings(conversion *c, adah_status *status) {
    char *root = adah_memory_text(c->svg_folder);
    if (!root)
        return adah_fail_memory(status, strlen(c->svg_folder) + 1);
    char *const roots[] = {root, NULL};
    adah_code code = ADAH_OK;
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, compare_entries);
    if (!tree)
        code = adah_fail(status, ADAH_ERROR_IO, "%s: cannot be listed", root);
    for (FTSENT *entry; code == ADAH_OK && (entry = fts_read(tree));) {
        if ((entry->fts_info != FTS_F && entry->fts_info != FTS_SL) || !is_svg(entry->fts_path))
            continue;
        const char *path = entry->fts_path + strlen(root);
        path += strspn(path, "/");
        if (!is_picture(path))
            continue;
        if (!adah_memory_grow((void **)&c->drawing, &c->drawing_capacity, c->n_drawings, sizeof *c->drawing))
            code = adah_fail_memory(status, c->drawing_capacity * 2 * sizeof *c->drawing);
        else if (!(path = adah_arena_text(&c->arena, path, strlen(path))))
            code = adah_fail_memory(status, entry->fts_pathlen);
        else
            c->drawing[c->n_drawings++] = (drawing){.path = path};
    }
    if (tree)
        fts_close(tree);
    adah_memory_free(root);
    if (code == ADAH_OK && c->n_drawings == 0)
        code = adah_fail(status, ADAH_ERROR_NOT_FOUND,
                         "%s: no SVG drawings there, expected those of the package "
                         "openclipart-svg (/usr/share/openclipart/svg)",
                         c->svg_folder);
    return code;
}

/* The bytes of a drawing; one that cannot be opened is as good as a broken one. */
static adah_code load(const conversion *c, const drawing *d, uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    char *path = adah_file_join(c->svg_folder, d->path);
    if (!path)
        return adah_fail_memory(status, strlen(c->svg_folder) + strlen(d->path) + 2);
    adah_code code = adah_file_read(path, FILE_BYTES_MAX, bytes, n_bytes, status);
    adah_memory_free(path);
    if (adah_is_unreadable(code) && status)
        status->code = ADAH_ERROR_FORMAT;
    return adah_is_unreadable(code) ? ADAH_ERROR_FORMAT : code;
}

/* Of all bytes but those of the metadata: the same drawing lies in several folders, with other keywords. */
static XXH128_hash_t hash_drawing(const uint8_t *bytes, size_t n_bytes) {
    static const char start[] = "<metadata", end[] = "</metadata>";
    const uint8_t *from = memmem(bytes, n_bytes, start, sizeof start - 1),
                  *to = from ? memmem(from, n_bytes - (size_t)(from - bytes), end, sizeof end - 1) : NULL;
    if (!to)
        return XXH3_128bits(bytes, n_bytes);
    return XXH3_128bits_withSeed(to, n_bytes - (size_t)(to - bytes), XXH3_64bits(bytes, (size_t)(from - bytes)));
}

static void read_drawing(void *context, size_t index) {
    conversion *c = context;
    drawing *d = &c->drawing[c->first + index];
    adah_status *status = &c->result[index];
    uint8_t *bytes;
    size_t n_bytes;
    status->code = ADAH_OK;
    if (load(c, d, &bytes, &n_bytes, status) != ADAH_OK)
        return;
    d->hash = hash_drawing(bytes, n_bytes);
    d->is_read = adah_svg_read_words(bytes, n_bytes, d->path, &d->words, status) == ADAH_OK;
    adah_memory_free(bytes);
}

/* Those not read last, copies side by side, then by path. */
static int compare_drawings(const void *a, const void *b) {
    const drawing *x = a, *y = b;
    if (x->is_read != y->is_read)
        return y->is_read - x->is_read;
    int order = XXH128_cmp(&x->hash, &y->hash);
    return order ? order : strcmp(x->path, y->path);
}

/* ---------------------------------------------------------------- words */

/* The next word of *cursor: letters in lower case, digits at its ends cut off; at least two bytes. One with digits within is
 * no word but a colour or a number ("x8a3ecd"). Returns 0 when there is none left. */
static int next_word(const char **cursor, char *word) {
    for (const char *p = *cursor; *p;) {
        size_t n = 0, start = 0;
        for (; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p & 0x80; p++)
            if (n < WORD_BYTES - 1)
                word[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
            else
                n = WORD_BYTES; /* too long for a word */
        if (n == 0 && *p)
            p++;
        *cursor = p;
        if (n == WORD_BYTES)
            continue;
        while (n > 0 && word[n - 1] >= '0' && word[n - 1] <= '9')
            n--;
        word[n] = '\0';
        while (start < n && word[start] >= '0' && word[start] <= '9')
            start++;
        if (n - start < 2 || strcspn(word + start, "0123456789") < n - start)
            continue;
        memmove(word, word + start, n - start + 1);
        return 1;
    }
    return 0;
}

/* Replaces a word by its stem, which is never longer. */
static int stem(const conversion *c, char *word) {
    const sb_symbol *stemmed = sb_stemmer_stem(c->stemmer, (const sb_symbol *)word, (int)strlen(word));
    size_t n = stemmed ? (size_t)sb_stemmer_length(c->stemmer) : 0;
    if (n >= WORD_BYTES)
        n = WORD_BYTES - 1;
    if (n > 0)
        memcpy(word, stemmed, n);
    word[n] = '\0';
    return stemmed != NULL;
}

/* Appends a word and a space; a text that is full takes no more. */
static void put_word(char *text, size_t n_bytes, const char *word) {
    size_t n = strlen(text);
    if (n + strlen(word) + 1 < n_bytes)
        snprintf(text + n, n_bytes - n, "%s ", word);
}

/* The stems of a name, by which labels are compared: "Big_cats" gives "big cat ". */
static int stem_name(const conversion *c, const char *name, char *stems) {
    char word[WORD_BYTES];
    stems[0] = '\0';
    while (next_word(&name, word)) {
        if (!stem(c, word))
            return 0;
        put_word(stems, NAME_BYTES, word);
    }
    return 1;
}

/* Copies the next line of *cursor; 0: none left. */
static int next_line(const char **cursor, char *line) {
    if (!**cursor)
        return 0;
    size_t n = strcspn(*cursor, "\n");
    snprintf(line, NAME_BYTES, "%.*s", (int)(n < NAME_BYTES - 1 ? n : NAME_BYTES - 1), *cursor);
    *cursor += n + ((*cursor)[n] == '\n');
    return 1;
}

/* Whether a word is a name of the creator; in file names these are cut short ("architetto_franc_01"). */
static int is_of_creator(const drawing *d, const char *word, int may_be_short) {
    char name[WORD_BYTES];
    for (const char *p = d->words.creator; next_word(&p, name);)
        if (strcmp(name, word) == 0 || (may_be_short && strlen(word) >= 3 && strncmp(name, word, strlen(word)) == 0))
            return 1;
    return 0;
}

/* Whether the words of a keyword are all names of the creator. */
static int names_creator(const drawing *d, const char *keyword) {
    char word[WORD_BYTES];
    int n_words = 0;
    while (next_word(&keyword, word)) {
        if (!is_of_creator(d, word, 0))
            return 0;
        n_words++;
    }
    return n_words > 0;
}

/* Whether a folder or keyword tells of the collection and not of its pictures. */
static int is_of_collection(const char *name) {
    for (const char *const *known = not_names; *known; known++)
        if (strcmp(*known, name) == 0)
            return 1;
    return strstr(name, "theme") != NULL;
}

/* ---------------------------------------------------------------- labels */

/* Adds the label of that name to the clip, making it known when it is a folder's. */
static adah_code add_label(conversion *c, clip *item, const char *name, int is_folder, adah_status *status) {
    char stems[NAME_BYTES];
    if (!stem_name(c, name, stems))
        return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory in libstemmer");
    uint32_t label = adah_string_table_find(&c->labels, stems, strlen(stems));
    if (label == ADAH_STRING_NONE) {
        if (!is_folder || !stems[0] || is_of_collection(name))
            return ADAH_OK;
        char shown[NAME_BYTES] = "", word[WORD_BYTES];
        for (const char *p = name; next_word(&p, word);)
            put_word(shown, sizeof shown, word);
        size_t n = c->labels.n;
        if (!adah_memory_grow((void **)&c->label_name, &c->label_capacity, n, sizeof *c->label_name) ||
            !adah_memory_grow((void **)&c->label_uses, &c->uses_capacity, n, sizeof *c->label_uses) ||
            !(c->label_name[n] = adah_arena_text(&c->arena, shown, strlen(shown) - 1)) ||
            (label = adah_string_table_add(&c->labels, stems, strlen(stems))) == ADAH_STRING_NONE)
            return adah_fail_memory(status, NAME_BYTES);
        c->label_uses[n] = 0;
    }
    for (size_t i = 0; i < item->n_labels; i++)
        if (item->label[i] == label)
            return ADAH_OK;
    if (item->n_labels < CLIP_LABELS_MAX) {
        item->label[item->n_labels++] = label;
        c->label_uses[label]++;
    }
    return ADAH_OK;
}

static adah_code label_by_folders(conversion *c, clip *item, const char *path, adah_status *status) {
    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        char folder[NAME_BYTES];
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path < NAME_BYTES ? slash - path : 0), path);
        ADAH_TRY(add_label(c, item, folder, 1, status));
    }
    return ADAH_OK;
}

static adah_code label_by_keywords(conversion *c, clip *item, const drawing *d, adah_status *status) {
    char keyword[NAME_BYTES];
    for (const char *p = d->words.keywords; next_line(&p, keyword);)
        ADAH_TRY(add_label(c, item, keyword, 0, status));
    return ADAH_OK;
}

/* Groups copies into clips and labels these. */
static adah_code make_clips(conversion *c, adah_status *status) {
    qsort(c->drawing, c->n_drawings, sizeof *c->drawing, compare_drawings);
    c->clip = adah_memory_zeroed(c->n_drawings, sizeof *c->clip);
    if (!c->clip)
        return adah_fail_memory(status, c->n_drawings * sizeof *c->clip);
    for (size_t i = 0; i < c->n_drawings && c->drawing[i].is_read; i++) {
        if (i == 0 || !XXH128_isEqual(c->drawing[i].hash, c->drawing[i - 1].hash))
            c->clip[c->n_clips++].first = i;
        c->clip[c->n_clips - 1].n_copies++;
        ADAH_TRY(label_by_folders(c, &c->clip[c->n_clips - 1], c->drawing[i].path, status));
    }
    for (size_t i = 0; i < c->n_clips; i++)
        ADAH_TRY(label_by_keywords(c, &c->clip[i], &c->drawing[c->clip[i].first], status));
    for (size_t k = 0; k < c->labels.n; k++)
        if (c->label_uses[k] < LABEL_CLIPS_MIN || 100 * c->label_uses[k] > LABEL_PERCENT_MAX * c->n_clips)
            c->label_name[k] = NULL;
    for (size_t i = 0; i < c->n_clips; i++) {
        size_t n = 0;
        for (size_t k = 0; k < c->clip[i].n_labels; k++)
            if (c->label_name[c->clip[i].label[k]])
                c->clip[i].label[n++] = c->clip[i].label[k];
        c->clip[i].n_labels = n;
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- text */

static adah_code count_titles(conversion *c, adah_status *status) {
    for (size_t i = 0; i < c->n_drawings && c->drawing[i].is_read; i++) {
        const char *title = c->drawing[i].words.title;
        size_t n = c->titles.n;
        if (!adah_memory_grow((void **)&c->title_uses, &c->title_capacity, n, sizeof *c->title_uses))
            return adah_fail_memory(status, 2 * n * sizeof *c->title_uses);
        uint32_t id = adah_string_table_add(&c->titles, title, strlen(title));
        if (id == ADAH_STRING_NONE)
            return adah_fail_memory(status, strlen(title));
        if (id == n)
            c->title_uses[n] = 0;
        c->title_uses[id]++;
    }
    return ADAH_OK;
}

/* A text in the making. */
typedef struct wording {
    char text[2048], stems[2048]; /* stems: " a b c " of the words that are in it */
} wording;

static int holds_word(const char *spaced, const char *word) {
    size_t n = strlen(word);
    for (const char *p = spaced; (p = strstr(p, word)); p++)
        if (p > spaced && p[-1] == ' ' && p[n] == ' ')
            return 1;
    return 0;
}

/* Whether a word of the text begins with these letters. */
static int is_beginning(const char *text, const char *letters) {
    for (const char *p = text; (p = strstr(p, letters)); p++)
        if (p == text || p[-1] == ' ')
            return 1;
    return 0;
}

static adah_code add_words(const conversion *c, const drawing *d, const char *from, int is_file_name, wording *w,
                           adah_status *status) {
    char word[WORD_BYTES], stemmed[WORD_BYTES];
    while (next_word(&from, word)) {
        if (holds_word(not_words, word) || is_of_creator(d, word, is_file_name) ||
            (is_file_name && (strlen(word) < 3 || is_beginning(w->text, word)))) /* file names end in initials and stumps of words */
            continue;
        memcpy(stemmed, word, sizeof word);
        if (!stem(c, stemmed))
            return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory in libstemmer");
        if (!stemmed[0] || holds_word(w->stems, stemmed))
            continue;
        put_word(w->text, sizeof w->text, word);
        put_word(w->stems, sizeof w->stems, stemmed);
    }
    return ADAH_OK;
}

static adah_code add_words_of_drawing(const conversion *c, const drawing *d, wording *w, adah_status *status) {
    uint32_t title = adah_string_table_find(&c->titles, d->words.title, strlen(d->words.title));
    if (c->title_uses[title] <= TITLE_USES_MAX)
        ADAH_TRY(add_words(c, d, d->words.title, 0, w, status));
    char line[NAME_BYTES];
    for (const char *p = d->words.keywords; next_line(&p, line);)
        if (!is_of_collection(line) && !names_creator(d, line))
            ADAH_TRY(add_words(c, d, line, 0, w, status));
    const char *slash = strrchr(d->path, '/'), *name = slash ? slash + 1 : d->path;
    snprintf(line, sizeof line, "%.*s", (int)(strlen(name) - strlen(".svg")), name);
    return add_words(c, d, line, 1, w, status);
}

static adah_code write_texts(conversion *c, adah_status *status) {
    ADAH_TRY(count_titles(c, status));
    for (size_t i = 0; i < c->n_clips; i++) {
        clip *item = &c->clip[i];
        wording w = {"", " "};
        for (size_t k = 0; k < item->n_copies; k++)
            ADAH_TRY(add_words_of_drawing(c, &c->drawing[item->first + k], &w, status));
        size_t n = strlen(w.text);
        item->text = adah_arena_text(&c->arena, w.text, n ? n - 1 : 0);
        if (!item->text)
            return adah_fail_memory(status, n);
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- draw */

/* Keeps clips with labels and words, in the order of their paths; of these at most n_limit, chosen by seed. */
typedef struct path_order {
    const char *path;
    clip item;
} path_order;

static int compare_paths(const void *a, const void *b) {
    return strcmp(((const path_order *)a)->path, ((const path_order *)b)->path);
}

static adah_code choose_clips(conversion *c, adah_status *status) {
    path_order *sorted = adah_memory_zeroed(c->n_clips, sizeof *sorted);
    size_t *order = adah_memory_zeroed(c->n_clips, sizeof *order), n = 0;
    if (!sorted || !order) {
        adah_memory_free(sorted);
        adah_memory_free(order);
        return adah_fail_memory(status, c->n_clips * sizeof *sorted);
    }
    for (size_t i = 0; i < c->n_clips; i++)
        if (c->clip[i].n_labels > 0 && c->clip[i].text[0])
            sorted[n++] = (path_order){c->drawing[c->clip[i].first].path, c->clip[i]};
    if (n > 0)
        qsort(sorted, n, sizeof *sorted, compare_paths);
    adah_random random = adah_random_seeded(c->options->seed, adah_random_mix('o', 'c'));
    adah_random_permutation(&random, n, order);
    size_t n_limit = c->options->n_limit && c->options->n_limit < n ? c->options->n_limit : n;
    for (size_t i = n_limit; i < n; i++)
        sorted[order[i]].path = NULL;
    c->n_clips = 0;
    for (size_t i = 0; i < n; i++)
        if (sorted[i].path)
            c->clip[c->n_clips++] = sorted[i].item;
    adah_memory_free(sorted);
    adah_memory_free(order);
    if (n == 0)
        return adah_fail(status, ADAH_ERROR_FORMAT,
                         "%s: no drawing has both words and a label that at least %d share", c->svg_folder,
                         LABEL_CLIPS_MIN);
    return ADAH_OK;
}

static void name_file(char *name, size_t n_bytes, size_t i) {
    snprintf(name, n_bytes, "images/clip-%05zu.png", i + 1);
}

static void draw_clip(void *context, size_t index) {
    conversion *c = context;
    clip *item = &c->clip[c->first + index];
    const drawing *d = &c->drawing[item->first];
    adah_status *status = &c->result[index];
    size_t n_side = c->options->n_side, n_bytes;
    uint8_t *bytes;
    char name[64];
    status->code = ADAH_OK;
    if (load(c, d, &bytes, &n_bytes, status) != ADAH_OK)
        return;
    uint8_t *rgb = adah_memory_zeroed(n_side * n_side, 3);
    name_file(name, sizeof name, c->first + index);
    if (!rgb)
        adah_fail_memory(status, n_side * n_side * 3);
    else if (adah_image_render_svg(bytes, n_bytes, d->path, n_side, rgb, status) == ADAH_OK &&
             adah_dataset_writer_put_picture(c->set, name, rgb, n_side, n_side, 3, status) == ADAH_OK)
        item->is_drawn = 1;
    adah_memory_free(rgb);
    adah_memory_free(bytes);
}

static adah_code describe_clip(const conversion *c, size_t i, int is_query, adah_status *status) {
    const clip *item = &c->clip[i];
    const char *label[CLIP_LABELS_MAX];
    char name[64];
    name_file(name, sizeof name, i);
    for (size_t k = 0; k < item->n_labels; k++)
        label[k] = c->label_name[item->label[k]];
    const adah_split split = is_query ? ADAH_SPLIT_QUERY : ADAH_SPLIT_TRAIN;
    adah_written_record record = {.file_name = name,
                                  .text = item->text,
                                  .label = label,
                                  .n_labels = item->n_labels,
                                  .split = split,
                                  .extra_key = "source",
                                  .extra = c->drawing[item->first].path};
    return adah_dataset_writer_put_record(c->set, &record, status);
}

static adah_code describe_clips(conversion *c, adah_status *status) {
    size_t n_drawn = 0;
    for (size_t i = 0; i < c->n_clips; i++)
        n_drawn += (size_t)c->clip[i].is_drawn;
    if (n_drawn == 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: no drawing could be drawn", c->svg_folder);
    uint8_t *is_query = adah_memory_zeroed(n_drawn + c->labels.n, 1);
    if (!is_query)
        return adah_fail_memory(status, n_drawn + c->labels.n);
    uint8_t *is_used = is_query + n_drawn; /* by label */
    for (size_t i = 0; i < c->n_clips; i++)
        for (size_t k = 0; k < c->clip[i].n_labels && c->clip[i].is_drawn; k++)
            is_used[c->clip[i].label[k]] = 1;
    c->done = (adah_convert_result){.n_records = n_drawn, .n_left_out = c->n_clips - n_drawn};
    for (size_t i = 0; i < c->labels.n; i++)
        c->done.n_labels += is_used[i];
    adah_code code =
        adah_dataset_draw_queries(n_drawn, c->options->query_share, c->options->seed, is_query, status);
    for (size_t i = 0, k = 0; i < c->n_clips && code == ADAH_OK; i++)
        if (c->clip[i].is_drawn)
            code = describe_clip(c, i, is_query[k++], status);
    adah_memory_free(is_query);
    char detail[128];
    snprintf(detail, sizeof detail, "%zu clips, %zu left out that cannot be drawn or show nothing", n_drawn,
             c->n_clips - n_drawn);
    return code == ADAH_OK ? report(c, "drawing", c->n_clips, c->n_clips, detail, status) : code;
}

/* ---------------------------------------------------------------- all of it */

static adah_code convert(conversion *c, const char *folder, adah_status *status) {
    static const char *const inside[] = {"images", NULL};
    c->stemmer = sb_stemmer_new("english", NULL);
    if (!c->stemmer)
        return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory in libstemmer");
    ADAH_TRY(list_drawings(c, status));
    ADAH_TRY(adah_dataset_writer_create(folder, inside, &c->set, status));
    ADAH_TRY(for_all(c, "reading", c->n_drawings, read_drawing, status));
    ADAH_TRY(make_clips(c, status));
    ADAH_TRY(write_texts(c, status));
    ADAH_TRY(choose_clips(c, status));
    ADAH_TRY(for_all(c, "drawing", c->n_clips, draw_clip, status));
    ADAH_TRY(describe_clips(c, status));
    adah_dataset_writer *set = c->set;
    c->set = NULL;
    return adah_dataset_writer_commit(set, status);
}

static adah_code write_openclipart(const adah_published_source *source, const char *folder, adah_convert_result *result,
                                   adah_status *status) {
    const adah_convert_options *o = source->options;
    if (o->n_side < SIDE_MIN || o->n_side > SIDE_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "pictures of %zu pixels a side, expected %d..%d", o->n_side, SIDE_MIN, SIDE_MAX);
    if (o->n_queries || o->n_train || o->images || o->without_pictures)
        return adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "n_queries, n_train, images and without_pictures are not for drawings, which all become pictures to learn from or to ask with");
    conversion *c = adah_memory_zeroed(1, sizeof *c);
    if (!c)
        return adah_fail_memory(status, sizeof *c);
    c->svg_folder = source->path[0];
    c->options = o;
    c->progress = source->progress;
    adah_code code = convert(c, folder, status);
    if (code == ADAH_OK)
        *result = c->done;
    adah_dataset_writer_abort(c->set);
    sb_stemmer_delete(c->stemmer);
    for (size_t i = 0; i < c->n_drawings; i++)
        adah_svg_free_words(&c->drawing[i].words);
    adah_memory_free(c->drawing);
    adah_memory_free(c->clip);
    adah_string_table_free(&c->labels);
    adah_memory_free(c->label_name);
    adah_memory_free(c->label_uses);
    adah_string_table_free(&c->titles);
    adah_memory_free(c->title_uses);
    adah_arena_free(&c->arena);
    adah_memory_free(c);
    return code;
}

const adah_published_format adah_published_openclipart = {
    .name = "openclipart",
    .source = "the 8,100 drawings of the package openclipart-svg, rendered (the default)",
    .n_sources_max = 1,
    .write = write_openclipart,
};
