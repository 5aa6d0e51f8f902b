/* head_heif.c - AVIF and HEIC: every coded image of the file, whether it is shown or not, counts by its own head.
 *
 * The boxes are read strictly: each once, within its parent, no reference to what is not there. What a decoder reads more leniently is
 * refused here, so that both see the same file. An image is coded (AV1, HEVC) or derived from others: a grid of tiles, an overlay, the
 * same image turned. What the image shown takes is the sum over all that it is derived from, however often a tile is used. */
#include "base/memory.h"
#include "plugins/pictures/coded_size.h"
#include "plugins/pictures/head.h"

#include <string.h>

enum {
    ITEMS_MAX = 4096,
    PROPERTIES_MAX = 1000,
    REFERENCES_MAX = 100000,       /* that are followed, */
    REFERENCE_BYTES_MAX = 1 << 18, /* among so many bytes of them */
    DEPTH_MAX = 4,                 /* of images derived from derived ones */
    PADDING = 64                   /* coded pixels along a side beyond those shown: blocks of 64 are the largest */
};

#define TAG(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

typedef struct item {
    uint32_t id, type;
    adah_bytes place;           /* its entry of iloc; at NULL: none */
    adah_bytes properties;      /* its entry of ipma */
    uint64_t n_width, n_height; /* as told */
    uint64_t n_pixels;          /* as decoded */
    int is_counted, is_deep, is_av1;
} item;

typedef struct container {
    adah_bytes file, meta, pitm, iinf, iloc, iprp, ipco, ipma, iref, idat;
    adah_bytes property[PROPERTIES_MAX + 1]; /* by number, from 1; with their heads */
    uint32_t property_type[PROPERTIES_MAX + 1];
    size_t n_properties;
    item *items;
    size_t n_items;
    uint32_t primary;
    uint32_t reference_version;
    size_t n_followed; /* references */
    uint8_t *data; /* of an item in pieces, gathered */
} container;

/* ---------------------------------------------------------------- boxes */

/* Takes the next box of *list: its type and content. Returns NULL or the fault; a box of no type is the end. */
static const char *next_box(adah_bytes *list, uint32_t *type, adah_bytes *content) {
    *type = 0;
    if (list->n == 0)
        return NULL;
    if (list->n < 8)
        return "its last box is cut off";
    uint64_t n = adah_big(list->at, 4), n_head = 8;
    *type = (uint32_t)adah_big(list->at + 4, 4);
    if (n == 1 && list->n >= 16) {
        n = adah_big(list->at + 8, 8);
        n_head = 16;
    } else if (n == 0) {
        n = list->n;
    }
    if (n < n_head || n > list->n)
        return "a box is cut off or has a bad size";
    *content = (adah_bytes){list->at + n_head, (size_t)(n - n_head)};
    *list = (adah_bytes){list->at + n, list->n - (size_t)n};
    return NULL;
}

/* Numbers from the front of *b; reading over its end empties it and sets *is_over. */
static uint64_t take(adah_bytes *b, size_t n, int *is_over) {
    if (b->n < n) {
        *is_over = 1;
        b->n = 0;
        return 0;
    }
    const uint64_t value = adah_big(b->at, n);
    *b = (adah_bytes){b->at + n, b->n - n};
    return value;
}

static const char *put_once(adah_bytes *to, adah_bytes content) {
    if (to->at)
        return "it has two boxes of a kind that there is one of";
    *to = content;
    return NULL;
}

static const char *find_children(adah_bytes list, const uint32_t *types, adah_bytes *const *to, size_t n) {
    const char *fault;
    uint32_t type;
    adah_bytes content;
    while (!(fault = next_box(&list, &type, &content)) && type)
        for (size_t i = 0; i < n && !fault; i++)
            if (type == types[i] && (fault = put_once(to[i], content)))
                return fault;
    return fault;
}

/* Steps over the version and flags that a box begins with. */
static const char *leave_version(adah_bytes *box, uint32_t *version) {
    int is_over = 0;
    const uint64_t head = take(box, 4, &is_over);
    if (version)
        *version = (uint32_t)(head >> 24);
    return is_over ? "a box is cut off" : NULL;
}

