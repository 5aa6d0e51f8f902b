/* pickle.c - the machine: a stack of values, marks in it, a memo of values to come back to. Values lie in blocks that are freed
 * together; an opcode makes at most one. */
#include "files/pickle.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    BLOCK_VALUES = 512,
    VALUES_MAX = 500000,
    MEMO_MAX = VALUES_MAX,
    PLACES_MAX = 16 * VALUES_MAX, /* of values in stack, memo, tuples, lists and dictionaries, all together */
    PICKLE_BYTES_MAX = 64 << 20,
    NAME_BYTES_MAX = 200, /* of a global */
};

typedef struct block {
    struct block *next;
    adah_pickle_value value[BLOCK_VALUES];
} block;

typedef struct value_list {
    adah_pickle_value **item;
    size_t n, capacity;
} value_list;

struct adah_pickle {
    block *blocks; /* the newest first */
    size_t n_values, n_places;
    value_list stack, memo, storages;
    size_t *mark; /* heights of the stack */
    size_t n_marks, mark_capacity;
    adah_pickle_value *root;
    /* while it is read */
    const char *path;
    const uint8_t *bytes;
    size_t n_bytes, at;
    adah_status *status;
};

/* ---------------------------------------------------------------- what it may name */

typedef enum global_name { ORDERED_DICT, REBUILD_TENSOR, REBUILD_PARAMETER, STORAGE_TYPE } global_name;

static const struct {
    const char *name, *type;
    global_name global;
} globals[] = {
    {"collections.OrderedDict", NULL, ORDERED_DICT},
    {"torch._utils._rebuild_tensor_v2", NULL, REBUILD_TENSOR},
    {"torch._utils._rebuild_tensor", NULL, REBUILD_TENSOR},
    {"torch._utils._rebuild_parameter", NULL, REBUILD_PARAMETER},
    {"torch.FloatStorage", "F32", STORAGE_TYPE},
    {"torch.HalfStorage", "F16", STORAGE_TYPE},
    {"torch.BFloat16Storage", "BF16", STORAGE_TYPE},
    {"torch.DoubleStorage", "F64", STORAGE_TYPE},
    {"torch.LongStorage", "I64", STORAGE_TYPE},
    {"torch.IntStorage", "I32", STORAGE_TYPE},
    {"torch.ShortStorage", "I16", STORAGE_TYPE},
    {"torch.CharStorage", "I8", STORAGE_TYPE},
    {"torch.ByteStorage", "U8", STORAGE_TYPE},
    {"torch.BoolStorage", "BOOL", STORAGE_TYPE},
};

/* ---------------------------------------------------------------- faults */

__attribute__((format(printf, 2, 3))) static adah_code damaged(const adah_pickle *p, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return adah_fail(p->status, ADAH_ERROR_CORRUPT, "%s: damaged pickle, as PyTorch writes, byte %zu: %s", p->path, p->at, text);
}

static adah_code cut_off(const adah_pickle *p) { return damaged(p, "cut off"); }

/* ---------------------------------------------------------------- values, stack, memo */

static adah_code make_value(adah_pickle *p, adah_pickle_kind kind, adah_pickle_value **out) {
    if (p->n_values == VALUES_MAX)
        return adah_fail(p->status, ADAH_ERROR_FORMAT, "%s: its pickle has more than %d values, which no file of weights has", p->path,
                         VALUES_MAX);
    if (p->n_values % BLOCK_VALUES == 0) {
        block *b = adah_memory_zeroed(1, sizeof *b);
        if (!b)
            return adah_fail_memory(p->status, sizeof *b);
        b->next = p->blocks;
        p->blocks = b;
    }
    *out = &p->blocks->value[p->n_values++ % BLOCK_VALUES];
    (*out)->kind = kind;
    return ADAH_OK;
}

static adah_code append(adah_pickle *p, adah_pickle_value ***item, size_t *capacity, size_t *n, adah_pickle_value *value) {
    void *items = *item;
    if (p->n_places++ == PLACES_MAX)
        return damaged(p, "it grows beyond all measure");
    const int room = adah_memory_grow(&items, capacity, *n, sizeof **item);
    *item = items;
    if (!room)
        return adah_fail_memory(p->status, *n * sizeof **item);
    (*item)[(*n)++] = value;
    return ADAH_OK;
}

