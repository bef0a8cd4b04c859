/*
 * journal/journal.h - a log on disk between those who receive and those who use: nothing is acknowledged before it is in here.
 *
 *     struct journal_options o = journal_options_default("/var/lib/homeostat/journal");
 *     if (journal_open(&o, &j, fault) != OK) ...
 *     journal_append(j, &record, when_durable, connection, fault);        // the answer goes out in when_durable
 *
 *     journal_consumer_open(j, "digest", JOURNAL_FROM_START, &c, fault);
 *     while (journal_read(c, &record, fault) == OK) { use(&record); last = record.id; }
 *     journal_commit(c, last, fault);                                     // survives a crash: these do not come again
 *
 * On disk: segments of one size, written with zeros once and used again and again, so that a group commit is one
 * fdatasync that changes no metadata.  Each group of records is a block: magic, version, generation of the segment, number of its
 * first record, length, packed or not, CRC32C over all of it.  There is no index that recovery needs.  A torn tail is
 * cut; what was durable and is damaged is put aside (quarantine/), counted, and skipped; opening never fails because of data.
 *
 * A segment is used again only when every consumer has passed it and it is over the size or age to keep, or when a
 * limit says `drop` on purpose.  Full means ERR_BUSY to whoever appends.  One process writes: the folder has a lock.
 *
 * Threads: append, stats and wake from any; a consumer belongs to one thread at a time.
 */
#ifndef JOURNAL_JOURNAL_H
#define JOURNAL_JOURNAL_H

#include "base/clock.h"
#include "base/err.h"
#include "journal/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_CONSUMERS_MAX = 64, JOURNAL_NAME_MAX = 63 };

enum journal_full { JOURNAL_BLOCK, JOURNAL_DROP_OLDEST };    /* dropping is counted in events and told */

struct journal_files;                    /* journal/files.h: the system calls, so that tests can make them fail */

struct journal_options {
    const char *folder;
    int64_t     segment_bytes;           /* 1 MiB .. 1 GiB; of an existing journal: for new segments */
    int64_t     size_max;                /* of all segments together; at least 4 of them */
    int64_t     keep_us;                 /* what every consumer has passed is kept this long, when there is room; 0: not */
    int64_t     commit_delay_us;         /* a group waits at most this long for company */
    int64_t     commit_bytes;            /* or until it is this large */
    int64_t     waiting_max;             /* bytes appended and not yet durable; beyond it ERR_BUSY */
    int         pack;                    /* zstd level, negative: --fast; 0: not packed */
    enum journal_full when_full;
    int64_t     reserve_bytes;           /* left free on the disk: below it, full */
    const struct clock         *clock;   /* NULL: the machine's */
    const struct journal_files *files;   /* NULL: the machine's */
};
struct journal_options journal_options_default(const char *folder);

struct journal;
MUST_CHECK enum err journal_open(const struct journal_options *o, struct journal **j, struct fault *fault);   /* makes the folder, 0700; ERR_BUSY: locked */
void                journal_close(struct journal *j);    /* waits until what was appended is durable; consumers must be closed. NULL is fine */
/* What of the options may change while it runs: size_max, keep_us, commit_*, waiting_max, pack, when_full, reserve_bytes. */
MUST_CHECK enum err journal_adjust(struct journal *j, const struct journal_options *o, struct fault *fault);

/* ---- writing ---- */

/* Called once per accepted append, on the writer's thread, in order of ids; must not block or append. result is OK, or why it is not durable (id 0). */
typedef void journal_done(void *ctx, uint64_t id, enum err result);

/*
 * Copies the record.  OK: done will be called.  ERR_BUSY: full, nothing happened, the same call may work later; the fault says of what
 * (waiting, size, disk).  ERR_INPUT: larger than the limits of record.h or than a segment bears.
 */
MUST_CHECK enum err journal_append(struct journal *j, const struct record *r, journal_done *done, void *ctx, struct fault *fault);
/* The same, and waits: on OK it is durable. id may be NULL. */
MUST_CHECK enum err journal_append_wait(struct journal *j, const struct record *r, uint64_t *id, struct fault *fault);
/* Whether an append of so many bytes would be taken right now: to stop reading before there is something to refuse. */
bool                journal_has_room(struct journal *j, size_t bytes);

/* ---- reading ---- */

struct journal_consumer;

#define JOURNAL_FROM_START UINT64_C(0)           /* the oldest record there is */
#define JOURNAL_FROM_NOW   UINT64_MAX            /* what comes from now on */

/*
 * A named consumer.  `from` matters only when the name is new; else it goes on behind what it committed.  The cursor is made durable
 * at once, so that nothing is thrown away that it has not seen.  ERR_BUSY: open already.  ERR_LIMIT: too many.
 */
