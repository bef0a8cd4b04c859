/*
 * verify/harm_watch.h - second by second: is the candidate doing harm right now?
 *
 * Windows are what verdicts are made of, but nobody wants to wait for the end of a bad one.  The watch compares the seconds
 * of the running window with the incumbent's level and calls for the undo as soon as harm beyond a tenth is clear, or the
 * load has collapsed: lower than this database ever falls by itself.  It can only end a trial, never promote anything, so it may be quick; it allows for the spread of the
 * seconds, for their resemblance, and for how far the incumbent's own windows lie apart.
 *
 * It watches throughput where the load saturates the server, else the mean latency.
 */
#ifndef VERIFY_HARM_WATCH_H
#define VERIFY_HARM_WATCH_H

#include "model/sample.h"
#include "verify/lull.h"

#include <stdbool.h>

enum harm_watch_kind { HARM_WATCH_NOTHING, HARM_WATCH_TPS, HARM_WATCH_LATENCY };

struct harm_watch {
    enum harm_watch_kind kind;
    double ref, ref_sd;                         /* the incumbent's log level and how far windows of it lie from it; NAN: unknown */
    double n, weight, sum, squares, lagged, last;   /* the running window's seconds */
    double ref_lull;                            /* log level of the ten seconds that are the worst in one of its windows in ten; NAN: unknown */
    struct lull recent;                         /* seconds since the candidate came into force */
    double all_weight, all_sum;                 /* all of them */
};

extern const double harm_watch_tenth;             /* log(0.9): the tenth */

/* The log level of a window, + is better; NAN when it is unknown. */
double harm_watch_level(enum harm_watch_kind kind, const struct window *w);

/* The level of its worst ten seconds, on the same scale; NAN when it is unknown. */
double harm_watch_lull(enum harm_watch_kind kind, const struct window *w);

/* Levels and lulls of the incumbent's latest windows, newest last; NANs are skipped. */
void harm_watch_refer(struct harm_watch *w, const double *levels, const double *lulls, int n);

void harm_watch_begin_arm(struct harm_watch *w);          /* the candidate has come into force: forget recent seconds */
void harm_watch_begin_window(struct harm_watch *w);
void harm_watch_add(struct harm_watch *w, const struct sample *s);    /* one second of the candidate */

/* Log ratio to the incumbent over the running window, over the last k seconds; NAN: unknown. */
double harm_watch_effect(const struct harm_watch *w);
double harm_watch_recent(const struct harm_watch *w, int k);
/* The same over all seconds since the candidate came into force: above 0 it has done more than the incumbent would have. */
double harm_watch_all(const struct harm_watch *w);

/* More than a tenth worse beyond doubt (three standard errors), in the running window, and more than one of its own lulls would make it. */
bool harm_watch_fires(const struct harm_watch *w);
/* Does the incumbent commit nothing for ten seconds by itself, in one window of ten? */
bool harm_watch_stands_still(const struct harm_watch *w);
/* For ten seconds, and in each of the last five, below half of the incumbent, and a third below what it falls to by itself. */
bool harm_watch_collapse(const struct harm_watch *w);

#endif
