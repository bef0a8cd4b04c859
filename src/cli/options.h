/*
 * cli/options.h - what follows a subcommand: options from one table, and plain words.
 *
 * The rows are read by base/options.h; a command names the ones it takes.
 * Options and words may stand in any order; "--" ends options.
 *
 * There is no option that takes a secret: arguments are seen by everybody on
 * the machine.  Tokens and passwords come from files.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/err.h"
#include "base/options.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { CLI_WORDS_MAX = 8 };

struct cli_options {
    /* where Homeostat is, and how to ask it */
    const char *config;            /* "": HOMEOSTAT_CONFIG, else the usual place */
    const char *url, *token_file, *ca_file;
    const char *key;               /* Idempotency-Key; "": a new one */
    int64_t     if_version;        /* 0: none */
    int64_t     timeout_us, retry_us;

    /* how to answer */
    const char *output;            /* "text" or "json" */
    bool        json, mermaid;
    const char *form;              /* of documentation */
    const char *format;            /* of an explanation */

    /* cases */
    const char *state, *target, *tenant, *since, *title, *why, *driver, *as;
    bool        all, no_wait;
    int64_t     limit, wait_us;
    const char *template, *plan;
    struct option_list params;

    /* stop, events, metrics */
    int64_t     for_us;
    bool        clear, follow;
    const char *topics, *case_id, *metrics, *metric, *to;
    int64_t     after;             /* -1: from now on */

    /* init, token */
    const char *dsn, *passfile, *name, *out, *role, *file, *expires, *policy;
    bool        force;

    /* journal, top */
    const char *folder, *body, *at;
    int64_t     from, every_us;

    /* events */
    const char *kind, *severity, *moment, *id;
    struct option_list labels;

    const char *word[CLI_WORDS_MAX];   /* what is no option, in order; borrowed */
    int         words;
};

struct cli;

struct cli_command {
    const char *name;              /* one or two words: "case show" */
    const char *words;             /* "CASE [REASON]"; "" for none */
    int         least, most;       /* how many words */
    const char *options;           /* the names of those it takes, with spaces around each; in addition to help */
    int       (*run)(struct cli *c);
    const char *text;              /* what it does, one sentence */
    const char *covers;            /* the parts of the API that it makes reachable: "case.create GET:/case"; "" for none */
};

void cli_options_init(struct cli_options *o);

/* argv after the command's own words. *help is set by --help, and then nothing else matters. ERR_INPUT is a mistake of usage. */
MUST_CHECK enum err cli_options_parse(const struct cli_command *command, int argc, char **argv, struct cli_options *o, bool *help,
                                      struct fault *fault);

void cli_options_help(const struct cli_command *command, FILE *out);

/* Every option that a command names has a row, and every row has a command. For tests. */
MUST_CHECK enum err cli_options_check(const struct cli_command *commands, size_t count, struct fault *fault);

#endif