static adah_code push(adah_pickle *p, adah_pickle_value *value) {
    return append(p, &p->stack.item, &p->stack.capacity, &p->stack.n, value);
}

static adah_code push_new(adah_pickle *p, adah_pickle_kind kind, adah_pickle_value **out) {
    ADAH_TRY(make_value(p, kind, out));
    return push(p, *out);
}

/* How many values lie above the last mark, or above all if there is none. */
static size_t n_above(const adah_pickle *p) { return p->stack.n - (p->n_marks ? p->mark[p->n_marks - 1] : 0); }

static adah_code pop(adah_pickle *p, adah_pickle_value **out) {
    if (n_above(p) == 0)
        return damaged(p, "the stack is empty");
    *out = p->stack.item[--p->stack.n];
    return ADAH_OK;
}

static adah_code top(const adah_pickle *p, adah_pickle_value **out) {
    if (n_above(p) == 0)
        return damaged(p, "the stack is empty");
    *out = p->stack.item[p->stack.n - 1];
    return ADAH_OK;
}

static adah_code push_mark(adah_pickle *p) {
    void *marks = p->mark;
    const int room = adah_memory_grow(&marks, &p->mark_capacity, p->n_marks, sizeof *p->mark);
    p->mark = marks;
    if (!room)
        return adah_fail_memory(p->status, p->n_marks * sizeof *p->mark);
    p->mark[p->n_marks++] = p->stack.n;
    return ADAH_OK;
}

/* Removes the last mark: *first is the place of the first value that was above it. */
static adah_code pop_mark(adah_pickle *p, size_t *first) {
    if (p->n_marks == 0)
        return damaged(p, "there is no mark");
    *first = p->mark[--p->n_marks];
    return ADAH_OK;
}

static adah_code memoize(adah_pickle *p, size_t i) {
    adah_pickle_value *value = NULL;
    ADAH_TRY(top(p, &value));
    if (i >= MEMO_MAX)
        return damaged(p, "place %zu of the memo, expected less than %d", i, MEMO_MAX);
    while (p->memo.n <= i)
        ADAH_TRY(append(p, &p->memo.item, &p->memo.capacity, &p->memo.n, NULL));
    p->memo.item[i] = value;
    return ADAH_OK;
}

static adah_code recall(adah_pickle *p, size_t i) {
    if (i >= p->memo.n || !p->memo.item[i])
        return damaged(p, "place %zu of the memo is empty", i);
    return push(p, p->memo.item[i]);
}

/* ---------------------------------------------------------------- bytes */

static adah_code take(adah_pickle *p, size_t n, const uint8_t **bytes) {
    if (n > p->n_bytes - p->at)
        return cut_off(p);
    *bytes = p->bytes + p->at;
    p->at += n;
    return ADAH_OK;
}

/* Little-endian. */
static adah_code take_number(adah_pickle *p, int n, uint64_t *x) {
    const uint8_t *b = NULL;
    ADAH_TRY(take(p, (size_t)n, &b));
    *x = 0;
    for (int i = 0; i < n; i++)
        *x |= (uint64_t)b[i] << 8 * i;
    return ADAH_OK;
}

/* Up to the end of the line, which is left out. */
static adah_code take_line(adah_pickle *p, char line[NAME_BYTES_MAX]) {
    size_t n = 0;
    for (;;) {
        uint64_t byte = 0;
        ADAH_TRY(take_number(p, 1, &byte));
        if (byte == '\n')
            break;
        if (n == NAME_BYTES_MAX - 1 || byte < ' ' || byte > '~')
            return damaged(p, "a name that is none");
        line[n++] = (char)byte;
    }
    line[n] = '\0';
    return ADAH_OK;
}

static adah_code push_number(adah_pickle *p, int64_t x) {
    adah_pickle_value *value = NULL;
    ADAH_TRY(push_new(p, ADAH_PICKLE_NUMBER, &value));
    value->integer = x;
    return ADAH_OK;
}

