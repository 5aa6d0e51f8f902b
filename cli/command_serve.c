/* command_serve.c - adah serve. */
#include "collection.h"
#include "serve.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

static int run(int argc, char **argv);

const cli_command cli_serve = {"serve",
                               "Serve searches over HTTP, with a page to search in.",
                               "",
                               "The page is at / and the API under /v1/; docs/guide/serve.md and /openapi.json describe "
                               "it. Without a token the index\n"
                               "cannot be changed. On an address that other machines can reach, reads need the token "
                               "as well, or --reads free.\n"
                               "SIGHUP opens model and index anew. SIGTERM finishes what was begun and ends.\n"
                               "\n"
                               "With --data alone, model and index are made of the folder and kept in the cache, while the page tells how far that is;\n"
                               "the next time the index is brought up to date while it is served. --model and --index may name either.\n"
                               "\n"
                               "Examples:\n"
                               "  adah serve --data ~/Pictures --backbone mobilenet_v2 --weights mobilenet_v2.safetensors\n"
                               "  adah serve --model photos.safetensors --index photos.adah --images photos\n"
                               "  adah serve --model m.safetensors --index i.adah --address 0.0.0.0 --token-file "
                               "token --tls-cert c.pem --tls-key k.pem\n",
                               run,
                               1};

/* The first line of a file. */
static int read_token(const char *path, char *token, size_t n_bytes) {
    FILE *file = fopen(path, "r");
    if (!file || !fgets(token, (int)n_bytes, file)) {
        fprintf(stderr, "adah serve: --token-file %s: cannot be read, or is empty\n", path);
        if (file)
            fclose(file);
        return 0;
    }
    fclose(file);
    token[strcspn(token, "\r\n")] = '\0';
    return 1;
}

static int choose_log(const char *name, serve_log *log) {
    static const char *const names[] = {"text", "json", "none"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) {
            *log = (serve_log)i;
            return 1;
        }
    fprintf(stderr, "adah serve: --log is \"%s\", expected text, json or none\n", name);
    return 0;
}

static int choose_reads(const char *name, serve_reads *reads) {
    *reads = !name ? SERVE_READS_BY_ADDRESS : !strcmp(name, "free") ? SERVE_READS_FREE : SERVE_READS_TOKEN;
    if (!name || *reads == SERVE_READS_FREE || !strcmp(name, "token"))
        return 1;
    fprintf(stderr, "adah serve: --reads is \"%s\", expected free or token\n", name);
    return 0;
}

static int serve(const serve_options *o) {
    adah_status status;
    return serve_run(o, &status) == ADAH_OK ? CLI_OK : cli_fail(&status);
}

static int serve_collection(cli_collection *c, serve_options *o) {
    adah_status status;
    int code = CLI_FAILED;
    if (cli_collection_open(c, o->model, o->index, &status) == ADAH_OK) {
        o->model = c->model;
        o->index = c->index;
        o->images = o->images ? o->images : c->data;
        o->prepare = cli_collection_prepare;
        o->follow = cli_collection_follow;
        o->context = c;
        code = serve(o);
    } else {
        cli_fail(&status);
    }
    cli_collection_close(c);
    return code;
}

