/* main.c - the command adah: picks the command by its first argument. */
#include "options.h"

#include <stdio.h>
#include <string.h>

static const cli_command *const commands[] = {&cli_train, &cli_eval};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_overview(FILE *out) {
    fprintf(out, "adah %s: words find images and images find words, by short binary codes.\n\nUsage: adah COMMAND [OPTIONS]\n\n"
                 "Commands:\n", ADAH_VERSION);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\n'adah COMMAND --help' tells more and gives examples.\n");
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_overview(stderr);
        return CLI_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_overview(stdout);
        return CLI_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("adah " ADAH_VERSION);
        return CLI_OK;
    }
    for (int i = 0; i < N_COMMANDS; i++)
        if (!strcmp(argv[1], commands[i]->name))
            return commands[i]->run(argc - 1, argv + 1);
    fprintf(stderr, "adah: \"%s\" is not a command; 'adah --help' lists them\n", argv[1]);
    return CLI_USAGE;
}
