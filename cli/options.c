/* options.c - what comes from the option tables: parsing, usage errors, --help, and each command's part of the manual page, of
 * docs/reference/commands.md and of the shell completions. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cli_describe cli_describing = CLI_RUN;

enum { OPTIONS_MAX = 64, LONG_BASE = 256, HELP = LONG_BASE + OPTIONS_MAX };

enum { HELP_COLUMN = 27, LINE_BYTES = 100 };

/* What an option takes; a list of names goes on below where it is long. */
static void print_argument(const char *argument, int column) {
    while (*argument) {
        const int n = (int)strcspn(argument, "|") + (argument[strcspn(argument, "|")] != '\0');
        if (column + n > LINE_BYTES && column > HELP_COLUMN)
            column = printf("\n%*s", HELP_COLUMN, "") - 1;
        column += printf("%.*s", n, argument);
        argument += n;
    }
}

static void print_option(const cli_option *o) {
    int column = o->letter ? printf("  -%c, --%s", o->letter, o->name) : printf("      --%s", o->name);
    if (o->argument) {
        putchar(' ');
        print_argument(o->argument, ++column);
        column += (int)strlen(o->argument);
    }
    const int is_wide = column >= HELP_COLUMN;
    printf("%*s", is_wide ? 0 : HELP_COLUMN - 1 - column, "");
    if (is_wide)
        putchar('\n');
    for (const char *line = o->help; *line;) {
        const size_t width = strcspn(line, "\n");
        printf("%*s%.*s\n", line == o->help && !is_wide ? 1 : HELP_COLUMN, "", (int)width, line);
        line += width + (line[width] == '\n');
    }
}

static void print_help(const cli_command *c, const cli_option *options, size_t n) {
    printf("Usage: adah %s [OPTIONS]%s%s\n\n%s\n\nOptions:\n", c->name, *c->arguments ? " " : "", c->arguments,
           c->summary);
    for (size_t i = 0; i < n; i++)
        print_option(&options[i]);
    print_option(&(cli_option){"help", 'h', CLI_FLAG, NULL, "show this help", NULL, 0, 0, 0});
    if (*c->details)
        printf("\n%s", c->details);
}

/* ---------------------------------------------------------------- descriptions: manual page, reference, shell completions */

/* Characters that roff would take for its own or print as something else. */
static void print_roff(const char *text, size_t n) {
    static const char plain[] = "-\\'~^`";
    static const char *const escaped[] = {"\\-", "\\e", "\\(aq", "\\(ti", "\\(ha", "\\(ga"};
    for (size_t i = 0; i < n; i++) {
        const char *found = strchr(plain, text[i]);
        if (found)
            fputs(escaped[found - plain], stdout);
        else
            putchar(text[i]);
    }
}

/* Paragraphs are filled; indented lines are examples and stay as they are. */
static void print_roff_paragraphs(const char *text) {
    int is_example = 0;
    printf(".PP\n");
    for (const char *line = text; *line;) {
        const size_t width = strcspn(line, "\n");
        const int was_example = is_example;
        is_example = width ? *line == ' ' : 0;
        if (is_example != was_example)
            printf(is_example ? ".PP\n.nf\n" : ".fi\n");
        if (!width)
            printf(".PP\n");
        print_roff(line, width);
        if (width)
            printf("\n");
        line += width + (line[width] == '\n');
    }
    if (is_example)
        printf(".fi\n");
}

/* A line may end behind each of many values; lines are not stretched (.ad l), which such a one could not be. */
static void print_roff_argument(const char *argument) {
    printf("\\fR");
    if (argument)
        printf(" \\fI");
    for (const char *p = argument; p && *p; p++) {
        putchar(*p);
        if (*p == '|')
            printf("\\:");
    }
    printf(argument ? "\\fR\n" : "\n");
}

