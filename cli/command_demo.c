/* command_demo.c - adah demo: the whole way, each step as the command a person would type. */
#define _GNU_SOURCE /* program_invocation_name */
#include "options.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int run(int argc, char **argv);

const cli_command cli_demo = {
    "demo", "Show everything once on real pictures: train, measure, search, report.", "",
    "The demo uses the drawings of the package openclipart-svg, or generated scenes where it is not installed. It prints every\n"
    "step as the command that does it, and takes a few minutes. OUT/report.html shows the results as pictures. Pictures are\n"
    "seen by a small network that learns from nothing, or better by one that learned before, given with --weights.\n"
    "\n"
    "Examples:\n"
    "  adah demo --out demo-output\n"
    "  adah demo --out demo-output --weights efficientnet-lite0-57934424.pth\n",
    run, 1};

enum { PATH_BYTES = 4096, ARGUMENTS_MAX = 24 };

static int exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

/* Prints the command as one would type it, then runs it. `words`: NULL-terminated. */
static int step(const cli_command *command, const char *const *words) {
    char *argv[ARGUMENTS_MAX];
    int argc = 0;
    printf("\n$ %s", program_invocation_name);
    for (; words[argc] && argc < ARGUMENTS_MAX - 1; argc++) {
        argv[argc] = (char *)words[argc];
        printf(strchr(words[argc], ' ') ? " '%s'" : " %s", words[argc]);
    }
    argv[argc] = NULL;
    printf("\n");
    fflush(stdout);
    return command->run(argc, argv);
}

typedef struct paths {
    char data[PATH_BYTES], model[PATH_BYTES], index[PATH_BYTES], report[PATH_BYTES], overlay[PATH_BYTES], image[PATH_BYTES];
} paths;

/* The image of the middle query record. */
static int find_query_image(paths *p) {
    adah_status status;
    adah_dataset *dataset;
    if (adah_dataset_open(p->data, NULL, &dataset, &status) != ADAH_OK)
        return cli_fail(&status);
    size_t n = 0, k = 0;
    for (size_t i = 0; i < adah_dataset_count(dataset); i++)
        n += adah_dataset_record(dataset, i)->split == ADAH_SPLIT_QUERY;
    for (size_t i = 0; i < adah_dataset_count(dataset); i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        if (r->split == ADAH_SPLIT_QUERY && k++ == n / 2)
            snprintf(p->image, sizeof p->image, "%.2000s/%.2000s", p->data, r->file_name);
    }
    adah_dataset_close(dataset);
    return CLI_OK;
}

static int make_data(const paths *p, const char *drawings, const char *limit) {
    char metadata[PATH_BYTES + 32];
    snprintf(metadata, sizeof metadata, "%s/metadata.jsonl", p->data);
    if (exists(metadata)) {
        printf("%s is there already\n", p->data);
        return CLI_OK;
    }
    if (drawings && atol(limit))
        return step(&cli_convert, (const char *const[]){"convert", "--from", drawings, "--out", p->data, "--side", "160", "--limit",
                                                        limit, NULL});
    if (drawings)
        return step(&cli_convert, (const char *const[]){"convert", "--from", drawings, "--out", p->data, "--side", "160", NULL});
    if (atol(limit))
        return step(&cli_synth, (const char *const[]){"synth", "--out", p->data, "--count", limit, NULL});
    return step(&cli_synth, (const char *const[]){"synth", "--out", p->data, NULL});
}

/* The network that a file of weights is of. */
static int find_network(const char *weights, char *network, size_t n_bytes) {
    adah_status status;
    char *json = NULL;
    if (adah_weights_json(weights, &json, &status) != ADAH_OK)
        return cli_fail(&status);
    json_t *object = json_loads(json, 0, NULL);
    const char *name = json_string_value(json_object_get(object, "network"));
    snprintf(network, n_bytes, "%s", name ? name : "unknown");
    json_decref(object);
    adah_free(json);
    return CLI_OK;
}

static int train(const paths *p, const char *weights, const char *seed, const char *epochs) {
    char network[64];
    if (!weights)
        return step(&cli_train, (const char *const[]){"train", "--data", p->data, "--model", p->model, "--bits", "32", "--seed", seed,
                                                      "--epochs", epochs, "--resume", NULL});
    const int code = find_network(weights, network, sizeof network);
    return code ? code
                : step(&cli_train, (const char *const[]){"train", "--data", p->data, "--model", p->model, "--bits", "32", "--seed", seed,
                                                         "--epochs", epochs, "--resume", "--backbone", network, "--weights", weights, NULL});
}

/* Asks with words, and with a picture for texts and for pictures like it. Few drawings may know none of the words; the message says
 * so and the demo goes on. */