static const char *find_boxes(container *c) {
    static const uint32_t top[] = {TAG('m', 'e', 't', 'a')};
    static const uint32_t inside[] = {TAG('p', 'i', 't', 'm'), TAG('i', 'i', 'n', 'f'), TAG('i', 'l', 'o', 'c'),
                                      TAG('i', 'p', 'r', 'p'), TAG('i', 'r', 'e', 'f'), TAG('i', 'd', 'a', 't')};
    static const uint32_t of_properties[] = {TAG('i', 'p', 'c', 'o'), TAG('i', 'p', 'm', 'a')};
    adah_bytes *const to_meta[] = {&c->meta};
    adah_bytes *const to_inside[] = {&c->pitm, &c->iinf, &c->iloc, &c->iprp, &c->iref, &c->idat};
    adah_bytes *const to_properties[] = {&c->ipco, &c->ipma};
    const char *fault = find_children(c->file, top, to_meta, 1);
    if (!fault && !c->meta.at)
        fault = "it has no box \"meta\"";
    if (!fault && (fault = leave_version(&c->meta, NULL)) == NULL)
        fault = find_children(c->meta, inside, to_inside, 6);
    if (!fault && (!c->pitm.at || !c->iinf.at || !c->iloc.at || !c->iprp.at))
        fault = "its box \"meta\" lacks one of pitm, iinf, iloc, iprp";
    if (!fault)
        fault = find_children(c->iprp, of_properties, to_properties, 2);
    if (!fault && (!c->ipco.at || !c->ipma.at))
        fault = "its box \"iprp\" lacks ipco or ipma";
    if (!fault && c->iref.at && (fault = leave_version(&c->iref, &c->reference_version)) == NULL)
        fault = c->iref.n > REFERENCE_BYTES_MAX ? "it has more than 256 KiB of references" : find_children(c->iref, NULL, NULL, 0);
    return fault;
}

/* ---------------------------------------------------------------- tables */

static item *find_item(const container *c, uint64_t id) {
    for (size_t i = 0; i < c->n_items; i++)
        if (c->items[i].id == id)
            return &c->items[i];
    return NULL;
}

static const char *read_items(container *c) {
    adah_bytes b = c->iinf, content;
    int is_over = 0;
    uint32_t type;
    const uint64_t version = take(&b, 4, &is_over) >> 24;
    const uint64_t n = take(&b, version ? 4 : 2, &is_over);
    if (is_over || n > ITEMS_MAX)
        return "its list of items is broken, or has more than 4096";
    c->items = adah_memory_zeroed((size_t)n + 1, sizeof *c->items);
    if (!c->items)
        return "";
    for (uint64_t i = 0; i < n; i++) {
        const char *fault = next_box(&b, &type, &content);
        if (fault)
            return fault;
        const uint64_t entry_version = take(&content, 4, &is_over) >> 24;
        if (type != TAG('i', 'n', 'f', 'e') || entry_version < 2 || entry_version > 3)
            return "an item says nothing of its type";
        const uint32_t id = (uint32_t)take(&content, entry_version == 3 ? 4 : 2, &is_over);
        take(&content, 2, &is_over);
        if (find_item(c, id))
            return "two items have the same number";
        c->items[c->n_items++] = (item){.id = id, .type = (uint32_t)take(&content, 4, &is_over)};
    }
    b = c->pitm;
    const uint64_t pitm_version = take(&b, 4, &is_over) >> 24;
    c->primary = (uint32_t)take(&b, pitm_version ? 4 : 2, &is_over);
    return is_over ? "its list of items is cut off" : NULL;
}

static const char *read_properties(container *c) {
    adah_bytes list = c->ipco, content;
    uint32_t type;
    const char *fault;
    while (!(fault = next_box(&list, &type, &content)) && type) {
        if (c->n_properties == PROPERTIES_MAX)
            return "it has more than 1000 properties";
        c->property[++c->n_properties] = content;
        c->property_type[c->n_properties] = type;
    }
    if (fault)
        return fault;
    int is_over = 0;
    adah_bytes b = c->ipma;
    const uint64_t head = take(&b, 4, &is_over);
    const uint64_t n = take(&b, 4, &is_over);
    for (uint64_t i = 0; i < n && !is_over; i++) {
        item *to = find_item(c, take(&b, head >> 24 ? 4 : 2, &is_over));
        const size_t n_bytes = (size_t)take(&b, 1, &is_over) * (head & 1 ? 2 : 1);
        if (is_over || b.n < n_bytes)
            return "its table of properties is cut off";
        if (!to || to->properties.at)
            return "its table of properties has an item twice, or one that is not there";
        to->properties = (adah_bytes){b.at, n_bytes};
        b = (adah_bytes){b.at + n_bytes, b.n - n_bytes};
    }
    return is_over ? "its table of properties is cut off" : NULL;
}

/* Sizes of the numbers in iloc. */
typedef struct place_form {
    int version;
    size_t n_offset, n_length, n_base, n_index;
} place_form;