static void describe_man(const cli_command *c, const cli_option *options, size_t n) {
    printf(".ad l\n.SS \"adah %s%s%s\"\n", c->name, *c->arguments ? " " : "", c->arguments);
    print_roff(c->summary, strlen(c->summary));
    printf("\n");
    for (size_t i = 0; i < n; i++) {
        const cli_option *o = &options[i];
        printf(".TP\n\\fB");
        if (o->letter)
            printf("\\-%c\\fR, \\fB", o->letter);
        printf("\\-\\-");
        print_roff(o->name, strlen(o->name));
        print_roff_argument(o->argument);
        print_roff(o->help, strlen(o->help));
        printf("\n");
    }
    if (*c->details)
        print_roff_paragraphs(c->details);
}

static void describe_markdown(const cli_command *c, const cli_option *options, size_t n) {
    printf("\n## adah %s\n\n```\n", c->name);
    print_help(c, options, n);
    printf("```\n");
}

static int is_folder(const cli_option *o) { return o->argument && !strcmp(o->argument, "DIR"); }

static int is_file(const cli_option *o) {
    return o->argument && (!strcmp(o->argument, "FILE") || !strcmp(o->argument, "PREFIX"));
}

/* "a|b": the values there are. */
static int is_choice(const char *argument) { return argument && strchr(argument, '|'); }

static void print_choices(const char *argument) {
    for (const char *p = argument; *p; p++)
        putchar(*p == '|' ? ' ' : *p);
}

/* The first line of the help, without the characters of `left_out`, quotes as `quote`. */
static void print_brief(const char *help, const char *left_out, const char *quote) {
    for (const char *p = help; *p && *p != '\n'; p++) {
        if (*p == '\'')
            fputs(quote, stdout);
        else if (!strchr(left_out, *p))
            putchar(*p);
    }
}

static void describe_bash(const cli_command *c, const cli_option *options, size_t n) {
    printf("    %s)\n        words=\"--help", c->name);
    for (size_t i = 0; i < n; i++)
        printf(" --%s", options[i].name);
    if (is_choice(c->arguments)) {
        printf(" ");
        print_choices(c->arguments);
    }
    printf("\"\n        case $prev in\n");
    for (size_t i = 0; i < n; i++) {
        const cli_option *o = &options[i];
        if (!o->argument || o->type == CLI_OPTIONAL) /* another option may follow */
            continue;
        printf("        --%s) ", o->name);
        if (is_folder(o) || is_file(o)) {
            printf("mapfile -t COMPREPLY < <(compgen -%c -- \"$cur\"); ", is_folder(o) ? 'd' : 'f');
        } else if (is_choice(o->argument)) {
            printf("mapfile -t COMPREPLY < <(compgen -W \"");
            print_choices(o->argument);
            printf("\" -- \"$cur\"); ");
        }
        printf("return ;;\n");
    }
    printf("        esac ;;\n");
}

static void describe_fish(const cli_command *c, const cli_option *options, size_t n) {
    if (is_choice(c->arguments)) {
        printf("complete -c adah -n '__fish_seen_subcommand_from %s' -a '", c->name);
        print_choices(c->arguments);
        printf("'\n");
    }
    for (size_t i = 0; i < n; i++) {
        const cli_option *o = &options[i];
        printf("complete -c adah -n '__fish_seen_subcommand_from %s'", c->name);
        if (o->letter)
            printf(" -s %c", o->letter);
        if (strlen(o->name) > 1)
            printf(" -l %s", o->name);
        if (is_choice(o->argument)) {
            printf(" -x -a '");
            print_choices(o->argument);
            printf("'");
        } else if (is_folder(o)) {
            printf(" -x -a '(__fish_complete_directories)'");
        } else if (o->argument && o->type != CLI_OPTIONAL) {
            printf(is_file(o) ? " -r -F" : " -x");
        }
        printf(" -d '");
        print_brief(o->help, "", "\\'");
        printf("'\n");
    }
}

