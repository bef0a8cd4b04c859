/*
 * base/options.h - command-line options from one table.
 *
 * A row says an option's name, kind, range and help.  Parsing, refusing and
 * help are made from the rows, so none can be forgotten.  A program has one
 * table; each of its commands names the options that it takes:
 *
 *     static const struct option rows[] = {
 *         { "limit", "-n", OPTION_WHOLE, offsetof(struct mine, limit), 1, 500, "N", "50", "at most so many" },
 *     };
 *     static const struct option_table table = { "homeostat", rows, 1, knob_time_parse, knob_time_format, NULL };
 *     struct mine mine;
 *     options_init(&table, &mine);
 *     code = options_parse(&table, &(struct option_use){ "look", " limit " }, argc, argv, &mine, NULL, &help, &fault);
 *
 * Values borrow from argv.  A refusal never repeats the value of an option
 * that is not known: it may be a secret that was put in the wrong place.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { OPTION_LIST_MAX = 32 };

/* What stands where a row's `at` points to. */
enum option_kind {
    OPTION_TEXT,          /* const char * */
    OPTION_CHOICE,        /* const char *, one of unit's words */
    OPTION_WHOLE,         /* int64_t */
    OPTION_REAL,          /* double */
    OPTION_MAYBE_REAL,    /* double; --x alone means 1, --x=0.5 says how much */
    OPTION_TIME,          /* int64_t, microseconds */
    OPTION_FLAG,          /* bool */
    OPTION_MANY,          /* struct option_list; may be given several times */
};

struct option_list {
    const char *item[OPTION_LIST_MAX];
    int         n;
};

struct option {
    const char      *name, *letter;     /* "limit", "-n"; letter may be NULL */
    enum option_kind kind;
    size_t           at;                /* offset in the program's struct of values */
    double           least, most;       /* WHOLE, REAL; TIME in microseconds; TEXT: least 1 refuses an empty one */
    const char      *unit;              /* how help calls the value; for a CHOICE its words, parted by | */
    const char      *preset;            /* parsed like an argument; NULL leaves zero */
    const char      *help;
};

struct option_table {
    const char          *program;
    const struct option *row;
    size_t               rows;
    enum err  (*time)(const char *text, int64_t *us, struct fault *fault);
    char     *(*time_text)(int64_t us, char *out, size_t size);
    const char *(*nearest)(const char *word, const char *const *list, size_t count);   /* which one was meant; may be NULL */
};

/* What one command takes. */
struct option_use {
    const char *command;
    const char *takes;                  /* names, with a space around each */
};

/* Words that are no options, in the order they came. */
struct option_words {
    const char **word;
    int          max, n;
};

/* The presets of all rows into zeroed values. */
void options_init(const struct option_table *t, void *values);

/*
 * argv after the command's own words.  *help is set by --help or -h, and then
 * nothing else matters.  Words and options stand in any order and "--" ends
 * the options; words == NULL takes no words at all.  Mistakes are ERR_INPUT.
 */
MUST_CHECK enum err options_parse(const struct option_table *t, const struct option_use *use, int argc, char **argv, void *values,
                                  struct option_words *words, bool *help, struct fault *fault);

/* One line for each option that the command takes. */
void options_help(const struct option_table *t, const struct option_use *use, FILE *out);

bool options_takes(const struct option_use *use, const struct option *o);

/* Names in `takes` that have no row are ERR_STATE. For tests. */
MUST_CHECK enum err options_check(const struct option_table *t, const struct option_use *use, struct fault *fault);

#endif
