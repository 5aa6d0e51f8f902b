/* main.c - the command adah: picks the command by its first argument.
 *
 * 'adah --describe man|markdown|bash|fish|zsh' is for the build: it prints the manual page, docs/reference/commands.md or a
 * completion, made from the option tables of all commands. 'adah --decoder' is for adah serve alone, which starts its decoders so. */
#define _GNU_SOURCE
#include "data_options.h"
#include "options.h"
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_command *const commands[] = {&cli_train,  &cli_encode, &cli_index, &cli_search, &cli_serve, &cli_eval,
                                              &cli_attend, &cli_info, &cli_synth, &cli_convert, &cli_demo};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_overview(FILE *out) {
    fprintf(out,
            "adah %s: words find images and images find words, by short binary codes.\n\n"
            "Usage: adah COMMAND [OPTIONS]\n\n"
            "Commands:\n",
            ADAH_VERSION);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\n'adah COMMAND --help' describes a command and gives examples.\n");
}

/* ---------------------------------------------------------------- descriptions */

/* Lets every command print its table in place of running. */
static void describe_commands(cli_describe kind) {
    cli_describing = kind;
    for (int i = 0; i < N_COMMANDS; i++) {
        char *argv[] = {(char *)commands[i]->name, NULL};
        commands[i]->run(1, argv);
    }
}

static void describe_man(void) {
    printf(".TH ADAH 1 \"\" \"adah %s\" \"User Commands\"\n"
           ".SH NAME\nadah \\- words find images and images find words, by short binary codes\n"
           ".SH SYNOPSIS\n.B adah\n.I COMMAND\n.RI [ OPTIONS ]\n.br\n"
           ".B adah\n.I COMMAND\n.B \\-\\-help\n.br\n.B adah \\-\\-version\n"
           ".SH DESCRIPTION\n"
           "Learns from pairs of an image and a text to give both short binary codes, so that a text finds images\n"
           "and an image finds texts by counting the bits in which codes differ.\n"
           "A model is trained on a folder with a metadata file; an index holds the codes of a collection;\n"
           "searching takes both.\n"
           ".SH COMMANDS\n",
           ADAH_VERSION);
    describe_commands(CLI_DESCRIBE_MAN);
    printf(".SH EXIT STATUS\n"
           ".TP\n.B %d\nSuccess.\n"
           ".TP\n.B %d\nFailure: a file is missing, damaged or does not fit; the message says which and why.\n"
           ".TP\n.B %d\nWrong usage: an option or a value is wrong, or a data set cannot be used.\n"
           ".TP\n.B %d\nInterrupted; a training goes on with\n.BR \\-\\-resume .\n",
           CLI_OK, CLI_FAILED, CLI_USAGE, CLI_INTERRUPTED);
    printf(".SH ENVIRONMENT\n"
           ".TP\n.B ADAH_CACHE\nFolder for the feature maps of frozen backbones, in place of\n"
           ".IR $XDG_CACHE_HOME/adah \" or \" \\(ti/.cache/adah .\n"
           ".TP\n.BR GOMP_SPINCOUNT \", \" OMP_WAIT_POLICY\nHow long threads that wait for one another spin. If neither is set, commands of long work\n"
           "set the first to 1000, so that other programs can use the cores.\n"
           ".TP\n.B ONEDNN_MAX_CPU_ISA\nHolds all computing to older processors: SSE41, AVX2 or AVX512_CORE.\n"
           ".SH FILES\n"
           ".TP\n.IR DIR /metadata.jsonl \", \" DIR /metadata.csv\n"
           "A data set: one record a pair with file_name, text, and if known labels and split.\n"
           ".TP\n.IR FILE .checkpoint\nNext to a model in training: the state from which\n.B \\-\\-resume\ngoes on.\n");
}

static void describe_markdown(void) {
    printf("# Commands\n\n"
           "The help of every command. `make documents` writes this page; do not edit it.\n\n```\n");
    print_overview(stdout);
    printf("```\n");
    describe_commands(CLI_DESCRIBE_MARKDOWN);
}

