/*
 * sense/postgres_inside.h - what the quick and the slow side of the sensor share. For postgres.c and postgres_slow.c only.
 */
#ifndef SENSE_POSTGRES_INSIDE_H
#define SENSE_POSTGRES_INSIDE_H

#include "sense/facts.h"
#include "sense/line.h"
#include "sense/postgres.h"
#include "sense/reading.h"

/* A question that was refused is asked again, ever more seldom: somebody may have granted, mended or updated what it lacks. */
struct refusal { bool is; int64_t again_us /* mono */; int pause_s; };
enum { REFUSAL_PAUSE_MAX_S = 3600 };

enum slow_job { SLOW_NOTHING, SLOW_FACTS, SLOW_SIZES };

struct sense_pg {
    uv_loop_t               *loop;
    struct sense_pg_conf     conf;           /* texts are copies */
    struct sense_pg_callbacks on;
    struct sense_pg_counts   counts;
    char                    *name, *dsn, *passfile, *proc_root;

    struct line             *quick, *slow;   /* slow: NULL while quick is not connected */
    int                      version;        /* of the connected server */

    struct reading           reading;
    struct sample            sample;         /* of the turn under way */
    bool                     turn;
    bool                     session_due;    /* settings of the session come first in the next turn */
    int                      asked;          /* questions of the turn */
    enum question            asked_q[QUESTION_COUNT + 1];   /* QUESTION_COUNT: the session's settings */
    int                      got;            /* answers */
    bool                     got_activity;
    int64_t                  statements_slot;
    char                     statements_sql[4096], statements_schema[64];   /* as it is asked where the extension is; "": nowhere */
    bool                     want_statements;
    struct refusal           refused[QUESTION_COUNT];
    bool                     drop_due;       /* the session cannot answer any more */

    /* what has been told */
    bool                     up, told_down;
    enum err                 down_code;
    double                   up_guess;       /* UP while not connected */
    int                      late_in_a_row;
    int64_t                  slow_told_us;
    unsigned                 lacks_told;     /* a bit per ability */
    unsigned                 odd_told;       /* a bit per question that was refused, and some more */
    int64_t                  postmaster_start_us, conf_load_us;
    bool                     recovery_known, in_recovery;
    int                      timeline;
    char                     system_identifier[24];

    /* the slow side */
    enum slow_job            job;
    bool                     facts_due, job_failed;
    int64_t                  facts_at_us, sizes_at_us;   /* when last begun, mono; 0: never */
    int64_t                  sizes_known_us, sizes_pause_us;
    struct sizes             sizes;
    struct target_facts     *facts, *draft;
    bool                     facts_known;
};

/* Once per thing and connection of the target's life; bits above QUESTION_COUNT are for conditions that no question failed by. */
enum { ODD_TRACK_ACTIVITIES = QUESTION_COUNT, ODD_TRACK_COUNTS, ODD_SLOW_LINE, ODD_FACTS };

bool sense_pg_first_time(unsigned *told, int bit);
void sense_pg_tell(struct sense_pg *pg, enum sense_pg_event e, const struct fault *what);

/* The slow side: facts and sizes, when they are due and nothing else is under way. */
extern const struct line_calls sense_pg_slow_calls;      /* ctx to be filled in */
void sense_pg_try_slow(struct sense_pg *pg);

#endif
