/* text_folder.c - text encoders as Hugging Face's folders hold them.
 *
 * config.json tells the family and its sizes; a sentence encoder's modules.json and 1_Pooling/config.json how tokens become one vector,
 * sentence_bert_config.json how many tokens a text may have, and config_sentence_transformers.json what stands before every text. What is not there is as the family's reference has it by default. */
#include "backbones/text_encoder.h"
#include "backbones/text_form.h"
#include "base/file.h"
#include "base/memory.h"
#include "text/tokenizer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

/* ---------------------------------------------------------------- config.json */

/* *object NULL: there is no such file. */
static adah_code read_json(const char *folder, const char *name, json_t **object, adah_status *status) {
    adah_status fault = {0};
    json_error_t error;
    uint8_t *bytes = NULL;
    size_t n_bytes;
    *object = NULL;
    char *path = adah_file_join(folder, name);
    if (!path)
        return adah_fail_memory(status, strlen(folder));
    adah_code code = adah_file_read(path, CONFIG_BYTES_MAX, &bytes, &n_bytes, &fault);
    if (code == ADAH_OK && !(*object = json_loadb((char *)bytes, n_bytes, 0, &error)))
        code = json_error_code(&error) == json_error_out_of_memory
                   ? adah_fail_memory(status, n_bytes)
                   : adah_fail(status, ADAH_ERROR_FORMAT, "%s:%d: no JSON: %s", path, error.line, error.text);
    else if (code == ADAH_ERROR_NOT_FOUND)
        code = ADAH_OK;
    else if (code != ADAH_OK)
        adah_fail(status, code, "%s", fault.message);
    adah_memory_free(bytes);
    adah_memory_free(path);
    return code;
}

/* A size below `key`, or what the family has when the file does not say. */
static size_t size_of(const json_t *config, const char *key, size_t otherwise) {
    const json_t *value = json_object_get(config, key);
    return json_is_integer(value) && json_integer_value(value) >= 0 ? (size_t)json_integer_value(value) : otherwise;
}

/* The same, which DistilBERT calls otherwise. */
static size_t either_size_of(const json_t *config, const char *key, const char *other, size_t otherwise) {
    return size_of(config, json_object_get(config, key) ? key : other, otherwise);
}

static adah_code read_gelu(const json_t *config, const char *folder, adah_gelu otherwise, adah_gelu *gelu, adah_status *status) {
    static const struct {
        const char *name;
        adah_gelu gelu;
    } known[] = {{"gelu", ADAH_GELU_EXACT},          {"gelu_new", ADAH_GELU_TANH},   {"gelu_pytorch_tanh", ADAH_GELU_TANH},
                 {"quick_gelu", ADAH_GELU_QUICK}};
    const json_t *activation = json_object_get(config, "hidden_act");
    const char *name = json_string_value(activation ? activation : json_object_get(config, "activation"));
    *gelu = otherwise;
    if (!name)
        return ADAH_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(name, known[i].name)) {
            *gelu = known[i].gelu;
            return ADAH_OK;
        }
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s/config.json: the activation \"%.64s\", expected gelu, gelu_new, gelu_pytorch_tanh or "
                     "quick_gelu", folder, name);
}

static adah_code read_blocks(const json_t *config, const char *folder, adah_text_form *f, adah_status *status) {
    const int is_bert = f->family == ADAH_TEXT_BERT, is_clip = f->family == ADAH_TEXT_CLIP;
    adah_transformer *t = &f->blocks;
    t->n_layers = either_size_of(config, "num_hidden_layers", "n_layers", 12);
    t->n_channels = either_size_of(config, "hidden_size", "dim", is_clip ? 512 : 768);
    t->n_heads = either_size_of(config, "num_attention_heads", "n_heads", is_clip ? 8 : 12);
    t->n_hidden = either_size_of(config, "intermediate_size", "hidden_dim", is_clip ? 2048 : 3072);
    const json_t *epsilon = json_object_get(config, "layer_norm_eps");
    t->epsilon = json_is_number(epsilon) ? (float)json_number_value(epsilon) : is_bert ? 1e-12f : is_clip ? 1e-5f : 1e-6f;
    f->n_rows = size_of(config, "vocab_size", is_bert ? 30522 : is_clip ? 49408 : 32000);
    f->n_tokens = size_of(config, "max_position_embeddings", is_bert ? 512 : is_clip ? 77 : 64);
    return read_gelu(config, folder, is_bert ? ADAH_GELU_EXACT : is_clip ? ADAH_GELU_QUICK : ADAH_GELU_TANH, &t->gelu, status);
}