static const char *read_place_form(adah_bytes *b, place_form *form, int *is_over) {
    const uint64_t version = take(b, 4, is_over) >> 24, sizes = take(b, 2, is_over);
    *form = (place_form){(int)version, sizes >> 12 & 15, sizes >> 8 & 15, sizes >> 4 & 15, version ? sizes & 15 : 0};
    const size_t all[] = {form->n_offset, form->n_length, form->n_base, form->n_index};
    for (size_t i = 0; i < 4; i++)
        if (all[i] != 0 && all[i] != 4 && all[i] != 8)
            return "its box \"iloc\" has numbers of an odd size";
    return version > 2 ? "its box \"iloc\" is of an unknown version" : NULL;
}

static const char *read_places(container *c, place_form *form) {
    int is_over = 0;
    adah_bytes b = c->iloc;
    const char *fault = read_place_form(&b, form, &is_over);
    if (fault)
        return fault;
    const uint64_t n = take(&b, form->version < 2 ? 2 : 4, &is_over);
    for (uint64_t i = 0; i < n && !is_over; i++) {
        item *to = find_item(c, take(&b, form->version < 2 ? 2 : 4, &is_over));
        const adah_bytes start = b;
        take(&b, form->version ? 4 : 2, &is_over);
        take(&b, form->n_base, &is_over);
        const size_t n_pieces = (size_t)take(&b, 2, &is_over), n_piece = form->n_index + form->n_offset + form->n_length;
        if (is_over || n_pieces * n_piece > b.n)
            return "its box \"iloc\" is cut off";
        b = (adah_bytes){b.at + n_pieces * n_piece, b.n - n_pieces * n_piece};
        if (!to || to->place.at)
            return "its box \"iloc\" has an item twice, or one that is not there";
        to->place = (adah_bytes){start.at, (size_t)(b.at - start.at)};
    }
    return is_over ? "its box \"iloc\" is cut off" : NULL;
}

/* ---------------------------------------------------------------- data of an item */

/* *data: the item's bytes, which may be c->data until the next call. "": memory. */
static const char *read_data(container *c, const place_form *form, const item *it, adah_bytes *data) {
    int is_over = 0;
    adah_bytes b = it->place;
    if (!b.at)
        return "an image has no data";
    const uint64_t method = form->version ? take(&b, 2, &is_over) & 15 : 0;
    const uint64_t reference = take(&b, 2, &is_over), base = take(&b, form->n_base, &is_over);
    const size_t n_pieces = (size_t)take(&b, 2, &is_over);
    const adah_bytes from = method ? c->idat : c->file;
    if (method > 1 || reference)
        return "an image lies in another item or file";
    if (!from.at)
        return "an image has no data";
    adah_memory_free(c->data);
    c->data = NULL;
    size_t n = 0;
    for (size_t i = 0; i < n_pieces; i++) {
        take(&b, form->n_index, &is_over);
        const uint64_t offset = take(&b, form->n_offset, &is_over), length = take(&b, form->n_length, &is_over);
        if (base > from.n || offset > from.n - base || length > from.n - base - offset || length > from.n - n)
            return "the data of an image lie outside the file, or overlap";
        const adah_bytes piece = {from.at + base + offset, length ? (size_t)length : from.n - (size_t)(base + offset)};
        if (n_pieces == 1) {
            *data = piece;
            return NULL;
        }
        if (length == 0)
            return "a piece of an image has no length";
        if (!c->data && !(c->data = adah_memory_alloc(from.n)))
            return "";
        memcpy(c->data + n, piece.at, piece.n);
        n += piece.n;
    }
    *data = (adah_bytes){c->data, n};
    return n ? NULL : "an image has no data";
}

/* ---------------------------------------------------------------- images */

static int is_coded(uint32_t type) { return type == TAG('a', 'v', '0', '1') || type == TAG('h', 'v', 'c', '1'); }
static int is_derived(uint32_t type) {
    return type == TAG('g', 'r', 'i', 'd') || type == TAG('i', 'o', 'v', 'l') || type == TAG('i', 'd', 'e', 'n');
}
/* Codings that some builds of the decoder know and nothing here does. */
static int is_foreign(uint32_t type) {
    static const uint32_t types[] = {TAG('j', 'p', 'e', 'g'), TAG('j', '2', 'k', '1'), TAG('u', 'n', 'c', 'i'), TAG('v', 'v', 'c', '1'),
                                     TAG('a', 'v', 'c', '1'), TAG('e', 'v', 'c', '1'), TAG('h', 'e', 'v', '1'), TAG('t', 'i', 'l', 'i'),
                                     TAG('m', 's', 'k', 'i'), TAG('l', 'h', 'v', '1')};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i] == type)
            return 1;
    return 0;
}