MUST_CHECK enum err journal_consumer_open(struct journal *j, const char *name, uint64_t from, struct journal_consumer **c, struct fault *fault);
void                journal_consumer_close(struct journal_consumer *c);    /* the cursor stays. NULL is fine */

/* The next record; its slices are valid until the next call. ERR_MISSING: nothing new now (no fault is filled). ERR_IO: see fault; may be tried again. */
MUST_CHECK enum err journal_read(struct journal_consumer *c, struct record *r, struct fault *fault);
/* Wait until there is something to read, somebody calls wake, or time is up (timeout_us < 0: for ever). False: time is up. */
bool                journal_wait(struct journal_consumer *c, int64_t timeout_us);
void                journal_wake(struct journal_consumer *c);              /* any thread, while c is open */
/* Everything up to and including id was dealt with. Durable when it returns OK. An older id than before is ignored. */
MUST_CHECK enum err journal_commit(struct journal_consumer *c, uint64_t id, struct fault *fault);
/* Read on from id, earlier or later; what is not there any more is skipped. Commits it too when `durable`: that is how replay begins. */
MUST_CHECK enum err journal_seek(struct journal_consumer *c, uint64_t id, bool durable, struct fault *fault);
/* The first record received at or after wall_us; the one after the last when there is none. */
MUST_CHECK enum err journal_find(struct journal *j, int64_t wall_us, uint64_t *id, struct fault *fault);
/* A name that will not come back: its cursor no longer holds anything. ERR_MISSING, ERR_BUSY: it is open. */
MUST_CHECK enum err journal_forget(struct journal *j, const char *name, struct fault *fault);

/* ---- how it stands ---- */

struct journal_stats {
    uint64_t first_id, last_id;                     /* what can be read; last_id is durable. first_id > last_id: empty */
    int64_t  bytes, segments, segments_free;
    uint64_t records, record_bytes, groups, syncs;  /* written since the start */
    uint64_t refused;                               /* appends answered ERR_BUSY: buffer_overflows_total */
    uint64_t dropped_events;                        /* thrown away unread, because somebody chose to */
    uint64_t damaged_blocks, damaged_bytes;         /* what was durable and cannot be read, since the start; put aside in quarantine/ */
    uint64_t cut_bytes;                             /* of writes that were not finished when it was stopped, as the start found them */
    uint64_t lost_segments;                         /* files that are gone with what was durable in them, as the start found it */
    uint64_t identity;                              /* of this journal, whatever is in it; drawn by chance when it was made, never 0 */
    int64_t  waiting_bytes, oldest_us;              /* wall, of first_id */
    int64_t  sync_p99_us;                           /* of the last thousand */
    bool     full;  char why_full[120];
};
void journal_stats(struct journal *j, struct journal_stats *s);

struct journal_progress {
    char     name[JOURNAL_NAME_MAX + 1];
    bool     open;
    uint64_t committed, behind;                     /* id; records behind last_id */
    int64_t  lag_us;                                /* age of the oldest record it has not committed; 0: none */
    int64_t  moved_us;                              /* wall, when it last committed something new; 0: not since the start */
};
size_t journal_progress(struct journal *j, struct journal_progress *list, size_t max);

/* ---- looking: homeostat journal, also while a daemon writes; and for a question that the writing process is asked ---- */

/* journal_forget without a journal that is open; ERR_BUSY while another process writes. */
MUST_CHECK enum err journal_view_forget(const char *folder, const char *name, struct fault *fault);

/*
 * journal_seek, durably, without a journal that is open: nothing else in the folder changes, so what is to be read again stays there until it was.
 * *id 0: the first record received at or after since_us; set to where the consumer goes on. ERR_MISSING: no such consumer. ERR_BUSY as above.
 */
MUST_CHECK enum err journal_view_seek(const char *folder, const char *name, int64_t since_us, uint64_t *id, struct fault *fault);

struct journal_view;
MUST_CHECK enum err journal_view_open(const char *folder, struct journal_view **v, struct fault *fault);
/* Of a journal that is open here, for journal_view_read() alone: nothing is read anew to begin, and no cursor holds what it reads. Close it before j. */
MUST_CHECK enum err journal_view_inside(struct journal *j, struct journal_view **v, struct fault *fault);
void                journal_view_close(struct journal_view *v);
void                journal_view_stats(struct journal_view *v, struct journal_stats *s);    /* of them: ids, lost_segments, cut_bytes */
struct journal_segment { char file[64]; uint64_t generation, first_id, last_id, blocks, damaged; int64_t bytes_used, bytes, first_us, last_us; bool free; };
size_t              journal_view_segments(struct journal_view *v, struct journal_segment *list, size_t max);
size_t              journal_view_progress(struct journal_view *v, struct journal_progress *list, size_t max);
MUST_CHECK enum err journal_view_read(struct journal_view *v, uint64_t from, struct record *r, struct fault *fault);    /* the first with id >= from; ERR_MISSING */

#endif