static int is_of_type(const json_t *config, const char *name) {
    const char *type = json_string_value(json_object_get(config, "model_type"));
    return type && !strcmp(type, name);
}

/* A RoBERTa's positions begin behind the padding token's, an MPNet's behind that of its authors. */
static size_t first_position(const json_t *config) {
    const char *type = json_string_value(json_object_get(config, "model_type"));
    if (is_of_type(config, "mpnet"))
        return 2;
    return type && (!strcmp(type, "roberta") || !strcmp(type, "xlm-roberta") || !strcmp(type, "camembert")) ? size_of(config, "pad_token_id", 1) + 1 : 0;
}

/* The prompt of that name, that of the file's default_prompt_name. */
static adah_code read_prefix(const char *folder, adah_text_form *f, adah_status *status) {
    json_t *own;
    ADAH_TRY(read_json(folder, "config_sentence_transformers.json", &own, status));
    const char *name = json_string_value(json_object_get(own, "default_prompt_name"));
    const char *prefix = name ? json_string_value(json_object_get(json_object_get(own, "prompts"), name)) : NULL;
    adah_code code = ADAH_OK;
    if (name && !prefix)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s/config_sentence_transformers.json: no prompt \"%.64s\", which is the default", folder, name);
    else if (prefix && !adah_text_form_set_prefix(f, prefix))
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s/config_sentence_transformers.json: a prompt of %zu bytes, expected at most %d", folder,
                         strlen(prefix), ADAH_TEXT_PREFIX_BYTES - 1);
    json_decref(own);
    return code;
}

static adah_code read_pooling(const char *folder, adah_text_form *f, adah_status *status) {
    json_t *pooling, *modules, *module, *limits;
    size_t i;
    ADAH_TRY(read_json(folder, "1_Pooling/config.json", &pooling, status));
    const int is_first = json_is_true(json_object_get(pooling, "pooling_mode_cls_token"));
    const int is_mean = json_is_true(json_object_get(pooling, "pooling_mode_mean_tokens"));
    const int is_other = pooling && is_first + is_mean != 1;
    const int leaves_prefix_out = json_is_false(json_object_get(pooling, "include_prompt"));
    json_decref(pooling);
    if (leaves_prefix_out && *f->prefix && is_mean)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s/1_Pooling/config.json: a mean without the prefix (include_prompt), which is not known", folder);
    if (is_other)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s/1_Pooling/config.json: neither the mean nor the first token, which are all that is known",
                         folder);
    f->pick = is_first ? ADAH_ROW_FIRST : ADAH_ROW_MEAN;
    ADAH_TRY(read_json(folder, "modules.json", &modules, status));
    adah_code code = ADAH_OK;
    json_array_foreach(modules, i, module) {
        const char *type = json_string_value(json_object_get(module, "type")), *name = type ? strrchr(type, '.') : NULL;
        name = name ? name + 1 : "";
        if (!strcmp(name, "Normalize"))
            f->is_unit = 1;
        else if (strcmp(name, "Transformer") && strcmp(name, "Pooling"))
            code = adah_fail(status, ADAH_ERROR_FORMAT, "%s/modules.json: a module \"%.64s\", which is not known", folder, type ? type : "");
    }
    json_decref(modules);
    ADAH_TRY(code);
    ADAH_TRY(read_json(folder, "sentence_bert_config.json", &limits, status));
    const size_t n_tokens = size_of(limits, "max_seq_length", f->n_tokens);
    json_decref(limits);
    if (n_tokens >= 2 && n_tokens < f->n_tokens)
        f->n_tokens = n_tokens;
    return ADAH_OK;
}