/* The number of the item's i-th property, 0: none of those that are there. *i goes on. */
static size_t next_property(const container *c, const item *it, size_t *i) {
    const size_t n = adah_big(c->ipma.at, 4) & 1 ? 2 : 1;
    const size_t number = (size_t)adah_big(it->properties.at + *i, n) & (n == 2 ? 0x7fff : 0x7f);
    *i += n;
    return number <= c->n_properties ? number : 0;
}

static void read_told_size(const container *c, item *it) {
    for (size_t i = 0; i < it->properties.n;) {
        const size_t number = next_property(c, it, &i);
        if (c->property_type[number] == TAG('i', 's', 'p', 'e') && c->property[number].n >= 12) {
            it->n_width = adah_big(c->property[number].at + 4, 4);
            it->n_height = adah_big(c->property[number].at + 8, 4);
        }
    }
}

static const char *read_hevc_configuration(adah_bytes b, adah_coded_size *size) {
    enum { BEFORE_LENGTH = 21 };
    int is_over = 0;
    for (int i = 0; i < BEFORE_LENGTH; i++)
        take(&b, 1, &is_over);
    if ((take(&b, 1, &is_over) & 3) != 3)
        return "the lengths in its HEVC data are not of 4 bytes";
    for (uint64_t n_arrays = take(&b, 1, &is_over); n_arrays > 0; n_arrays--) {
        take(&b, 1, &is_over);
        for (uint64_t n_units = take(&b, 2, &is_over); n_units > 0; n_units--) {
            const size_t n = (size_t)take(&b, 2, &is_over);
            if (is_over || n > b.n)
                return "a configuration is cut off";
            const char *fault = adah_coded_size_hevc_unit(size, b.at, n);
            if (fault)
                return fault;
            b = (adah_bytes){b.at + n, b.n - n};
        }
    }
    return is_over ? "a configuration is cut off" : NULL;
}

static const char *read_configuration(const container *c, const item *it, adah_coded_size *size) {
    enum { AV1_HEAD = 4 };
    for (size_t i = 0; i < it->properties.n;) {
        const size_t number = next_property(c, it, &i);
        const adah_bytes b = c->property[number];
        const char *fault = NULL;
        if (c->property_type[number] == TAG('a', 'v', '1', 'C'))
            fault = b.n < AV1_HEAD ? "a configuration is cut off" : adah_coded_size_av1(size, b.at + AV1_HEAD, b.n - AV1_HEAD);
        else if (c->property_type[number] == TAG('h', 'v', 'c', 'C'))
            fault = read_hevc_configuration(b, size);
        if (fault)
            return fault;
    }
    return NULL;
}

static const char *count_coded(container *c, const place_form *form, item *it, adah_picture_info *info) {
    adah_coded_size size = {0};
    adah_bytes data;
    const char *fault = read_configuration(c, it, &size);
    if (!fault)
        fault = read_data(c, form, it, &data);
    if (!fault)
        fault = it->type == TAG('a', 'v', '0', '1') ? adah_coded_size_av1(&size, data.at, data.n)
                                                    : adah_coded_size_hevc(&size, data.at, data.n);
    if (!fault && (!size.n_width || !size.n_pictures))
        fault = "an image has no coded picture";
    if (!fault)
        fault = adah_head_add(info, size.n_width, size.n_height, 0);
    if (!fault && (size.n_width > it->n_width + PADDING || size.n_height > it->n_height + PADDING))
        fault = "a coded image is larger than the file says";
    it->is_deep = size.is_deep;
    it->is_av1 = it->type == TAG('a', 'v', '0', '1');
    it->n_pixels = size.n_width * size.n_height * size.n_pictures; /* 2^16 each, 2^30 bytes */
    return fault;
}

/* The images that `it` is made of, one after another: *at goes through the references. NULL: no more. */
static item *next_source(container *c, const item *it, adah_bytes *refs, adah_bytes *ids, int *is_over) {
    const size_t n_id = c->reference_version ? 4 : 2;
    for (;;) {
        if (ids->n >= n_id)
            return c->n_followed++ < REFERENCES_MAX ? find_item(c, take(ids, n_id, is_over)) : NULL;
        uint32_t type;
        adah_bytes content;
        if (next_box(refs, &type, &content) || !type)
            return NULL;
        if (type != TAG('d', 'i', 'm', 'g') || take(&content, n_id, is_over) != it->id)
            continue;
        const size_t n = (size_t)take(&content, 2, is_over);
        *ids = (adah_bytes){content.at, n * n_id < content.n ? n * n_id : content.n};
    }
}

