/*
 * verify/response.h - the one number a verdict is about: how well the database
 * answers its clients in one window.  + is better; differences of it are log ratios.
 *
 * In order of preference:
 *   queries   -log of the time per call of a fixed query mix, from pg_stat_statements.  The mix (each query's share of
 *             the calls) is learnt once from windows of the incumbent, so a change of what clients ask for does not look
 *             like a change of how fast they are answered.  It is the log of the mean, not the mean of logs: a plan flip
 *             that makes one rare query a thousand times slower must show.
 *             A query seen less than RESPONSE_CALLS_SHRINK times in a window is drawn towards its usual time, in both
 *             arms alike; one that is not seen counts as its usual time.  When more than half of the mix's time is not
 *             seen, the window has no response.
 *             Where most of the time goes to queries that a window sees less often than that, as with reports, no two
 *             windows hold the same ones: then a window is compared with what just its own queries usually take, each as
 *             often as it was asked (a Paasche index; the other one is Laspeyres').  A window that is nearly empty has none: where a report
 *             takes longer than a window, the one it ends in tells of it, and half of the windows need not answer.
 *   tps       log of committed transactions per second: only where the load is declared to saturate the server (closed
 *             loop without think time), because otherwise throughput is what clients ask for, not what the server gives.
 *             Where a window holds less than RESPONSE_COUNT_MIN of them their number tells which ones came more than how
 *             fast they were: then it is the queries, if they answer.
 *   latency   -log of the mean transaction time a load driver measured.
 * With none of them there is nothing to prove with: the trial is undecided.
 *
 * In open loop the offered load differs from window to window and latency with it: its part is taken out by regression on
 * the incumbent's windows (CUPED), which no treatment has touched.
 */
#ifndef VERIFY_RESPONSE_H
#define VERIFY_RESPONSE_H

#include "model/sample.h"

#include <stdbool.h>

enum response_kind { RESPONSE_AUTO, RESPONSE_QUERIES, RESPONSE_TPS, RESPONSE_LATENCY, RESPONSE_NONE };
const char *response_kind_name(enum response_kind k);    /* "time per call", "transactions per second", ... */

enum {
    RESPONSE_CALLS_SHRINK = 5,
    RESPONSE_CALLS_TOLD   = 20,          /* a window with so many calls tells how slow a query is */
    RESPONSE_COUNT_MIN    = 200,         /* transactions that take as long as chance will: the number of so many varies by 7 % */
    RESPONSE_ONLY_MAX     = 16,
};

struct response_query {
    int64_t id;
    double  share, usual_ms;             /* of the calls, shares sum up to 1; time per call */
    double  slow_ms;                     /* time per call in the slowest of each twenty windows; NAN: it was in none often enough */
    bool    aside;                       /* guarded, but not what the verdict is about */
};

struct response_mix {
    enum response_kind kind;
    int    windows;                      /* learnt from */
    double offered_theta, offered_log;   /* covariate; theta is 0 outside open loop */
    bool   few;                          /* transactions, too few to count */
    bool   rare;                         /* queries, most of the time goes to those that a window hardly sees */
    double calls;                        /* in a window */
    int    n;
    struct response_query q[QUERIES_MAX];
};

/*
 * Learn from whole windows of the incumbent (others are skipped).  wanted: RESPONSE_AUTO picks the best kind that nine in
 * ten of the windows can answer (half of them, where queries are rare); RESPONSE_TPS is queries where there are too few to
 * count.  With no usable window the kind is RESPONSE_NONE.
 */
void response_learn(struct response_mix *m, enum response_kind wanted, bool saturating, bool open_loop, const struct window *w, int n);

/*
 * Let the verdict be about these queries alone, as for an index that was made for them; the others stay guarded.  Only for
 * time per call: any other kind, and a mix in which none of them is, becomes RESPONSE_NONE.
 */
void response_only(struct response_mix *m, const int64_t *ids, int n);

/* NAN: this window has no response. */
double response_of(const struct response_mix *m, const struct window *w);

/* Which query of the mix has this id; -1: none. */
int response_query(const struct response_mix *m, int64_t id);

#endif