static adah_code read_config(const json_t *config, const char *folder, adah_text_form *f, adah_status *status) {
    static const struct {
        const char *type;
        adah_text_family family;
    } known[] = {{"bert", ADAH_TEXT_BERT},   {"roberta", ADAH_TEXT_BERT},         {"xlm-roberta", ADAH_TEXT_BERT},   {"camembert", ADAH_TEXT_BERT},
                 {"distilbert", ADAH_TEXT_BERT}, {"mpnet", ADAH_TEXT_BERT},
                 {"clip", ADAH_TEXT_CLIP},   {"clip_text_model", ADAH_TEXT_CLIP}, {"siglip", ADAH_TEXT_SIGLIP}, {"siglip_text_model", ADAH_TEXT_SIGLIP}};
    const char *type = json_string_value(json_object_get(config, "model_type"));
    size_t k = 0;
    while (k < sizeof known / sizeof *known && strcmp(type ? type : "", known[k].type))
        k++;
    if (k == sizeof known / sizeof *known)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s/config.json: a model of type \"%.64s\", expected bert, roberta, xlm-roberta, camembert, "
                         "distilbert, mpnet, clip or siglip", folder, type ? type : "");
    f->family = known[k].family;
    const json_t *own = json_object_get(config, "text_config") ? json_object_get(config, "text_config") : config;
    ADAH_TRY(read_blocks(own, folder, f, status));
    if (f->family == ADAH_TEXT_BERT) {
        const size_t n_skipped = first_position(config);
        const char *positions = json_string_value(json_object_get(config, "position_embedding_type"));
        if (positions && strcmp(positions, "absolute"))
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s/config.json: positions of type \"%.64s\", expected absolute", folder, positions);
        f->padding = size_of(config, "pad_token_id", 0);
        f->n_tokens = f->n_tokens > n_skipped ? f->n_tokens - n_skipped : 0;
        ADAH_TRY(read_pooling(folder, f, status));
        f->blocks.n_distant = is_of_type(config, "mpnet") ? f->n_tokens < ADAH_TEXT_TOKENS_MAX ? f->n_tokens : ADAH_TEXT_TOKENS_MAX : 0;
    } else {
        f->pick = ADAH_ROW_LAST;
        f->is_unit = 1;
        f->is_padded = f->family == ADAH_TEXT_SIGLIP;
        f->padding = size_of(own, "pad_token_id", 1);
        f->n_projected = f->family == ADAH_TEXT_CLIP ? size_of(config, "projection_dim", size_of(own, "projection_dim", 512))
                                                     : size_of(own, "projection_size", f->blocks.n_channels);
    }
    if (f->n_tokens > ADAH_TEXT_TOKENS_MAX)
        f->n_tokens = ADAH_TEXT_TOKENS_MAX;
    return ADAH_OK;
}

adah_code adah_text_form_of_folder(const char *folder, const char *prefix, adah_text_form *form, adah_status *status) {
    json_t *config;
    adah_text_form f = {0};
    if (prefix && !adah_text_form_set_prefix(&f, prefix))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "a prefix of %zu bytes, expected at most %d, in UTF-8", strlen(prefix),
                         ADAH_TEXT_PREFIX_BYTES - 1);
    if (!prefix)
        ADAH_TRY(read_prefix(folder, &f, status));
    ADAH_TRY(read_json(folder, "config.json", &config, status));
    if (!config)
        return adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: no config.json, which a text encoder's folder has", folder);
    const adah_code code = read_config(config, folder, &f, status);
    json_decref(config);
    if (code == ADAH_OK)
        *form = f;
    return code;
}

/* ---------------------------------------------------------------- weights */

/* What stands before the names of a file's tensors. */
static const char *prefix_of(const adah_weights *weights, const char *const *prefixes, const char *tensor) {
    char name[ADAH_PARAMETER_NAME_BYTES];
    for (; *prefixes; prefixes++) {
        snprintf(name, sizeof name, "%s%s", *prefixes, tensor);
        if (adah_weights_find(weights, name))
            return *prefixes;
    }
    return "";
}

static adah_code load_one(const adah_parameters *parameters, const char *parameter, const char *prefix, const char *tensor,
                          const adah_weights *weights, adah_status *status) {
    char own[ADAH_PARAMETER_NAME_BYTES], name[ADAH_PARAMETER_NAME_BYTES];
    snprintf(own, sizeof own, "text.encoder.%s", parameter);
    snprintf(name, sizeof name, "%s%s", prefix, tensor);
    return adah_transformer_load_one(parameters, own, name, (adah_shape){0}, weights, status);
}