static void describe_zsh(const cli_command *c, const cli_option *options, size_t n) {
    printf("    %s)\n        _arguments '--help[show help]'", c->name);
    for (size_t i = 0; i < n; i++) {
        const cli_option *o = &options[i];
        printf(" \\\n            '%s--%s[", o->type == CLI_LIST ? "*" : "", o->name);
        print_brief(o->help, "[]", "");
        printf("]");
        if (is_choice(o->argument)) {
            printf(":value:(");
            print_choices(o->argument);
            printf(")");
        } else if (o->argument) {
            printf("%s:%s:%s", o->type == CLI_OPTIONAL ? ":" : "", o->argument, is_folder(o) ? "_files -/" : is_file(o) ? "_files" : " ");
        }
        printf("'");
    }
    if (is_choice(c->arguments)) {
        printf(" \\\n            '1:action:(");
        print_choices(c->arguments);
        printf(")'");
    }
    printf(" ;;\n");
}

/* ---------------------------------------------------------------- parsing */

static int usage_error(const cli_command *c) {
    fprintf(stderr, "Try 'adah %s --help'.\n", c->name);
    return CLI_USAGE;
}

static int check_range(const cli_command *c, const cli_option *o, const char *text, double value) {
    const int limited = o->low != 0 || o->high != 0;
    if (value >= (limited ? o->low : 0) && (!limited || value <= o->high))
        return -1;
    if (limited)
        fprintf(stderr, "adah %s: --%s is %s, expected %g to %g\n", c->name, o->name, text, o->low, o->high);
    else
        fprintf(stderr, "adah %s: --%s is %s, expected 0 or more\n", c->name, o->name, text);
    return usage_error(c);
}

