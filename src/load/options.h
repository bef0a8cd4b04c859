/*
 * load/options.h - the subcommands' options, as tables: parsing, bounds and --help come from the same rows.
 *
 * Which options go together is checked in one place, load_options_agree().
 */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum load_bench { LOAD_BENCH_TPCC, LOAD_BENCH_TPCH };
enum load_test  { LOAD_TEST_LOOP, LOAD_TEST_POWER, LOAD_TEST_THROUGHPUT };

struct load_options {
    const char *dsn;                /* "" means libpq's environment */
    int64_t     warehouses;         /* 0: what the database has (run) */
    int64_t     threads;            /* 0: two for each processor, at most 32 and one for each warehouse */
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
    const char *draw;               /* nurand or uniform */
    bool        json;
    const char *output;             /* text or json */

    const char *bench;              /* tpcc, tpch or mixed */
    const char *schedule;           /* "" means none */
    double      scale;              /* TPC-H's scale factor; 0: none was named */
    const char *schema, *indexes;
    const char *test;               /* power, throughput or loop */
    int64_t     streams;            /* 0: one for power and loop, two for throughput */
    int64_t     rounds, query_timeout_us;
    double      tpcc_share, tpch_share;   /* per cent */
    const char *expect;             /* digest of the answers; "" means any */

    int         argc;               /* what was parsed, for load_options_given() */
    char      **argv;
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

/* Whether the user gave --name, rather than its default being in force. */
bool load_options_given(const struct load_options *o, const char *name);

/* Whether --bench names this one. A schedule may name both. */
bool load_options_want(const struct load_options *o, enum load_bench b);
enum load_test load_options_test(const struct load_options *o);   /* LOAD_TEST_LOOP unless it is TPC-H alone, without a schedule */

/* ERR_INPUT for options of any command that contradict each other or would be ignored. */
MUST_CHECK enum err load_options_agree(const struct load_options *o, struct fault *fault);

void load_options_help(const struct load_command *command, FILE *out);

/* Tell a person on standard error what went wrong and what to do; returns the exit status: 2 for wrong usage, else 1. */
int load_options_complain(enum err code, const struct fault *fault);

/* "90", "90s", "1.5m", "250ms" or "1h" as microseconds, 0 or more. */
MUST_CHECK enum err load_duration_parse(const char *text, int64_t *us, struct fault *fault);

#endif