/* The rows from `first` on of a table that has more than are taken; of BERT plus the row of the first type. */
static adah_code load_positions(const adah_text_form *f, size_t first, size_t n_all, const char *prefix, const char *tensor, const char *types,
                                const adah_weights *weights, const adah_parameters *parameters, adah_status *status) {
    adah_parameter *p = adah_parameters_find(parameters, "text.encoder.positions");
    const size_t n_channels = f->blocks.n_channels;
    char name[ADAH_PARAMETER_NAME_BYTES];
    float *all = adah_memory_floats(n_all * n_channels), *type = adah_memory_floats(2 * n_channels);
    adah_code code = all && type ? ADAH_OK : adah_fail_memory(status, n_all * n_channels * sizeof *all);
    snprintf(name, sizeof name, "%s%s", prefix, tensor);
    if (code == ADAH_OK)
        code = adah_weights_read(weights, name, ADAH_SHAPE2(n_all, n_channels), all, status);
    snprintf(name, sizeof name, "%s%s", prefix, types ? types : "");
    if (code == ADAH_OK && types && adah_weights_find(weights, name) &&
        (code = adah_weights_read(weights, name, ADAH_SHAPE2(2, n_channels), type, NULL)) != ADAH_OK)
        code = adah_weights_read(weights, name, ADAH_SHAPE2(1, n_channels), type, status); /* RoBERTa's have one type */
    for (size_t i = 0; code == ADAH_OK && i < p->n; i++)
        p->value[i] = all[first * n_channels + i] + type[i % n_channels];
    if (code == ADAH_OK)
        p->version++;
    adah_memory_free(all);
    adah_memory_free(type);
    return code;
}

/* Which of 32 groups a key that is so far behind a row belongs to: a half of them for each side, half of these for single distances, the others
 * for ever wider ranges up to 128 (Raffel et al. 2020). */
static size_t bucket_of(ptrdiff_t behind, size_t n_buckets) {
    const size_t n_side = n_buckets / 2, n_single = n_side / 2, n = (size_t)(behind < 0 ? -behind : behind);
    size_t bucket = n;
    if (n >= n_single)
        bucket = n_single + (size_t)(logf((float)n / (float)n_single) / logf(128.0f / (float)n_single) * (float)(n_side - n_single));
    return (behind > 0 ? n_side : 0) + (bucket < n_side ? bucket : n_side - 1);
}

/* MPNet's table has a row for each group and a column for each head. */
static adah_code load_distances(const adah_text_form *f, const json_t *config, const char *prefix, const adah_weights *weights,
                                const adah_parameters *parameters, adah_status *status) {
    adah_parameter *p = adah_parameters_find(parameters, "text.encoder.blocks.distance");
    const size_t n_buckets = size_of(config, "relative_attention_num_buckets", 32), n_heads = f->blocks.n_heads, n_ways = 2 * f->blocks.n_distant - 1;
    char name[ADAH_PARAMETER_NAME_BYTES];
    if (n_buckets < 4 || n_buckets > 512 || n_buckets % 4)
        return adah_fail(status, ADAH_ERROR_FORMAT, "relative_attention_num_buckets is %zu, expected a multiple of 4 from 4 to 512", n_buckets);
    float *table = adah_memory_floats(n_buckets * n_heads);
    if (!table)
        return adah_fail_memory(status, n_buckets * n_heads * sizeof *table);
    snprintf(name, sizeof name, "%sencoder.relative_attention_bias.weight", prefix);
    const adah_code code = adah_weights_read(weights, name, ADAH_SHAPE2(n_buckets, n_heads), table, status);
    for (size_t h = 0; code == ADAH_OK && h < n_heads; h++)
        for (size_t i = 0; i < n_ways; i++)
            p->value[h * n_ways + i] = table[bucket_of((ptrdiff_t)i - (ptrdiff_t)(n_ways / 2), n_buckets) * n_heads + h];
    if (code == ADAH_OK)
        p->version++;
    adah_memory_free(table);
    return code;
}

static adah_code load_bert(const adah_text_form *f, const json_t *config, const adah_weights *w, const adah_parameters *p, adah_status *status) {
    static const char *const prefixes[] = {"", "bert.", "roberta.", "distilbert.", "mpnet.", "model.", "0.auto_model.", NULL};
    const int is_distilled = is_of_type(config, "distilbert"), is_mpnet = is_of_type(config, "mpnet");
    const char *prefix = prefix_of(w, prefixes, "embeddings.word_embeddings.weight");
    char layers[64];
    snprintf(layers, sizeof layers, "%s%s.layer.", prefix, is_distilled ? "transformer" : "encoder");
    ADAH_TRY(load_one(p, "tokens", prefix, "embeddings.word_embeddings.weight", w, status));
    ADAH_TRY(load_positions(f, first_position(config), size_of(config, "max_position_embeddings", 512), prefix,
                            "embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight", w, p, status));
    ADAH_TRY(load_one(p, "norm.weight", prefix, "embeddings.LayerNorm.weight", w, status));
    ADAH_TRY(load_one(p, "norm.bias", prefix, "embeddings.LayerNorm.bias", w, status));
    if (f->blocks.n_distant)
        ADAH_TRY(load_distances(f, config, prefix, w, p, status));
    return adah_transformer_load(p, "text.encoder.blocks", &f->blocks, layers,
                                 is_distilled ? &adah_transformer_names_distilbert : is_mpnet ? &adah_transformer_names_mpnet : &adah_transformer_names_bert,
                                 w, status);
}