static const char *count_image(container *c, const place_form *form, item *it, int depth, adah_picture_info *info);

static const char *count_derived(container *c, const place_form *form, item *it, int depth, adah_picture_info *info) {
    adah_bytes data, refs = c->iref, ids = {NULL, 0};
    uint64_t n_wanted = 1, n_found = 0, n_width = it->n_width, n_height = it->n_height;
    int is_over = 0;
    if (it->type != TAG('i', 'd', 'e', 'n')) {
        const char *fault = read_data(c, form, it, &data);
        if (fault)
            return fault;
        take(&data, 1, &is_over);
        const size_t n_number = take(&data, 1, &is_over) & 1 ? 4 : 2;
        if (it->type == TAG('g', 'r', 'i', 'd')) {
            n_wanted = take(&data, 1, &is_over) + 1;
            n_wanted *= take(&data, 1, &is_over) + 1;
        } else {
            take(&data, 8, &is_over);
            n_wanted = 0;
        }
        n_width = take(&data, n_number, &is_over);
        n_height = take(&data, n_number, &is_over);
    }
    const char *fault = is_over ? "a grid or overlay is cut off" : adah_head_add(info, n_width, n_height, 0);
    if (!fault && (n_width > it->n_width + PADDING || n_height > it->n_height + PADDING))
        fault = "an image is larger than the file says";
    it->n_pixels = n_width * n_height;
    for (item *from; !fault && (from = next_source(c, it, &refs, &ids, &is_over)); n_found++) {
        fault = count_image(c, form, from, depth + 1, info);
        it->is_deep |= from->is_deep;
        it->is_av1 |= from->is_av1;
        /* A tile need not be whole within the grid. */
        if (UINT64_MAX / 2 - it->n_pixels < from->n_pixels)
            return "an image is made of too many";
        it->n_pixels += from->n_pixels;
    }
    if (fault)
        return fault;
    return is_over || n_found == 0 || (n_wanted && n_found != n_wanted) ? "a grid or overlay lacks an image" : NULL;
}

static const char *count_image(container *c, const place_form *form, item *it, int depth, adah_picture_info *info) {
    if (depth > DEPTH_MAX)
        return "images are derived from one another too deeply";
    if (it->is_counted)
        return NULL;
    read_told_size(c, it);
    if (!is_coded(it->type) && !is_derived(it->type))
        return "an image is coded in a way that is not read here";
    const char *fault = is_coded(it->type) ? count_coded(c, form, it, info) : count_derived(c, form, it, depth, info);
    it->is_counted = !fault;
    return fault;
}

static const char *count_all(container *c, adah_picture_info *info) {
    /* YCbCr, RGB, and what was decoded last while the next is. */
    enum { PIXEL_BYTES = 12, DEEP_PIXEL_BYTES = 20 };
    place_form form;
    const char *fault = read_places(c, &form);
    for (size_t i = 0; i < c->n_items && !fault; i++) {
        item *it = &c->items[i];
        if (is_foreign(it->type))
            fault = "an image is coded in a way that is not read here";
        else if (is_coded(it->type) || is_derived(it->type))
            fault = count_image(c, &form, it, 0, info);
        if (it->n_pixels > info->n_pixels)
            info->n_pixels = it->n_pixels;
        if (it->n_pixels < UINT64_MAX / 64 && it->n_pixels * (it->is_deep ? DEEP_PIXEL_BYTES : PIXEL_BYTES) > info->n_bytes)
            info->n_bytes = it->n_pixels * (it->is_deep ? DEEP_PIXEL_BYTES : PIXEL_BYTES);
    }
    const item *shown = fault ? NULL : find_item(c, c->primary);
    if (!fault && (!shown || !shown->is_counted))
        fault = "it says of no image that it is the one to show";
    if (fault)
        return fault;
    info->type = shown->is_av1 ? "image/avif" : "image/heic";
    return adah_head_add(info, info->n_width = (size_t)shown->n_width, info->n_height = (size_t)shown->n_height, 0);
}

const char *adah_head_heif(adah_bytes file, adah_picture_info *info) {
    container *c = adah_memory_zeroed(1, sizeof *c);
    if (!c)
        return "";
    c->file = file;
    const char *fault = find_boxes(c);
    if (!fault)
        fault = read_items(c);
    if (!fault)
        fault = read_properties(c);
    if (!fault)
        fault = count_all(c, info);
    adah_memory_free(c->items);
    adah_memory_free(c->data);
    adah_memory_free(c);
    return fault;
}