static int run(int argc, char **argv) {
    serve_options o = SERVE_OPTIONS_INIT;
    const char *token_file = NULL, *log = "text", *reads = NULL;
    cli_list hosts = {.n = 0};
    cli_collection c = {.data = NULL};
    char choices[ADAH_CHOICES_BYTES], methods[ADAH_CHOICES_BYTES];
    char token[1024];
    const cli_option options[] = {
        {"model", 0, CLI_TEXT, "FILE", "the model that made the index", &o.model, 0, 0, 0},
        {"index", 0, CLI_TEXT, "FILE", "the index", &o.index, 0, 0, 0},
        {"data", 0, CLI_TEXT, "DIR", "a folder of pictures, or a data set: model and index are made of it where they\n"
         "are not there, and the index is brought up to date; --images is DIR", &c.data, 0, 0, 0},
        CLI_DATA_OPTIONS(c.how),
        {"watch", 0, CLI_FLAG, NULL, "with --data: the index follows every change of the folder", &c.watches, 0, 0, 0},
        {"backbone", 0, CLI_TEXT, adah_setting_choices("backbone", choices), "where a model is made: as in 'adah train'", &c.backbone, 0, 0, 0},
        {"weights", 0, CLI_TEXT, "FILE", "likewise", &c.weights, 0, 0, 0},
        {"text-weights", 0, CLI_TEXT, "DIR", "likewise", &c.text_weights, 0, 0, 0},
        {"method", 0, CLI_TEXT, adah_setting_choices("method", methods), "likewise; none, random and itq learn nothing", &c.method, 0, 0, 0},
        {"epochs", 0, CLI_INT, "N", "likewise", &c.n_epochs, 0, 1, 100000},
        {"set", 0, CLI_LIST, "NAME=VALUE", "likewise", &c.settings, 0, 0, 0},
        {"images", 0, CLI_TEXT, "DIR", "folder of the pictures that the index names (its --data); nothing outside\n"
         "of it is read except what links in it lead to",
         &o.images, 0, 0, 0},
        {"keep-pictures", 0, CLI_FLAG, NULL, "whoever has the token may add pictures to that folder, over the page or POST /v1/pictures", &o.keeps_pictures, 0, 0, 0},
        {"address", 0, CLI_TEXT, "ADDRESS", "address to listen on (default 127.0.0.1: this machine alone)", &o.address, 0, 0,
         0},
        {"port", 0, CLI_INT, "N", "port to listen on (default 8080; 0: any that is free)", &o.port, 0, 0, 65535},
        {"token", 0, CLI_TEXT, "TOKEN",
         "token that allows changes of the index; other users of the machine can see it in\n"
         "the list of processes", &o.token, 0, 0, 0},
        {"token-file", 0, CLI_TEXT, "FILE", "read the token from the first line of this file", &token_file, 0, 0, 0},
        {"reads", 0, CLI_TEXT, "free|token",
         "who may search: everyone, or whoever has the token (default: everyone on an\n"
         "address of this machine, the token on any other)", &reads, 0,
         0, 0},
        {"host", 0, CLI_LIST, "NAME", "a name by which the server is asked, for example a proxy's; addresses and\n"
         "localhost are known; may be repeated", &hosts,
         0, 0, 0},
        {"tls-cert", 0, CLI_TEXT, "FILE", "serve HTTPS with this certificate, PEM", &o.tls_certificate, 0, 0, 0},
        {"tls-key", 0, CLI_TEXT, "FILE", "the key of the certificate, PEM", &o.tls_key, 0, 0, 0},
        {"threads", 0, CLI_INT, "N", "requests of a kind that are worked on at once (default: one a core, at least 2)", &o.n_threads,
         0, 0, 1024},
        {"max-body", 0, CLI_SIZE, "BYTES", "size of a request's body, at most (default 20971520)", &o.body_bytes_max, 0, 1024, 1 << 30},
        {"memory", 0, CLI_SIZE, "BYTES", "memory of all large requests and answers together (default: 8 bodies, at least\n"
         "268435456)",
         &o.memory_bytes_max, 0, 1 << 20, (size_t)1 << 40},
        {"max-pixels", 0, CLI_U64, "N", "pixels that a picture decodes to, at most (default 50000000)", &o.pixels_max, 0, 1, 512 << 20},
        {"decoders", 0, CLI_INT, "N",
         "processes that decode the folder's pictures, and as many for those of requests\n"
         "(default: one a thread, at most 4)",
         &o.n_decoders, 0, 1, 256},
        {"picture-memory", 0, CLI_U64, "BYTES", "memory that decoding a large picture may take (default 1342177280)",
         &o.picture_bytes_max, 0, 160 << 20, (double)((uint64_t)1 << 40)},
        {"picture-seconds", 0, CLI_INT, "SECONDS", "processor time that decoding a picture may take (default 10)",
         &o.picture_seconds, 0, 1, 3600},
        {"max-k", 0, CLI_SIZE, "N", "hits of a search, at most (default 1000)", &o.k_max, 0, 1, 1e6},
        {"max-connections", 0, CLI_INT, "N", "connections that are open at once, at most (default 1000)", &o.n_connections_max, 0, 1, 100000},
        {"max-connections-per-address", 0, CLI_INT, "N",
         "connections of one address other than this machine's, at most (default 100;\n"
         "0: no such limit, for example for a proxy on another machine)",
         &o.n_address_connections_max, 0, 0, 100000},
        {"timeout", 0, CLI_INT, "SECONDS", "time for a request to arrive; large requests have more (default 15)",
         &o.timeout_seconds, 0, 1, 3600},
        {"log", 0, CLI_TEXT, "text|json|none", "how to log one line a request on standard error (default text)", &log, 0, 0, 0},
    };
    const int code = cli_parse_all(&cli_serve, options, sizeof options / sizeof *options, argc, argv);
    if (code >= 0)
        return code;
    if (o.token && token_file) {
        fprintf(stderr, "adah serve: give either --token or --token-file\n");
        return CLI_USAGE;
    }
    if (!c.data && (!o.model || !o.index)) {
        fprintf(stderr, "adah serve: give --model and --index, or --data\nTry 'adah serve --help'.\n");
        return CLI_USAGE;
    }
    if (!c.data && (c.watches || c.backbone || c.weights || c.text_weights || c.method || c.n_epochs || c.settings.n || c.how.ignored.n || c.how.file_key || c.how.text_keys.n || c.how.label_keys.n)) {
        fprintf(stderr, "adah serve: --watch, --backbone, --weights, --text-weights, --method, --epochs, --set, --ignore and the options of keys go with --data\n");
        return CLI_USAGE;
    }
    if (!choose_log(log, &o.log) || !choose_reads(reads, &o.reads) || (token_file && !read_token(token_file, token, sizeof token)))
        return CLI_USAGE;
    if (token_file)
        o.token = token;
    o.host = hosts.item;
    o.n_hosts = hosts.n;
    return c.data ? serve_collection(&c, &o) : serve(&o);
}
