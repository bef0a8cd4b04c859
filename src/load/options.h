/*
 * load/options.h - the subcommands' options, as tables: parsing, bounds and --help come from the same rows.
 */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct load_options {
    const char *dsn;                /* "" means libpq's environment */
    int64_t     warehouses;         /* 0: what the database has (run) */
    int64_t     threads;            /* 0: two for each processor, at most one for each warehouse */
    int64_t     seed;               /* 0: a new one, which is printed */
    bool        foreign_keys, force;
    int64_t     clients;
    int64_t     duration_us;        /* 0: until a signal */
    int64_t     warmup_us, report_every_us, timeout_us, grace_us;
    int64_t     lifetime_us;        /* of a connection; 0: as long as the run */
    double      rate;               /* 0: closed loop */
    double      think;              /* 0: none; 1: the specification's times */
    int64_t     queue;
    const char *listen;             /* "" means no endpoint */
    const char *isolation;
    bool        json;
    const char *output;             /* text or json */
};

struct load_command {
    const char *name, *summary;
    const char *options;            /* the names of the options it takes, with spaces around each */
    int (*run)(const struct load_options *o);
};

/* The defaults of every option. */
void load_options_init(struct load_options *o);

/* argv after the subcommand. *help is set when --help is there, and then nothing else matters. */
MUST_CHECK enum err load_options_parse(const struct load_command *command, int argc, char **argv, struct load_options *o, bool *help, struct fault *fault);

void load_options_help(const struct load_command *command, FILE *out);

/* Tell a person on standard error what went wrong and what to do; returns the exit status: 2 for wrong usage, else 1. */
int load_options_complain(enum err code, const struct fault *fault);

/* "90", "90s", "1.5m", "250ms" or "1h" as microseconds, 0 or more. */
MUST_CHECK enum err load_duration_parse(const char *text, int64_t *us, struct fault *fault);

#endif