static int ask(const paths *p, const char *const *words) {
    for (; *words; words++)
        step(&cli_search, (const char *const[]){"search", "--model", p->model, "--index", p->index, "--text", *words, "-k", "3", NULL});
    const int code = step(&cli_search, (const char *const[]){"search", "--model", p->model, "--index", p->index, "--image", p->image,
                                                             "-k", "3", NULL});
    return code ? code
                : step(&cli_search, (const char *const[]){"search", "--model", p->model, "--index", p->index, "--image", p->image, "--to",
                                                          "image", "-k", "3", NULL});
}

static int show(const paths *p, const char *drawings, const char *weights, const char *seed, const char *epochs) {
    static const char *const drawing_words[] = {"bird", "red car", "house with trees", "christmas", NULL};
    static const char *const scene_words[] = {"red disc", "blue star", "green cross", "yellow triangle", NULL};
    const char *const *words = drawings ? drawing_words : scene_words;
    int code = train(p, weights, seed, epochs);
    if (!code)
        code = step(&cli_eval, (const char *const[]){"eval", "--model", p->model, "--data", p->data, "--report", p->report, "--ask", words[0],
                                                     "--ask", words[1], "--ask", words[2], "--ask", words[3], NULL});
    if (!code)
        code = step(&cli_index,
                    (const char *const[]){"index", "create", "--model", p->model, "--data", p->data, "--index", p->index, NULL});
    if (!code)
        code = ask(p, words);
    if (!code && !weights) /* the small network attends to a part of a picture; the others see all of it */
        code = step(&cli_attend,
                    (const char *const[]){"attend", "--model", p->model, "--image", p->image, "--out", p->overlay, NULL});
    return code;
}

static void tell_network(const char *drawings, const char *weights) {
    if (weights)
        printf("A network that learned before sees the pictures: %s\n", weights);
    else if (drawings)
        printf("A small network learns to see from these drawings alone, and knows little beyond their words. One that learned from a\n"
               "million photos before sees much more in them: --weights FILE, and `make demo` fetches one with pip where it can.\n");
}

static void tell_end(const paths *p, const char *drawings) {
    if (drawings)
        printf("\nThe texts hold words that are labels too (\"bird\", \"birds\"), as the tags of people do: the measures above count that.\n");
    printf("\nThe results as pictures: %s\n"
           "A page to search on, in the browser:\n\n"
           "  %s serve --model %s --index %s --images %s\n\n", p->report, program_invocation_name, p->model, p->index, p->data);
}

static int run(int argc, char **argv) {
    const char *out = "adah-demo", *drawings = "/usr/share/openclipart/svg", *seed = "0", *limit = "0", *epochs = "0", *weights = NULL;
    int scenes = 0;
    const cli_option options[] = {
        {"out", 0, CLI_TEXT, "DIR", "folder for everything the demo makes (default adah-demo)", &out, 0, 0, 0},
        {"from", 0, CLI_TEXT, "DIR", "the drawings (default /usr/share/openclipart/svg)", &drawings, 0, 0, 0},
        {"scenes", 0, CLI_FLAG, NULL, "use generated scenes in place of drawings", &scenes, 0, 0, 0},
        {"weights", 0, CLI_TEXT, "FILE", "weights of a network that learned before, in place of the small one that learns from nothing",
         &weights, 0, 0, 0},
        {"limit", 0, CLI_TEXT, "N", "number of pictures, at most (default: all)", &limit, 0, 0, 0},
        {"epochs", 0, CLI_TEXT, "N", "passes over the training pairs", &epochs, 0, 0, 0},
        {"seed", 0, CLI_TEXT, "S", "seed of the random numbers (default 0)", &seed, 0, 0, 0},
    };
    const int parsed = cli_parse_all(&cli_demo, options, sizeof options / sizeof *options, argc, argv);
    if (parsed >= 0)
        return parsed;
    if (strlen(out) > 1000) {
        fprintf(stderr, "adah demo: --out is longer than 1000 characters\n");
        return CLI_USAGE;
    }
    if (scenes || !exists(drawings)) {
        if (!scenes)
            printf("%s is not there (package openclipart-svg): the demo takes generated scenes instead\n", drawings);
        drawings = NULL;
    }
    if (!atol(epochs))
        epochs = weights ? "20" : drawings ? "14" : "25";
    paths p;
    snprintf(p.data, sizeof p.data, "%s/%s", out, drawings ? "drawings" : "scenes");
    snprintf(p.model, sizeof p.model, "%s/model.safetensors", out);
    snprintf(p.index, sizeof p.index, "%s/index.adah", out);
    snprintf(p.report, sizeof p.report, "%s/report.html", out);
    snprintf(p.overlay, sizeof p.overlay, "%s/attended.png", out);
    tell_network(drawings, weights);
    int code = make_data(&p, drawings, limit);
    if (!code)
        code = find_query_image(&p);
    if (!code)
        code = show(&p, drawings, weights, seed, epochs);
    if (!code)
        tell_end(&p, drawings);
    return code;
}