static void describe_bash(void) {
    printf("# bash completion for adah\n"
           "_adah() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
           "    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        words=\"--help --version");
    for (int i = 0; i < N_COMMANDS; i++)
        printf(" %s", commands[i]->name);
    printf("\"\n"
           "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
           "        return\n"
           "    fi\n"
           "    case ${COMP_WORDS[1]} in\n");
    describe_commands(CLI_DESCRIBE_BASH);
    printf("    esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
           "}\n"
           "complete -o filenames -F _adah adah\n");
}

static void describe_fish(void) {
    printf("# fish completion for adah\n"
           "complete -c adah -f\n"
           "complete -c adah -n __fish_use_subcommand -l version -d 'show the version'\n"
           "complete -c adah -s h -l help -d 'show help'\n");
    for (int i = 0; i < N_COMMANDS; i++)
        printf("complete -c adah -n __fish_use_subcommand -a %s -d '%s'\n", commands[i]->name, commands[i]->summary);
    describe_commands(CLI_DESCRIBE_FISH);
}

static void describe_zsh(void) {
    printf("#compdef adah\n"
           "_adah() {\n"
           "    local -a commands\n"
           "    commands=(");
    for (int i = 0; i < N_COMMANDS; i++) {
        printf("\n        '%s:", commands[i]->name);
        for (const char *p = commands[i]->summary; *p; p++)
            printf(*p == ':' ? "\\%c" : "%c", *p);
        printf("'");
    }
    printf(")\n"
           "    if (( CURRENT == 2 )); then\n"
           "        _describe command commands\n"
           "        _arguments --help --version\n"
           "        return\n"
           "    fi\n"
           "    local command=$words[2]\n"
           "    shift words\n"
           "    (( CURRENT-- ))\n"
           "    case $command in\n");
    describe_commands(CLI_DESCRIBE_ZSH);
    printf("    esac\n"
           "}\n"
           "_adah \"$@\"\n");
}

static int describe(const char *kind) {
    static const struct {
        const char *kind;
        void (*print)(void);
    } descriptions[] = {
        {"man", describe_man}, {"markdown", describe_markdown}, {"bash", describe_bash}, {"fish", describe_fish}, {"zsh", describe_zsh}};
    for (size_t i = 0; i < sizeof descriptions / sizeof *descriptions; i++)
        if (!strcmp(kind, descriptions[i].kind)) {
            descriptions[i].print();
            return CLI_OK;
        }
    fprintf(stderr, "adah: --describe is \"%s\", expected man, markdown, bash, fish or zsh\n", kind);
    return CLI_USAGE;
}

/* Threads of GCC's OpenMP that wait for one another spin for milliseconds before they sleep, which beside other work on the cores makes
 * two of them slower than one. How long is read from the environment before main() begins, so that a command of long work begins
 * once more with a short spin of some microseconds. What the user has set stays; where it cannot begin again, it goes on. */
static void spin_shortly(char **argv) {
    if (!getenv("GOMP_SPINCOUNT") && !getenv("OMP_WAIT_POLICY") && setenv("GOMP_SPINCOUNT", "1000", 1) == 0)
        execv("/proc/self/exe", argv);
}

static int dispatch(int argc, char **argv) {
    if (argc < 2) {
        print_overview(stderr);
        return CLI_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_overview(stdout);
        return CLI_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("adah %s\n", adah_version());
        return CLI_OK;
    }
    if (!strcmp(argv[1], "--decoder"))
        return serve_decoder_main(argc - 1, argv + 1);
    if (!strcmp(argv[1], "--describe") && argc == 3)
        return describe(argv[2]);
    for (int i = 0; i < N_COMMANDS; i++)
        if (!strcmp(argv[1], commands[i]->name)) {
            if (commands[i]->is_long)
                spin_shortly(argv);
            return commands[i]->run(argc - 1, argv + 1);
        }
    fprintf(stderr, "adah: \"%s\" is not a command; 'adah --help' lists them\n", argv[1]);
    return CLI_USAGE;
}

int main(int argc, char **argv) {
    const int code = dispatch(argc, argv);
    /* Results that did not reach their reader are no success. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK) {
        perror("adah: cannot print the results");
        return CLI_FAILED;
    }
    if (!cli_end_left_out() && code == CLI_OK)
        return CLI_FAILED;
    return code;
}
