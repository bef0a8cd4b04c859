/*
 * receive/follow.h - files that are followed: found by globs, read as they grow, through renames, truncations and restarts.
 *
 * A file is who it is by device, inode and a fingerprint of its first bytes, so that a path may change and an inode may be used again.
 * What is kept durably is how far its lines are durable in the journal (follow_store.h).
 *
 * Threads: one owns it; follow_count and follow_status may be called from any.
 */
#ifndef RECEIVE_FOLLOW_H
#define RECEIVE_FOLLOW_H

#include "conf/conf.h"
#include "receive/batch.h"

#include <jansson.h>

enum {
    FOLLOW_FILES_MAX = 8192,                      /* known at the same time; beyond it new ones are told of, and wait */
    FOLLOW_OPEN_MAX  = 512,                       /* read and quiet ones are closed beyond it */
    FOLLOW_PRINT     = 256,                       /* bytes of a fingerprint */
    FOLLOW_COPIES_MAX = 32,                       /* that wait for their original to be truncated; beyond it new ones are read at once */
    FOLLOW_CHUNK     = 1024 * 1024
};

struct follow;

/* folder: where its offsets lie. wake: see batch.h. Does not read yet. ERR_LIMIT. Offsets that cannot be read are put aside, with a word in the log. */
MUST_CHECK enum err follow_new(const struct conf *conf, struct journal *j, const char *folder, int wake, struct follow **out, struct fault *fault);
int     follow_fd(const struct follow *f);        /* readable: something changed. -1: the kernel does not tell */
/* Answers after how long it wants the next turn at the latest, in microseconds. */
int64_t follow_turn(struct follow *f, int64_t now_us);
/* Nothing more is read: what was is appended. Then turns until follow_settled, or it is given up: follow_free saves how far it came. */
void    follow_end(struct follow *f, int64_t now_us);
bool    follow_settled(struct follow *f);
void    follow_free(struct follow *f);            /* NULL is fine */

void    follow_count(struct follow *f, struct batch_counts *counts, uint64_t *split, int64_t *open);
json_t *follow_status(struct follow *f);

#endif
