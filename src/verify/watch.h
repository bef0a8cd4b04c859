/*
 * verify/watch.h - second by second: is the candidate doing harm right now?
 *
 * Windows are what verdicts are made of, but nobody wants to wait for the end of a bad one.  The watch compares the seconds
 * of the running window with the incumbent's level and calls for the undo as soon as harm beyond a tenth is clear, or the
 * load has collapsed.  It can only end a trial, never promote anything, so it may be quick; it allows for the spread of the
 * seconds, for their resemblance, and for how far the incumbent's own windows lie apart.
 *
 * It watches throughput where the load saturates the server, else the mean latency.
 */
#ifndef VERIFY_WATCH_H
#define VERIFY_WATCH_H

#include "model/sample.h"

#include <stdbool.h>

enum watch_kind { WATCH_NOTHING, WATCH_TPS, WATCH_LATENCY };

enum { WATCH_RECENT = 10 };

struct watch {
    enum watch_kind kind;
    double ref, ref_sd;                         /* the incumbent's log level and how far windows of it lie from it; NAN: unknown */
    double n, weight, sum, squares, lagged, last;   /* the running window's seconds */
    double recent[WATCH_RECENT], recent_weight[WATCH_RECENT];
    int    recent_n;                            /* all seconds since the candidate came into force */
};

extern const double watch_harm_log;             /* log(0.9): the tenth */

/* The log level of a window, + is better; NAN when it is unknown. */
double watch_window_level(enum watch_kind kind, const struct window *w);

/* Levels of the incumbent's latest windows, newest last; NANs are skipped. */
void watch_refer(struct watch *w, const double *levels, int n);

void watch_begin_arm(struct watch *w);          /* the candidate has come into force: forget recent seconds */
void watch_begin_window(struct watch *w);
void watch_add(struct watch *w, const struct sample *s);    /* one second of the candidate */

/* Log ratio to the incumbent over the running window, over the last k seconds; NAN: unknown. */
double watch_effect(const struct watch *w);
double watch_recent(const struct watch *w, int k);

/* More than a tenth worse beyond doubt (three standard errors), in the running window. */
bool watch_harm(const struct watch *w);
/* Below half of the incumbent for ten seconds, and in each of the last five. */
bool watch_collapse(const struct watch *w);

#endif
