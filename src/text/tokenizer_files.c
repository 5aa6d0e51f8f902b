/* tokenizer_files.c - the files that tokenizers are published as, each as a tokenizer.json. */
#include "text/tokenizer.h"
#include "base/file.h"
#include "base/memory.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static adah_code read_file(const char *folder, const char *name, char **path, char **bytes, adah_status *status) {
    size_t n_bytes;
    *path = adah_file_join(folder, name);
    if (!*path)
        return adah_fail_memory(status, strlen(folder));
    ADAH_TRY(adah_file_read(*path, ADAH_TOKENIZER_BYTES_MAX, (uint8_t **)bytes, &n_bytes, status));
    return memchr(*bytes, '\0', n_bytes) ? adah_fail(status, ADAH_ERROR_FORMAT, "%s: a zero byte, expected a text", *path) : ADAH_OK;
}

/* CLIP's: what its vocabulary and merges mean is nowhere in the files. */
static const char clip_form[] =
    "{s:[{s:i,s:s,s:b,s:b},{s:i,s:s,s:b,s:b}],"
    "s:{s:s,s:[{s:s},{s:s,s:{s:s},s:s},{s:s}]},"
    "s:{s:s,s:[{s:s,s:{s:s},s:s,s:b},{s:s,s:b,s:b}]},"
    "s:{s:s,s:[s,i],s:[s,i]},"
    "s:{s:s,s:s,s:s,s:O,s:O}}";

static json_t *make_clip(json_t *vocabulary, json_t *merges, int start, int end) {
    static const char expression[] = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
    return json_pack(clip_form, "added_tokens", "id", start, "content", "<|startoftext|>", "special", 1, "normalized", 0, "id", end, "content",
                     "<|endoftext|>", "special", 1, "normalized", 0, "normalizer", "type", "Sequence", "normalizers", "type", "NFC", "type",
                     "Replace", "pattern", "Regex", "\\s+", "content", " ", "type", "Lowercase", "pre_tokenizer", "type", "Sequence",
                     "pretokenizers", "type", "Split", "pattern", "Regex", expression, "behavior", "Removed", "invert", 1, "type", "ByteLevel",
                     "add_prefix_space", 0, "use_regex", 0, "post_processor", "type", "RobertaProcessing", "sep", "<|endoftext|>", end, "cls",
                     "<|startoftext|>", start, "model", "type", "BPE", "unk_token", "<|endoftext|>", "end_of_word_suffix", "</w>", "vocab",
                     vocabulary, "merges", merges);
}

/* Each line of a merges.txt but the first, which tells the version. */
static json_t *list_merges(const char *lines) {
    json_t *merges = json_array();
    for (const char *line = lines; merges && *line;) {
        const size_t width = strcspn(line, "\r\n");
        if (width && strncmp(line, "#version", 8) && json_array_append_new(merges, json_stringn(line, width))) {
            json_decref(merges);
            return NULL;
        }
        line += width;
        line += strspn(line, "\r\n");
    }
    return merges;
}

static adah_code compose_clip(const char *path, const char *vocabulary_text, const char *merges_text, char **json, adah_status *status) {
    json_error_t error;
    json_t *vocabulary = json_loads(vocabulary_text, 0, &error), *merges = list_merges(merges_text);
    const json_t *start = json_object_get(vocabulary, "<|startoftext|>"), *end = json_object_get(vocabulary, "<|endoftext|>");
    adah_code code = ADAH_OK;
    if (!vocabulary && json_error_code(&error) != json_error_out_of_memory)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s:%d: no JSON: %s", path, error.line, error.text);
    else if (vocabulary && (!json_is_integer(start) || !json_is_integer(end)))
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: without <|startoftext|> and <|endoftext|> it is no vocabulary of CLIP's; give a "
                         "tokenizer.json", path);
    json_t *object = code == ADAH_OK && vocabulary && merges
                         ? make_clip(vocabulary, merges, (int)json_integer_value(start), (int)json_integer_value(end))
                         : NULL;
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    *json = text ? adah_memory_text(text) : NULL;
    if (code == ADAH_OK && !*json)
        code = adah_fail_memory(status, strlen(vocabulary_text));
    free(text);
    json_decref(object);
    json_decref(vocabulary);
    json_decref(merges);
    return code;
}

static adah_code find(const char *folder, char *path[3], char *text[3], char **json, adah_status *status) {
    adah_status fault = {0};
    adah_code code = read_file(folder, "tokenizer.json", &path[0], &text[0], &fault);
    if (code == ADAH_OK) {
        *json = text[0];
        text[0] = NULL;
        return ADAH_OK;
    }
    if (code != ADAH_ERROR_NOT_FOUND)
        return adah_fail(status, code, "%s", fault.message);
    code = read_file(folder, "vocab.json", &path[1], &text[1], &fault);
    if (code == ADAH_OK)
        code = read_file(folder, "merges.txt", &path[2], &text[2], &fault);
    if (code == ADAH_ERROR_NOT_FOUND)
        return adah_fail(status, code, "%s: no tokenizer.json, nor vocab.json and merges.txt", folder);
    return code == ADAH_OK ? compose_clip(path[1], text[1], text[2], json, status) : adah_fail(status, code, "%s", fault.message);
}

adah_code adah_tokenizer_find(const char *folder, char **json, adah_status *status) {
    char *path[3] = {0}, *text[3] = {0};
    const adah_code code = find(folder, path, text, json, status);
    for (int i = 0; i < 3; i++) {
        adah_memory_free(path[i]);
        adah_memory_free(text[i]);
    }
    return code;
}
