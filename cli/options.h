/* options.h - one table a command names its options; parsing (getopt_long), --help, the man page and shell completion
 * all come from it. */
#ifndef ADAH_CLI_OPTIONS_H
#define ADAH_CLI_OPTIONS_H

#include <adah/adah.h>

typedef enum cli_type {
    CLI_FLAG,   /* int *: set to 1 */
    CLI_INT,    /* int * */
    CLI_SIZE,   /* size_t * */
    CLI_U64,    /* uint64_t * */
    CLI_DOUBLE, /* double * */
    CLI_TEXT,   /* const char ** */
    CLI_OPTIONAL, /* the same, "" where the option stands alone: at the end or before another option */
    CLI_LIST    /* cli_list *: may be given several times */
} cli_type;

enum { CLI_LIST_MAX = 64 };
typedef struct cli_list {
    const char *item[CLI_LIST_MAX];
    size_t n;
} cli_list;

typedef struct cli_option {
    const char *name;     /* long name without dashes */
    char letter;          /* short form, 0: none */
    cli_type type;
    const char *argument; /* "FILE", "N", "image|text" (the values there are); NULL for flags */
    const char *help;
    void *target;
    int is_required;
    double low, high;     /* numbers: inclusive range; both 0: any that fits and is not negative */
} cli_option;

typedef struct cli_command {
    const char *name;     /* "train" */
    const char *summary;  /* one line */
    const char *arguments; /* what stands behind the options, "" when nothing */
    const char *details;  /* paragraphs and examples for --help */
    int (*run)(int argc, char **argv);
    int is_long;          /* 1: seconds to hours on all cores */
} cli_command;

/* Exit codes. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

/* Parses argv (argv[0] is the command's name). Returns -1 to go on, else the exit code: after --help, or after printing what
 * is wrong. *n_rest arguments that are no options are left at the end of argv, from argv[*first_rest]. */
int cli_parse(const cli_command *command, const cli_option *options, size_t n_options, int argc, char **argv,
              int *first_rest);
/* The same for commands that take options alone. */
int cli_parse_all(const cli_command *command, const cli_option *options, size_t n_options, int argc, char **argv);

/* An id: decimal digits, blanks before them at most. 0: it is none. */
int cli_read_id(const char *text, uint64_t *id);

/* Prints "adah: message" and gives the exit code of the failure. */
int cli_fail(const adah_status *status);
/* text: "I/N", I from 1 to N, or NULL: all records. Prints what is wrong and gives 0 then. */
int cli_read_shard(const char *command, const char *text, adah_encode_options *options);
/* text: "float32", "bfloat16", NULL: as the model was trained. */
adah_code cli_read_precision(const char *text, adah_precision *precision, adah_status *status);

/* In place of running: print the tables (for the man page and completions). Set by main. */
typedef enum cli_describe {
    CLI_RUN,
    CLI_DESCRIBE_MAN,
    CLI_DESCRIBE_MARKDOWN,
    CLI_DESCRIBE_BASH,
    CLI_DESCRIBE_FISH,
    CLI_DESCRIBE_ZSH
} cli_describe;
extern cli_describe cli_describing;

extern const cli_command cli_train, cli_encode, cli_index, cli_search, cli_eval, cli_attend, cli_synth, cli_convert, cli_info,
    cli_serve, cli_demo;

#endif