static adah_code load_tower(const adah_text_form *f, const adah_weights *w, const adah_parameters *p, adah_status *status) {
    static const char *const prefixes[] = {"text_model.", "", NULL};
    const char *prefix = prefix_of(w, prefixes, "embeddings.token_embedding.weight");
    const int is_clip = f->family == ADAH_TEXT_CLIP;
    char layers[64];
    snprintf(layers, sizeof layers, "%sencoder.layers.", prefix);
    ADAH_TRY(load_one(p, "tokens", prefix, "embeddings.token_embedding.weight", w, status));
    ADAH_TRY(load_one(p, "positions", prefix, "embeddings.position_embedding.weight", w, status));
    ADAH_TRY(load_one(p, "norm.weight", prefix, "final_layer_norm.weight", w, status));
    ADAH_TRY(load_one(p, "norm.bias", prefix, "final_layer_norm.bias", w, status));
    if (f->n_projected)
        ADAH_TRY(load_one(p, "projection.weight", is_clip ? "" : prefix, is_clip ? "text_projection.weight" : "head.weight", w, status));
    if (f->n_projected && !is_clip)
        ADAH_TRY(load_one(p, "projection.bias", prefix, "head.bias", w, status));
    return adah_transformer_load(p, "text.encoder.blocks", &f->blocks, layers, &adah_transformer_names_clip, w, status);
}

/* ---------------------------------------------------------------- all of it */

/* Every parameter, of the shape that the form has. */
static adah_code make_parameters(const adah_text_form *form, adah_parameters *parameters, adah_status *status) {
    adah_settings config = {0};
    adah_text_inputs inputs;
    adah_graph *g = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
    if (!g)
        return adah_fail_memory(status, 1);
    adah_status fault = {0};
    adah_builder b = {.graph = g, .parameters = parameters, .config = &config, .creating = 1, .status = &fault};
    adah_text_form_project(form, &b, adah_text_form_build(form, &b, 8, &inputs));
    const adah_code code = b.failed ? fault.code : adah_graph_check(g, &fault);
    adah_graph_free(g);
    return code == ADAH_OK ? ADAH_OK : adah_fail(status, code, "%s", fault.message);
}

static adah_code load_weights(const char *folder, const adah_text_form *form, adah_text_weights *out, adah_status *status) {
    json_t *config = NULL;
    adah_weights *weights = NULL;
    char *path = adah_file_join(folder, "model.safetensors");
    adah_code code = path ? adah_weights_open(path, &weights, status) : adah_fail_memory(status, strlen(folder));
    if (code == ADAH_OK)
        code = read_json(folder, "config.json", &config, status);
    if (code == ADAH_OK)
        code = make_parameters(form, &out->parameters, status);
    if (code == ADAH_OK)
        code = form->family == ADAH_TEXT_BERT ? load_bert(form, config, weights, &out->parameters, status)
                                              : load_tower(form, weights, &out->parameters, status);
    json_decref(config);
    adah_weights_close(weights);
    adah_memory_free(path);
    return code;
}

static adah_code load(const char *folder, const char *prefix, adah_text_weights *out, adah_status *status) {
    adah_text_form form;
    ADAH_TRY(adah_text_form_of_folder(folder, prefix, &form, status));
    out->description = adah_text_form_json(&form);
    if (!out->description)
        return adah_fail_memory(status, 1);
    adah_text_form again;
    if (adah_text_form_parse(out->description, folder, &again, NULL) != ADAH_OK)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s/config.json: sizes that no text encoder has: %s", folder, out->description);
    ADAH_TRY(adah_tokenizer_find(folder, &out->tokenizer, status));
    return load_weights(folder, &form, out, status);
}

adah_code adah_text_weights_load(const char *folder, const char *prefix, adah_text_weights *weights, adah_status *status) {
    adah_text_weights out = {0};
    const adah_code code = load(folder, prefix, &out, status);
    if (code != ADAH_OK)
        adah_text_weights_free(&out);
    else
        *weights = out;
    return code;
}
