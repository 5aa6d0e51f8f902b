/* own_weights.c - every file is asked what it is, in the order of names; the first of each kind is taken. */
#define _DEFAULT_SOURCE
#include "own_weights.h"

#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int join(char path[CLI_WEIGHTS_PATH_BYTES], const char *folder, const char *name) {
    return snprintf(path, CLI_WEIGHTS_PATH_BYTES, "%s/%s", folder, name) < CLI_WEIGHTS_PATH_BYTES;
}

static void find_folder(char folder[CLI_WEIGHTS_PATH_BYTES]) {
    const char *own = getenv("ADAH_WEIGHTS"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int n = 0;
    if (own && *own)
        n = snprintf(folder, CLI_WEIGHTS_PATH_BYTES, "%s", own);
    else if (data && *data == '/')
        n = snprintf(folder, CLI_WEIGHTS_PATH_BYTES, "%s/adah/weights", data);
    else if (home && *home)
        n = snprintf(folder, CLI_WEIGHTS_PATH_BYTES, "%s/.local/share/adah/weights", home);
    if (n >= CLI_WEIGHTS_PATH_BYTES)
        folder[0] = '\0';
}

static int is_there(const char *folder, const char *name) {
    char path[CLI_WEIGHTS_PATH_BYTES];
    return join(path, folder, name) && access(path, R_OK) == 0;
}

static int is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* 1: the file is a network for pictures, whose name goes to `backbone`. */
static int is_picture_network(const char *path, char *backbone, size_t n_bytes) {
    char *json = NULL;
    adah_status status;
    if (adah_weights_json(path, &json, &status) != ADAH_OK)
        return 0;
    json_t *object = json_loads(json, 0, NULL);
    const char *name = json_string_value(json_object_get(object, "network"));
    const int is = name && strcmp(name, "unknown") != 0;
    if (is)
        snprintf(backbone, n_bytes, "%s", name);
    json_decref(object);
    adah_free(json);
    return is;
}

static int is_text_folder(const char *path) {
    return is_there(path, "config.json") && is_there(path, "model.safetensors") &&
           (is_there(path, "tokenizer.json") || (is_there(path, "vocab.json") && is_there(path, "merges.txt")));
}

static void look_at(cli_own_weights *w, const char *path) {
    static const char *const files[] = {"model.safetensors", "model.safetensors.index.json"};
    char file[CLI_WEIGHTS_PATH_BYTES];
    const int had_weights = w->weights[0] != '\0', is_of_texts = is_folder(path) && is_text_folder(path);
    if (!is_folder(path) && !had_weights && is_picture_network(path, w->backbone, sizeof w->backbone))
        snprintf(w->weights, sizeof w->weights, "%s", path);
    for (size_t i = 0; i < 2 && is_folder(path) && !w->weights[0]; i++)
        if (join(file, path, files[i]) && access(file, R_OK) == 0 && is_picture_network(file, w->backbone, sizeof w->backbone))
            snprintf(w->weights, sizeof w->weights, "%s", file);
    if (is_of_texts && (!w->text[0] || (!had_weights && w->weights[0])))
        snprintf(w->text, sizeof w->text, "%s", path);
}

void cli_own_weights_find(cli_own_weights *w) {
    struct dirent **entry = NULL;
    char path[CLI_WEIGHTS_PATH_BYTES];
    *w = (cli_own_weights){.folder = ""};
    find_folder(w->folder);
    const int n = w->folder[0] ? scandir(w->folder, &entry, NULL, alphasort) : 0;
    for (int i = 0; i < n; i++) {
        if (entry[i]->d_name[0] != '.' && join(path, w->folder, entry[i]->d_name))
            look_at(w, path);
        free(entry[i]);
    }
    free(entry);
}
