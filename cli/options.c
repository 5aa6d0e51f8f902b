/* options.c - parsing by table, usage errors, --help. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cli_describe cli_describing = CLI_RUN;

enum { OPTIONS_MAX = 64, LONG_BASE = 256, HELP = LONG_BASE + OPTIONS_MAX };

static void print_option(const cli_option *o) {
    char left[64];
    int n = o->letter ? snprintf(left, sizeof left, "-%c, --%s", o->letter, o->name)
                      : snprintf(left, sizeof left, "    --%s", o->name);
    if (o->argument)
        snprintf(left + n, sizeof left - (size_t)n, " %s", o->argument);
    const int is_wide = strlen(left) > 24;
    printf("  %-24s%s", left, is_wide ? "\n" : "");
    for (const char *line = o->help; *line;) {
        const size_t width = strcspn(line, "\n");
        printf("%*s%.*s\n", line == o->help && !is_wide ? 1 : 27, "", (int)width, line);
        line += width + (line[width] == '\n');
    }
}

static void print_help(const cli_command *c, const cli_option *options, size_t n) {
    printf("Usage: adah %s [OPTIONS]%s%s\n\n%s\n\nOptions:\n", c->name, *c->arguments ? " " : "", c->arguments, c->summary);
    for (size_t i = 0; i < n; i++)
        print_option(&options[i]);
    print_option(&(cli_option){"help", 'h', CLI_FLAG, NULL, "show this help", NULL, 0, 0, 0});
    if (*c->details)
        printf("\n%s", c->details);
}

/* Roff: a minus must be written \- and a line must not begin with a dot. */
static void print_roff(const char *text) {
    for (const char *p = text; *p; p++) {
        if (*p == '-')
            printf("\\-");
        else if (*p == '\\')
            printf("\\e");
        else
            putchar(*p);
    }
}

static void describe_man(const cli_command *c, const cli_option *options, size_t n) {
    printf(".SS \"adah %s\"\n", c->name);
    print_roff(c->summary);
    printf("\n");
    for (size_t i = 0; i < n; i++) {
        printf(".TP\n\\fB");
        if (options[i].letter)
            printf("\\-%c\\fR, \\fB", options[i].letter);
        printf("\\-\\-");
        print_roff(options[i].name);
        printf("\\fR %s%s%s\n", options[i].argument ? "\\fI" : "", options[i].argument ? options[i].argument : "",
               options[i].argument ? "\\fR" : "");
        print_roff(options[i].help);
        printf("\n");
    }
    if (*c->details) {
        printf(".PP\n.nf\n");
        print_roff(c->details);
        printf(".fi\n");
    }
}

static int is_path(const cli_option *o) {
    return o->argument && (!strcmp(o->argument, "FILE") || !strcmp(o->argument, "DIR") || !strcmp(o->argument, "PREFIX"));
}

static void describe_bash(const cli_command *c, const cli_option *options, size_t n) {
    printf("    %s) words=\"--help", c->name);
    for (size_t i = 0; i < n; i++)
        printf(" --%s", options[i].name);
    printf("\" ;;\n");
}

static void describe_fish(const cli_command *c, const cli_option *options, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *end = strchr(options[i].help, '\n');
        printf("complete -c adah -n '__fish_seen_subcommand_from %s' -l %s%s -d '", c->name, options[i].name,
               !options[i].argument     ? ""
               : is_path(&options[i]) ? " -r -F"
                                      : " -x");
        for (const char *p = options[i].help; *p && p != end; p++)
            printf(*p == '\'' ? "\\'" : "%c", *p);
        printf("'\n");
    }
}

static void describe_zsh(const cli_command *c, const cli_option *options, size_t n) {
    printf("    %s) _arguments", c->name);
    for (size_t i = 0; i < n; i++) {
        const char *end = strchr(options[i].help, '\n');
        printf(" '--%s[", options[i].name);
        for (const char *p = options[i].help; *p && p != end; p++)
            if (*p != '\'' && *p != '[' && *p != ']' && *p != ':')
                putchar(*p);
        printf("]%s%s%s'", options[i].argument ? ":" : "", options[i].argument ? options[i].argument : "",
               is_path(&options[i]) ? ":_files" : options[i].argument ? ": " : "");
    }
    printf(" ;;\n");
}

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
        fprintf(stderr, "adah %s: --%s is \"%s\", expected a whole number from 0 to %llu\n", c->name, o->name, text, most);
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
    } else if (o->type == CLI_TEXT) {
        *(const char **)o->target = text;
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
    void (*const describe[])(const cli_command *, const cli_option *, size_t) = {
        NULL, describe_man, describe_bash, describe_fish, describe_zsh};
    if (cli_describing != CLI_RUN) {
        describe[cli_describing](c, options, n);
        return CLI_OK;
    }
    struct option longs[OPTIONS_MAX + 2] = {{0}};
    char shorts[2 * OPTIONS_MAX + 3] = ":h";
    int seen[OPTIONS_MAX] = {0};
    size_t n_shorts = 2;
    for (size_t i = 0; i < n; i++) {
        longs[i] = (struct option){options[i].name, options[i].argument ? required_argument : no_argument, NULL,
                                   LONG_BASE + (int)i};
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

int cli_fail(const adah_status *status) {
    fprintf(stderr, "adah: %s\n", status->message);
    return status->code == ADAH_ERROR_CANCELLED  ? CLI_INTERRUPTED
           : status->code == ADAH_ERROR_ARGUMENT ? CLI_USAGE
                                                 : CLI_FAILED;
}
