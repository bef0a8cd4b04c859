/*
 * sense/reading.h - the answers of one second into a sample: which column is which metric, and what counters were before.
 *
 * Everything that depends on the server's version is in the choice of the statement; the columns it answers are the same.
 */
#ifndef SENSE_READING_H
#define SENSE_READING_H

#include "base/err.h"
#include "model/sample.h"
#include "sense/facts.h"
#include "sense/line.h"
#include "sense/rate.h"
#include "sense/statements.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

/* In the order in which they are asked: the first tells the time for the rates of all. */
enum question {
    ASK_ACTIVITY, ASK_DATABASE, ASK_WRITER, ASK_WAL, ASK_REPLICATION, ASK_CONTROL, ASK_STATEMENTS,
    QUESTION_COUNT
};
extern const char *const question_what[QUESTION_COUNT];      /* "read pg_stat_activity", for messages */

/* The statement for a server of that version (150018). */
void question_item(enum question q, int server_version, struct line_item *item);

enum { READING_COUNTERS_MAX = 32, OWN_IDS = QUESTION_COUNT + FACT_COUNT };

struct reading {
    struct rate rate[READING_COUNTERS_MAX];
    double      story[QUESTION_COUNT];       /* when these counters were last reset; another value: they began anew */
    bool        story_known[QUESTION_COUNT];
    bool        reset_seen;                  /* somebody reset statistics since this was last cleared */

    bool        estimate_latency;            /* set by the caller, as is the gap */
    int64_t     gap_us;
    bool        time_told;                   /* in this reading */
    int64_t     server_us, mono_us, clock_us;   /* the server's time and ours at the last reading; time as the rates see it */
    int64_t     postmaster_start_us;

    double      own_transactions;            /* ended by ourselves: the caller counts them */
    double      others_commits;              /* committed ones less our own, only ever up */
    double      raw_commits;

    int64_t     checkpoint_lsn;              /* of the last finished one; a change is one more */
    int64_t     checkpoints;                 /* seen to finish; -1: cannot be told */
    int         timeline;                    /* 0: unknown */

    struct statements statements;
    int64_t     own_id[OWN_IDS];             /* query ids of our own questions, those of each second first; 0: not known */
    uint64_t    left_out, left_out_before;   /* a mark of the ids that were left out: other ones make other sums */

    bool        hides_sessions;              /* the role does not see everybody's sessions */
    bool        untracked;                   /* track_activities is off somewhere */
    bool        no_counts;                   /* track_counts is off */
    bool        no_io_timing;
    int         peak_sessions;
};

void reading_forget(struct reading *r);      /* another server, or a new connection after a long time */
void reading_begin(struct reading *r);       /* before the answers of one second */
/* One answer; false when it does not have the columns it should have. Time is that of the answer. */
MUST_CHECK bool reading_take(struct reading *r, enum question q, const PGresult *answer, int64_t mono_us, struct sample *s);
/* Parameters of ASK_STATEMENTS: what is followed, what is our own and left out. */
void reading_ids(struct reading *r, char *followed, size_t followed_size, char *own, size_t own_size);

#endif