/* A whole number of n_bytes in two's complement. */
static adah_code push_long(adah_pickle *p, size_t n_bytes) {
    const uint8_t *b = NULL;
    ADAH_TRY(take(p, n_bytes, &b));
    uint64_t x = 0;
    for (size_t i = 0; i < n_bytes && n_bytes <= 8; i++)
        x |= (uint64_t)b[i] << 8 * i;
    if (n_bytes && n_bytes < 8 && x >> (8 * n_bytes - 1))
        x |= UINT64_MAX << 8 * n_bytes;
    return push_number(p, n_bytes > 8 ? -1 : (int64_t)x);
}

static adah_code push_text(adah_pickle *p, adah_pickle_kind kind, int length_bytes) {
    uint64_t n = 0;
    const uint8_t *b = NULL;
    adah_pickle_value *value = NULL;
    ADAH_TRY(take_number(p, length_bytes, &n));
    if (n > p->n_bytes - p->at)
        return cut_off(p);
    ADAH_TRY(take(p, (size_t)n, &b));
    ADAH_TRY(push_new(p, kind, &value));
    if (kind == ADAH_PICKLE_TEXT && !(value->text = adah_memory_text_n((const char *)b, (size_t)n)))
        return adah_fail_memory(p->status, (size_t)n);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- globals, tensors, storages */

static adah_code push_global(adah_pickle *p, const char *module, const char *name) {
    char full[2 * NAME_BYTES_MAX];
    snprintf(full, sizeof full, "%s.%s", module, name);
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (!strcmp(full, globals[i].name)) {
            adah_pickle_value *value = NULL;
            ADAH_TRY(push_new(p, ADAH_PICKLE_GLOBAL, &value));
            value->global = globals[i].global;
            value->type = globals[i].type;
            return ADAH_OK;
        }
    return adah_fail(p->status, ADAH_ERROR_FORMAT,
                     "%s: its pickle names '%s', which is neither a tensor nor a dictionary, and nothing of a file is run here; save the "
                     "weights alone: torch.save(model.state_dict(), ...)", p->path, full);
}

static int is_kind(const adah_pickle_value *value, adah_pickle_kind kind) { return value && value->kind == kind; }

static const adah_pickle_value *item_of(const adah_pickle_value *value, size_t i) { return i < value->n_items ? value->item[i] : NULL; }

/* A name that lies on the stack: module, name. */
static adah_code push_named(adah_pickle *p) {
    adah_pickle_value *name = NULL, *module = NULL;
    ADAH_TRY(pop(p, &name));
    ADAH_TRY(pop(p, &module));
    const adah_pickle_value *both[] = {module, name};
    for (int i = 0; i < 2; i++) {
        if (both[i]->kind != ADAH_PICKLE_TEXT || strlen(both[i]->text) >= NAME_BYTES_MAX)
            return damaged(p, "a name that is none");
        for (const char *c = both[i]->text; *c; c++)
            if (*c < ' ' || *c > '~')
                return damaged(p, "a name that is none");
    }
    return push_global(p, module->text, name->text);
}

/* ('storage', type, key, location, size), in old files with a view: None or (key, offset, size). */
static adah_code push_storage(adah_pickle *p) {
    adah_pickle_value *id = NULL, *value = NULL;
    ADAH_TRY(pop(p, &id));
    const adah_pickle_value *type = item_of(id, 1), *key = item_of(id, 2), *size = item_of(id, 4), *view = item_of(id, 5);
    if (!is_kind(id, ADAH_PICKLE_TUPLE) || !is_kind(item_of(id, 0), ADAH_PICKLE_TEXT) || strcmp(item_of(id, 0)->text, "storage") ||
        !is_kind(type, ADAH_PICKLE_GLOBAL) || type->global != STORAGE_TYPE || !is_kind(key, ADAH_PICKLE_TEXT) ||
        !is_kind(size, ADAH_PICKLE_NUMBER) || size->integer < 0)
        return damaged(p, "a persistent id that names no storage");
    const adah_pickle_value *offset = is_kind(view, ADAH_PICKLE_TUPLE) ? item_of(view, 1) : NULL;
    if (offset && (!is_kind(offset, ADAH_PICKLE_NUMBER) || offset->integer < 0))
        return damaged(p, "a view of a storage that begins nowhere");
    ADAH_TRY(push_new(p, ADAH_PICKLE_STORAGE, &value));
    value->type = type->type;
    value->text = key->text;
    value->integer = size->integer;
    value->offset = offset ? (uint64_t)offset->integer : 0;
    return append(p, &p->storages.item, &p->storages.capacity, &p->storages.n, value);
}

static int is_sizes(const adah_pickle_value *tuple) {
    for (size_t i = 0; is_kind(tuple, ADAH_PICKLE_TUPLE) && i < tuple->n_items; i++)
        if (!is_kind(tuple->item[i], ADAH_PICKLE_NUMBER) || tuple->item[i]->integer < 0)
            return 0;
    return is_kind(tuple, ADAH_PICKLE_TUPLE);
}

/* (storage, offset, shape, strides, ...) */
static adah_code push_tensor(adah_pickle *p, const adah_pickle_value *arguments) {
    const adah_pickle_value *storage = item_of(arguments, 0), *offset = item_of(arguments, 1), *shape = item_of(arguments, 2);
    const adah_pickle_value *strides = item_of(arguments, 3);
    adah_pickle_value *value = NULL;
    if (!is_kind(storage, ADAH_PICKLE_STORAGE) || !is_kind(offset, ADAH_PICKLE_NUMBER) || offset->integer < 0 || !is_sizes(shape) ||
        !is_sizes(strides) || shape->n_items != strides->n_items)
        return damaged(p, "a tensor without a storage, a shape or strides");
    ADAH_TRY(push_new(p, ADAH_PICKLE_TENSOR, &value));
    value->storage = storage;
    value->offset = (uint64_t)offset->integer;
    value->shape = shape;
    value->strides = strides;
    return ADAH_OK;
}

/* Empty, or of a list of pairs (Python 2). */
static adah_code push_dictionary(adah_pickle *p, const adah_pickle_value *arguments) {
    const adah_pickle_value *pairs = item_of(arguments, 0);
    adah_pickle_value *value = NULL;
    ADAH_TRY(push_new(p, ADAH_PICKLE_DICT, &value));
    for (size_t i = 0; pairs && i < pairs->n_items; i++) {
        const adah_pickle_value *pair = pairs->item[i];
        if (pairs->kind == ADAH_PICKLE_DICT || (pair->kind != ADAH_PICKLE_LIST && pair->kind != ADAH_PICKLE_TUPLE) || pair->n_items != 2)
            return damaged(p, "a dictionary of what are no pairs");
        for (size_t j = 0; j < 2; j++)
            ADAH_TRY(append(p, &value->item, &value->capacity, &value->n_items, pair->item[j]));
    }
    return ADAH_OK;
}

static adah_code reduce(adah_pickle *p) {
    adah_pickle_value *arguments = NULL, *global = NULL;
    ADAH_TRY(pop(p, &arguments));
    ADAH_TRY(pop(p, &global));
    if (global->kind != ADAH_PICKLE_GLOBAL || arguments->kind != ADAH_PICKLE_TUPLE)
        return damaged(p, "a call of what is no function");
    switch ((global_name)global->global) {
    case ORDERED_DICT: return push_dictionary(p, arguments);
    case REBUILD_TENSOR: return push_tensor(p, arguments);
    case REBUILD_PARAMETER:
        if (!is_kind(item_of(arguments, 0), ADAH_PICKLE_TENSOR))
            return damaged(p, "a parameter that is no tensor");
        return push(p, arguments->item[0]);
    case STORAGE_TYPE: break;
    }
    return damaged(p, "a call of what is no function");
}

/* ---------------------------------------------------------------- tuples, lists, dictionaries */

/* Moves the values from place `first` of the stack on behind those of `value`. */
static adah_code move_items(adah_pickle *p, size_t first, adah_pickle_value *value) {
    for (size_t i = first; i < p->stack.n; i++)
        ADAH_TRY(append(p, &value->item, &value->capacity, &value->n_items, p->stack.item[i]));
    p->stack.n = first;
    return ADAH_OK;
}

static adah_code collect(adah_pickle *p, adah_pickle_kind kind, size_t first) {
    adah_pickle_value *value = NULL;
    ADAH_TRY(make_value(p, kind, &value));
    if (kind == ADAH_PICKLE_DICT && (p->stack.n - first) % 2)
        return damaged(p, "a key without a value");
    ADAH_TRY(move_items(p, first, value));
    return push(p, value);
}

static adah_code collect_last(adah_pickle *p, size_t n) {
    if (n_above(p) < n)
        return damaged(p, "the stack is empty");
    return collect(p, ADAH_PICKLE_TUPLE, p->stack.n - n);
}

static adah_code collect_marked(adah_pickle *p, adah_pickle_kind kind) {
    size_t first = 0;
    ADAH_TRY(pop_mark(p, &first));
    return collect(p, kind, first);
}

/* Adds what lies from `first` on to the list or dictionary below. */
static adah_code extend(adah_pickle *p, adah_pickle_kind kind, size_t first) {
    if (first == 0 || (p->n_marks && first <= p->mark[p->n_marks - 1]) || p->stack.item[first - 1]->kind != kind)
        return damaged(p, "items of what is no %s", kind == ADAH_PICKLE_LIST ? "list" : "dictionary");
    if (kind == ADAH_PICKLE_DICT && (p->stack.n - first) % 2)
        return damaged(p, "a key without a value");
    return move_items(p, first, p->stack.item[first - 1]);
}

static adah_code extend_marked(adah_pickle *p, adah_pickle_kind kind) {
    size_t first = 0;
    ADAH_TRY(pop_mark(p, &first));
    return extend(p, kind, first);
}

static adah_code extend_last(adah_pickle *p, adah_pickle_kind kind, size_t n) {
    if (n_above(p) < n)
        return damaged(p, "the stack is empty");
    return extend(p, kind, p->stack.n - n);
}

/* The attributes of a dictionary (PyTorch keeps versions there) are passed over; nothing else has any. */
static adah_code build(adah_pickle *p) {
    adah_pickle_value *state = NULL, *object = NULL;
    ADAH_TRY(pop(p, &state));
    ADAH_TRY(top(p, &object));
    return object->kind == ADAH_PICKLE_DICT ? ADAH_OK : damaged(p, "attributes of what is no dictionary");
}

/* ---------------------------------------------------------------- the machine */

static adah_code run_opcode(adah_pickle *p, uint8_t opcode) {
    uint64_t x = 0;
    const uint8_t *bytes = NULL;
    adah_pickle_value *value = NULL;
    char module[NAME_BYTES_MAX], name[NAME_BYTES_MAX];
    switch (opcode) {
    case 0x80: /* PROTO */ return take(p, 1, &bytes);
    case 0x95: /* FRAME */ return take(p, 8, &bytes);
    case '(': return push_mark(p);
    case 'N': return push_new(p, ADAH_PICKLE_NONE, &value);
    case 0x88: /* NEWTRUE */ return push_number(p, 1);
    case 0x89: /* NEWFALSE */ return push_number(p, 0);
    case 'K': ADAH_TRY(take_number(p, 1, &x)); return push_number(p, (int64_t)x);
    case 'M': ADAH_TRY(take_number(p, 2, &x)); return push_number(p, (int64_t)x);
    case 'J': ADAH_TRY(take_number(p, 4, &x)); return push_number(p, (int32_t)(uint32_t)x);
    case 0x8a: /* LONG1 */ ADAH_TRY(take_number(p, 1, &x)); return push_long(p, (size_t)x);
    case 0x8b: /* LONG4 */ ADAH_TRY(take_number(p, 4, &x)); return push_long(p, (size_t)x);
    case 'G': ADAH_TRY(take(p, 8, &bytes)); return push_new(p, ADAH_PICKLE_REAL, &value);
    case 'X': return push_text(p, ADAH_PICKLE_TEXT, 4);
    case 0x8c: /* SHORT_BINUNICODE */ return push_text(p, ADAH_PICKLE_TEXT, 1);
    case 0x8d: /* BINUNICODE8 */ return push_text(p, ADAH_PICKLE_TEXT, 8);
    case 'U': return push_text(p, ADAH_PICKLE_TEXT, 1); /* texts of Python 2 */
    case 'T': return push_text(p, ADAH_PICKLE_TEXT, 4);
    case 'C': return push_text(p, ADAH_PICKLE_BYTES, 1);
    case 'B': return push_text(p, ADAH_PICKLE_BYTES, 4);
    case 0x8e: /* BINBYTES8 */ return push_text(p, ADAH_PICKLE_BYTES, 8);
    case ')': return push_new(p, ADAH_PICKLE_TUPLE, &value);
    case 0x85: /* TUPLE1 */ return collect_last(p, 1);
    case 0x86: /* TUPLE2 */ return collect_last(p, 2);
    case 0x87: /* TUPLE3 */ return collect_last(p, 3);
    case 't': return collect_marked(p, ADAH_PICKLE_TUPLE);
    case ']': return push_new(p, ADAH_PICKLE_LIST, &value);
    case 'l': return collect_marked(p, ADAH_PICKLE_LIST);
    case 'a': return extend_last(p, ADAH_PICKLE_LIST, 1);
    case 'e': return extend_marked(p, ADAH_PICKLE_LIST);
    case '}': return push_new(p, ADAH_PICKLE_DICT, &value);
    case 'd': return collect_marked(p, ADAH_PICKLE_DICT);
    case 's': return extend_last(p, ADAH_PICKLE_DICT, 2);
    case 'u': return extend_marked(p, ADAH_PICKLE_DICT);
    case 'q': ADAH_TRY(take_number(p, 1, &x)); return memoize(p, (size_t)x);
    case 'r': ADAH_TRY(take_number(p, 4, &x)); return memoize(p, (size_t)x);
    case 0x94: /* MEMOIZE */ return memoize(p, p->memo.n);
    case 'h': ADAH_TRY(take_number(p, 1, &x)); return recall(p, (size_t)x);
    case 'j': ADAH_TRY(take_number(p, 4, &x)); return recall(p, (size_t)x);
    case 'c':
        ADAH_TRY(take_line(p, module));
        ADAH_TRY(take_line(p, name));
        return push_global(p, module, name);
    case 0x93: /* STACK_GLOBAL */ return push_named(p);
    case 'R': return reduce(p);
    case 'b': return build(p);
    case 'Q': return push_storage(p);
    default: return damaged(p, "opcode %u, which no file of weights has", opcode);
    }
}

static adah_code run(adah_pickle *p) {
    for (;;) {
        uint64_t opcode = 0;
        ADAH_TRY(take_number(p, 1, &opcode));
        if (opcode == '.')
            return pop(p, &p->root);
        ADAH_TRY(run_opcode(p, (uint8_t)opcode));
    }
}

adah_code adah_pickle_read(const char *path, const uint8_t *bytes, size_t n_bytes, adah_pickle **pickle, size_t *n_read,
                           adah_status *status) {
    adah_pickle *p = adah_memory_zeroed(1, sizeof *p);
    if (!p)
        return adah_fail_memory(status, sizeof *p);
    p->path = path;
    p->bytes = bytes;
    p->n_bytes = n_bytes < PICKLE_BYTES_MAX ? n_bytes : PICKLE_BYTES_MAX;
    p->status = status;
    const adah_code code = run(p);
    if (code != ADAH_OK) {
        adah_pickle_free(p);
        return code;
    }
    *n_read = p->at;
    *pickle = p;
    return ADAH_OK;
}

const adah_pickle_value *adah_pickle_root(const adah_pickle *p) { return p->root; }

size_t adah_pickle_storage_count(const adah_pickle *p) { return p->storages.n; }

const adah_pickle_value *adah_pickle_storage(const adah_pickle *p, size_t i) { return p->storages.item[i]; }

void adah_pickle_free(adah_pickle *p) {
    if (!p)
        return;
    for (size_t i = p->n_values; i-- > 0;) {
        adah_pickle_value *value = &p->blocks->value[i % BLOCK_VALUES];
        if (value->kind == ADAH_PICKLE_TEXT)
            adah_memory_free((char *)(uintptr_t)value->text);
        adah_memory_free(value->item);
        if (i % BLOCK_VALUES == 0) {
            block *next = p->blocks->next;
            adah_memory_free(p->blocks);
            p->blocks = next;
        }
    }
    adah_memory_free(p->stack.item);
    adah_memory_free(p->memo.item);
    adah_memory_free(p->storages.item);
    adah_memory_free(p->mark);
    adah_memory_free(p);
}
