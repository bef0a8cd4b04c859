/*
 * ship/begin.h - what a sink has to find out before it goes on: where it stopped, under whatever name, and which events of the part that
 * comes again lie among the dead letters already, so that none gets there twice.
 */
#ifndef SHIP_BEGIN_H
#define SHIP_BEGIN_H

#include "ship/dead.h"
#include "ship/load.h"

/* "sink:<name>"; out has JOURNAL_NAME_MAX + 1 bytes. ERR_INPUT: too long. */
MUST_CHECK enum err begin_cursor_name(const char *sink, char *out, struct fault *fault);
/* Opens the cursor: its own, else that of the former name that came furthest, else a new one. Former ones are forgotten then. committed: an id, or 0. */
MUST_CHECK enum err begin_consumer(struct journal *j, struct dead *d, const struct sink_conf *conf, struct journal_consumer **c, uint64_t *committed, struct fault *fault);

/* Bits 1 << EVENT_LOG ...: what is wanted of what the kind can hold. */
unsigned            begin_types(const struct sink_conf *conf, const struct sink_kind *kind);
/* A letter of this sink, under its present name or a former one. */
bool                begin_is_ours(const struct sink_conf *conf, const char *sink);

/* Events behind `committed` that are letters, into s->seen. */
MUST_CHECK enum err begin_seen_events(struct dead *d, const struct sink_conf *conf, uint64_t committed, struct sieve *s, struct fault *fault);
/* Letters behind `done` that were refused again, into s->seen: { letter, 0 }. */
MUST_CHECK enum err begin_seen_letters(struct dead *d, const struct sink_conf *conf, uint64_t done, struct sieve *s, struct fault *fault);
/* Which letters are to be sent again, asked for under any of its names; and how far that was done, noted under all of them, since letters keep the name of their time. */
MUST_CHECK enum err begin_replay_read(struct dead *d, const struct sink_conf *conf, struct dead_replay *r, struct fault *fault);
MUST_CHECK enum err begin_replay_done(struct dead *d, const struct sink_conf *conf, uint64_t id, struct fault *fault);
bool                begin_was_seen(const struct sieve *s, uint64_t letter);

#endif