int cli_read_id(const char *text, uint64_t *id) {
    char *end;
    text += strspn(text, " \t");
    errno = 0;
    *id = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

static int set_number(const cli_command *c, const cli_option *o, const char *text) {
    char *end = NULL;
    errno = 0;
    if (o->type == CLI_DOUBLE) {
        const double x = strtod(text, &end);
        if (end == text || *end || !isfinite(x)) {
            fprintf(stderr, "adah %s: --%s is \"%s\", expected a number\n", c->name, o->name, text);
            return usage_error(c);
        }
        *(double *)o->target = x;
        return check_range(c, o, text, x);
    }
    const int is_signed = text[strspn(text, " ")] == '-';
    const unsigned long long x = strtoull(text, &end, 10);
    const unsigned long long most = o->type == CLI_INT ? 0x7fffffff : o->type == CLI_SIZE ? SIZE_MAX : UINT64_MAX;
    if (end == text || *end || is_signed || errno == ERANGE || x > most) {
        fprintf(stderr, "adah %s: --%s is \"%s\", expected a whole number from 0 to %llu\n", c->name, o->name, text,
                most);
        return usage_error(c);
    }
    if (o->type == CLI_INT)
        *(int *)o->target = (int)x;
    else if (o->type == CLI_SIZE)
        *(size_t *)o->target = (size_t)x;
    else
        *(uint64_t *)o->target = x;
    return check_range(c, o, text, (double)x);
}

/* -1: fine. */
static int set_value(const cli_command *c, const cli_option *o, const char *text) {
    if (o->type == CLI_FLAG) {
        *(int *)o->target = 1;
    } else if (o->type == CLI_TEXT || o->type == CLI_OPTIONAL) {
        *(const char **)o->target = text ? text : "";
    } else if (o->type == CLI_LIST) {
        cli_list *list = o->target;
        if (list->n == CLI_LIST_MAX) {
            fprintf(stderr, "adah %s: --%s is given more than %d times\n", c->name, o->name, CLI_LIST_MAX);
            return usage_error(c);
        }
        list->item[list->n++] = text;
    } else {
        return set_number(c, o, text);
    }
    return -1;
}

int cli_parse(const cli_command *c, const cli_option *options, size_t n, int argc, char **argv, int *first_rest) {
    void (*const describe[])(const cli_command *, const cli_option *, size_t) = {NULL, describe_man, describe_markdown,
                                                                                 describe_bash, describe_fish, describe_zsh};
    if (cli_describing != CLI_RUN) {
        describe[cli_describing](c, options, n);
        return CLI_OK;
    }
    struct option longs[OPTIONS_MAX + 2] = {{0}};
    char shorts[2 * OPTIONS_MAX + 3] = ":h";
    int seen[OPTIONS_MAX] = {0};
    size_t n_shorts = 2;
    for (size_t i = 0; i < n; i++) {
        longs[i] = (struct option){options[i].name, options[i].type == CLI_OPTIONAL ? optional_argument
                                                    : options[i].argument ? required_argument
                                                                          : no_argument,
                                   NULL, LONG_BASE + (int)i};
        if (options[i].letter) {
            shorts[n_shorts++] = options[i].letter;
            if (options[i].argument)
                shorts[n_shorts++] = ':';
        }
    }
    shorts[n_shorts] = '\0';
    longs[n] = (struct option){"help", no_argument, NULL, HELP};
    optind = 1;
    opterr = 0;
    for (int found; (found = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        if (found == HELP || found == 'h') {
            print_help(c, options, n);
            return CLI_OK;
        }
        if (found == '?' || found == ':') {
            const char *given = optind > 0 ? argv[optind - 1] : "";
            fprintf(stderr, "adah %s: %s %s\n", c->name, given,
                    found == ':' ? "needs a value" : "is not an option of this command");
            return usage_error(c);
        }
        size_t i = 0;
        while (i < n && found != LONG_BASE + (int)i && found != options[i].letter)
            i++;
        if (options[i].type == CLI_OPTIONAL && !optarg && optind < argc && argv[optind][0] != '-')
            optarg = argv[optind++];
        const int code = set_value(c, &options[i], optarg);
        if (code >= 0)
            return code;
        seen[i] = 1;
    }
    for (size_t i = 0; i < n; i++)
        if (options[i].is_required && !seen[i]) {
            fprintf(stderr, "adah %s: --%s %s is needed\n", c->name, options[i].name, options[i].argument);
            return usage_error(c);
        }
    *first_rest = optind;
    return -1;
}

int cli_parse_all(const cli_command *c, const cli_option *options, size_t n, int argc, char **argv) {
    int rest = argc;
    const int code = cli_parse(c, options, n, argc, argv, &rest);
    if (code < 0 && rest < argc) {
        fprintf(stderr, "adah %s: unexpected \"%s\"\n", c->name, argv[rest]);
        return usage_error(c);
    }
    return code;
}

int cli_read_shard(const char *command, const char *text, adah_encode_options *options) {
    unsigned long part, n;
    int n_read = 0;
    if (!text)
        return 1;
    if (strspn(text, "0123456789/") == strlen(text) && sscanf(text, "%9lu/%9lu%n", &part, &n, &n_read) == 2 && !text[n_read] && part >= 1 &&
        part <= n) {
        options->shard = part;
        options->n_shards = n;
        return 1;
    }
    fprintf(stderr, "adah %s: --shard is \"%s\", expected I/N with I from 1 to N, as 3/8\n", command, text);
    return 0;
}

adah_code cli_read_precision(const char *text, adah_precision *precision, adah_status *status) {
    *precision = !text ? ADAH_AS_TRAINED : strcmp(text, "bfloat16") ? ADAH_FLOAT32 : ADAH_BFLOAT16;
    if (*precision != ADAH_FLOAT32 || !strcmp(text, "float32"))
        return ADAH_OK;
    snprintf(status->message, sizeof status->message, "--precision is \"%.100s\", expected float32 or bfloat16", text);
    return status->code = ADAH_ERROR_ARGUMENT;
}

int cli_fail(const adah_status *status) {
    fprintf(stderr, "adah: %s\n", status->message);
    return status->code == ADAH_ERROR_CANCELLED  ? CLI_INTERRUPTED
           : status->code == ADAH_ERROR_ARGUMENT ? CLI_USAGE
                                                 : CLI_FAILED;
}
