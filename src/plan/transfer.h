/*
 * plan/transfer.h - what worked on databases like this one.
 *
 * Each trial told by another database (plan/knowledge.h) is a point: a configuration, brought to the scale of this machine, and
 * how much better than that database's beginning it was.  Points count by how alike the databases are (what is asked of them, and
 * the machine) and how alike the configurations are, so a configuration's expected gain here is a weighted mean that shrinks
 * to nothing where little is known (kernel regression after Nadaraya 1964 and Watson 1964, with a prior of "no difference").  What was tried
 * elsewhere and was worse speaks as loudly as what was better.
 *
 * A pure function of the view: the records come in with it.
 */
#ifndef PLAN_TRANSFER_H
#define PLAN_TRANSFER_H

#include "plan/knowledge.h"
#include "plan/lesson.h"
#include "plan/planner.h"

enum { TRANSFER_DATABASES_MAX = 32, TRANSFER_TRIALS_MAX = 1000 };   /* the nearest ones count */
#define TRANSFER_FAR 0.9                 /* distance at which a database is not like this one any more; 1 is another kind of load */
#define TRANSFER_OTHERS_SD 0.03          /* standard deviation by which the same change does something else on a database just like this one */

/* How unlike two machines are, on the scale of workload_distance(). */
double transfer_machine_distance(const struct knowledge_machine *a, const struct knowledge_machine *b);

struct transfer_guess {
    double gain;                         /* expected, log ratio to what databases like this one begin with */
    double weight;                       /* of the evidence: 1 is one trial of this configuration on a database just like this one */
    int    databases;                    /* that have tried something like it */
};

struct transfer;                         /* what databases like this one have told */

/* *t NULL: nobody that is like this one has told anything, or what is asked of this one is not known. The view is borrowed for the call only. */
MUST_CHECK enum err transfer_new(const struct planner_view *view, struct transfer **t, struct fault *fault);
void                transfer_free(struct transfer *t);

/* t NULL: nothing is known. */
void transfer_guess(const struct transfer *t, const struct knob_state *state, struct transfer_guess *g);

/* The best configuration that each of the databases has proven, nearest and best first as they stand: wishes for this machine. */
struct transfer_donor {
    double                   distance;   /* of the database, load and machine */
    double                   gain;       /* seen there, log ratio to its beginning */
    int                      trials;     /* it took there */
    int                      changes;
    struct proposed_change   change[KNOB_COUNT];   /* to: base units of this machine */
};
int                          transfer_donors(const struct transfer *t);
const struct transfer_donor *transfer_donor_at(const struct transfer *t, int i);

/* Their trials as lessons for this machine, the nearest database's first, as many as LESSONS_MAX; none that was made under another kind of load. */
const struct lesson *transfer_lessons(const struct transfer *t, int *n);

#endif
