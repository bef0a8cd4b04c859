/*
 * sensor/group.h - which group a process belongs to: process-exporter's recipes, in turn, the first that matches.
 *
 * An entry of comm or exe that has one of ^ $ * ( | in it, or ~ in front, is an expression, and is looked for in the name or in the whole path; another is
 * the name itself. Those of one list are alternatives; all patterns of cmdline must be found, unless comm, exe and cmdline name the same programs by
 * expressions (group_inside.h): then one is enough. Expressions are POSIX extended ones with \d, \s, \w and (?P<name>...); laziness and look-around are not there.
 */
#ifndef SENSOR_GROUP_H
#define SENSOR_GROUP_H

#include "base/err.h"
#include "base/slice.h"
#include "sensor/conf.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { GROUP_NAME_MAX = 128, GROUP_CAPTURES_MAX = 8, GROUP_CMDLINE_MAX = 4096 };

struct group_facts {
    struct slice comm;
    struct slice cmdline;       /* as in /proc: arguments with a NUL behind each */
    uid_t        uid;
};

struct grouping;

/* No recipes: everything that has arguments, by {{.Comm}}. */
MUST_CHECK enum err grouping_new(const struct sensors_group_conf *conf, size_t count, struct grouping **out, struct fault *fault);
void grouping_free(struct grouping *g);

/* Recipes that can match nobody, or whose patterns look like alternatives: says each in a sentence, and answers how many there are. */
size_t grouping_doubts(const struct sensors_group_conf *conf, size_t count, void (*say)(void *ctx, const char *text), void *ctx);

/* The group's name into out; false when no recipe matches. */
bool grouping_name(const struct grouping *g, const struct group_facts *f, char out[GROUP_NAME_MAX]);

/* For the tables of conf.c. */
enum err group_template_check(const char *value, struct fault *fault);
enum err group_pattern_check(const char *value, struct fault *fault);
enum err group_entry_check(const char *value, struct fault *fault);        /* of comm and exe */
/* Whether an extended regular expression may be given to the library's compiler. */
enum err group_regex_bounded(const char *text, struct fault *fault);

#endif
