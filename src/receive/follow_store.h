/*
 * receive/follow_store.h - how far files are durable in the journal, in one small file that is either the old or the new one.
 *
 * A line for each entry of the settings that was read before, and one for each file; the last line is a sum over the others.
 */
#ifndef RECEIVE_FOLLOW_STORE_H
#define RECEIVE_FOLLOW_STORE_H

#include "base/err.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct follow_seen {
    uint64_t dev, ino, print;         /* print: XXH3 of the first print_n bytes */
    uint32_t print_n;
    int64_t  offset;
    char    *rule, *path;             /* malloc'd */
    bool     taken;                   /* for the caller */
    int64_t  missed_us;               /* likewise: mono, since when it is not to be found; 0: nobody looked */
};

struct follow_store { size_t seen_n, seen_room, rules_n; struct follow_seen *seen; char **rules; };

/* A file that is not there is an empty store. ERR_INPUT: damaged; ERR_IO. */
MUST_CHECK enum err follow_store_load(const char *path, struct follow_store *s, struct fault *fault);
void follow_store_done(struct follow_store *s);
bool follow_store_rule(const struct follow_store *s, const char *name);

/* Written into a text, then file_write. */
void follow_store_begin(struct text *t);
void follow_store_put_rule(struct text *t, const char *name);
void follow_store_put(struct text *t, const struct follow_seen *f);
void follow_store_end(struct text *t);

#endif
