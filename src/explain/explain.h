/*
 * explain/explain.h - why did a change help, or not? From the file of a case and what else was tried, to words, numbers and pictures.
 *
 * A change is followed along a structural model of the server (explain/model.h): parameter -> what goes on inside -> time of a
 * transaction -> throughput.  Each station on the way is compared between the windows with and without the change, with an interval;
 * the strength of single steps is told where the design of the trial identifies it, where an assumption is needed it is
 * said which, and where there are too few windows, that.  Refuters try to break the effect.  Everything is a pure function
 * of stored JSON, so the same case is explained the same way whenever somebody asks.
 *
 *     explain_span(file, &from_us, &to_us);                        which minutes help
 *     explain_case(&(struct explain_source){ file, outcomes, minutes }, &e, fault);
 *     explanation_markdown(e, &text);                              or _html, or _json
 *     if (explanation_missing(e)) ...                              what a reader would miss
 *     explanation_free(e);
 *
 * Numbers that are not known are NAN and are said to be unknown.  Texts out of the database are data: every rendering escapes
 * them, and all of them together stay below EXPLAIN_BYTES_MAX.
 */
#ifndef EXPLAIN_EXPLAIN_H
#define EXPLAIN_EXPLAIN_H

#include "base/err.h"
#include "base/text.h"
#include "model/sample.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    EXPLAIN_CHANGES_MAX = 24, EXPLAIN_STATIONS_MAX = 20, EXPLAIN_UNITS_MAX = 12, EXPLAIN_REFUTERS_MAX = 4, EXPLAIN_TRIES_MAX = 200, EXPLAIN_TRIES_SHOWN = 30,
    EXPLAIN_WEIGHTS_MAX = 12, EXPLAIN_SLICES_MAX = 3, EXPLAIN_SLICE_POINTS = 17, EXPLAIN_SPREADS_MAX = 3, EXPLAIN_DOTS_MAX = 48, EXPLAIN_POINTS_MAX = 10,
    EXPLAIN_LABEL = 96, EXPLAIN_LINE = 240, EXPLAIN_WHY = 800,
    EXPLAIN_BYTES_MAX = 1024 * 1024      /* of one rendering */
};

/* How much a number can be trusted to be an effect. */
enum explain_standing {
    STANDING_KNOWN,            /* the design of the trial identifies it: the order was drawn by lot */
    STANDING_ASSUMED,          /* it is one if what `why` names holds */
    STANDING_NOT_IDENTIFIED,   /* no analysis of what was observed can tell */
    STANDING_TOO_FEW,          /* too few windows */
    STANDING_NO_DATA,          /* it was not observed */
    STANDINGS
};
const char *explain_standing_name(enum explain_standing s);   /* "known", "assumed", "not identified", ... */

struct explain_figure {
    enum explain_standing standing;
    double estimate, lo, hi, p;          /* 95 % interval; NAN unless known or assumed */
    char   why[EXPLAIN_LINE];            /* what is assumed, or why there is no number; may be empty */
};

struct explain_change { char what[EXPLAIN_LABEL], from[64], to[64], acts[EXPLAIN_LINE]; };   /* from and to may be empty; acts: through what, as the model has it */

/* One thing that goes on in the server, with and without the change. */
struct explain_station {
    char   name[EXPLAIN_LABEL], unit[24];
    double before, after;                /* means over the windows without and with the change */
    struct explain_figure change;        /* in the unit */
    int    expected;                     /* +1, -1: where the model says it should go; 0: either way */
    bool   moved;                        /* beyond what chance does, all stations together */
    int    on_path;                      /* 1, 2, ...: its place on the path; 0: beside it */
};

/* "+1 GB of shared_buffers -> +2.2 % cache hit ratio" */
struct explain_unit { char cause[EXPLAIN_LABEL], effect[EXPLAIN_LABEL], unit[24], how[EXPLAIN_LINE]; struct explain_figure figure; };

struct explain_refuter { const char *name; bool known, refuted; double mean, expected, p; char why[EXPLAIN_LINE]; };

struct explain_try {
    char    case_id[40], title[EXPLAIN_LABEL * 2], result[24];
    int64_t at_us;
    bool    kept, this_one, related;     /* related: it was about the same parameters */
    double  effect, lo, hi;              /* log ratios, + is better */
    int     chapter;                     /* levels can be compared within one: with another load the next one begins, or one that knows what is in force goes on */
    double  level, best;                 /* against the configuration before the first of its chapter: of this one (NAN: not measured on all of the load), and the best that was kept so far */
};

struct explain_weight { char knob[64]; double weight; };
struct explain_slice  { char knob[64]; bool category, log; int n; double x[EXPLAIN_SLICE_POINTS], y[EXPLAIN_SLICE_POINTS], lo[EXPLAIN_SLICE_POINTS], hi[EXPLAIN_SLICE_POINTS];
                        char label[EXPLAIN_SLICE_POINTS][24]; double in_force; };

enum explain_period { PERIOD_BEFORE, PERIOD_WITHOUT, PERIOD_WITH, PERIOD_AFTER, PERIODS };
const char *explain_period_name(enum explain_period p);
struct explain_group  { int n, dots; double lo, q1, median, q3, hi, dot[EXPLAIN_DOTS_MAX]; };
struct explain_spread { char name[EXPLAIN_LABEL], unit[24]; bool put_back /* after is without it */; struct explain_group group[PERIODS]; };

/* Whether the change is in force. Kept and not kept are what the outcome says; without one it is how far the run has got. */
enum explain_force {
    FORCE_UNKNOWN, FORCE_KEPT, FORCE_NOT_KEPT, FORCE_PLANNED, FORCE_GIVEN_UP, FORCE_NOT_DONE, FORCE_UNDER_WAY, FORCE_ON_TRIAL, FORCE_PUTTING_BACK, FORCE_PUT_BACK,
    FORCE_READ_BACK,                     /* a result was lost, and what is in force was read back since */
    FORCES
};

struct explain_point { bool good; char text[EXPLAIN_LINE]; };

struct explanation {
    char    case_id[40], title[EXPLAIN_LINE], target[64], state[24], method[24], outcome[24], why[EXPLAIN_WHY], planned_why[EXPLAIN_WHY];
    bool    kept;                        /* proven: the outcome says so */
    enum explain_force in_force;
    int64_t at_us;                       /* of the verdict, wall; 0: none */
    int     changes;
    struct explain_change change[EXPLAIN_CHANGES_MAX];

    /* the effect, as the verdict has it: a log ratio of the response, + is better */
    double  effect, lo, hi, alpha, degraded_s;
    bool    proven;                      /* better, within the error that was allowed: by the interval, or by the signs of the pairs, or at an earlier look */
    char    response[EXPLAIN_LABEL];     /* what that is: "time per call"; empty: not known, told as speed */
    bool    of_time;                     /* less of it is better */

    /* the way */
    bool    randomised;                  /* the order of the windows was drawn by lot */
    bool    paired;                      /* windows were compared within blocks */
    bool    from_minutes;                /* from minutes, because the trial kept no windows */
    int     windows_without, windows_with;
    int     stations;                    /* those of the path first, in order */
    struct explain_station station[EXPLAIN_STATIONS_MAX];
    int     path;                        /* so many of them are on it, the outcome last; 0: none */
    bool    shown;                       /* each station before the outcome moved, the way the model expects */
    struct explain_figure through;       /* what goes along the path, in the unit of its last station */
    struct explain_figure direct;        /* what does not go through the last mechanism of the path */
    double  share;                       /* through / all, NAN unknown */
    char    way[EXPLAIN_LINE];           /* what there is to say of it when it is not shown */
    int     units;
    struct explain_unit unit[EXPLAIN_UNITS_MAX];
    int     refuters;
    struct explain_refuter refuter[EXPLAIN_REFUTERS_MAX];
    int     spreads;
    struct explain_spread spread[EXPLAIN_SPREADS_MAX];

    /* everything that was tried with the target, oldest first */
    int     tries, tries_before;         /* tries_before: older ones that are left out */
    struct explain_try *tried;           /* [tries], owned */
    int     chapters;                    /* that they fall into, by their load */
    int     results;                     /* of this case's chapter that a model could learn from */
    int     weights;
    struct explain_weight weight[EXPLAIN_WEIGHTS_MAX];
    int     slices;
    struct explain_slice slice[EXPLAIN_SLICES_MAX];
    char    model_why[EXPLAIN_LINE];     /* why there is no model, when there is none */
    char    model_doubt[EXPLAIN_LINE];   /* what there is to say against it; may be empty */

    /* how sure */
    const char *sure;                    /* "high", "fair", "low", "none" */
    int     points;
    struct explain_point point[EXPLAIN_POINTS_MAX];
};

/* What it is made from. minutes: {"tps": {"bucket": [...], "avg": [...]}, ...} as store/read.h has them; may be NULL. */
struct explain_source { const json_t *file, *outcomes, *minutes; };

/* The minutes around the change that would help. False: nothing was done that minutes could tell about. */
bool explain_span(const json_t *file, int64_t *from_us, int64_t *to_us);

/* ERR_INPUT: that is no file of a case. Nothing less is refused: what is missing is said to be missing. */
MUST_CHECK enum err explain_case(const struct explain_source *source, struct explanation **out, struct fault *fault);
void                explanation_free(struct explanation *e);

/*
 * To each of all outcomes of a target, newest first as the store has them: "chapter", "level" and "best" as in struct explain_try, and
 * "before", the level of what was in force when it was tried.
 */
MUST_CHECK enum err explain_levels(json_t *outcomes, struct fault *fault);

/* What somebody who reads it would miss. */
enum explain_missing { MISSING_CHANGE = 1, MISSING_EFFECT = 2, MISSING_INTERVAL = 4, MISSING_PATH = 8 };
unsigned explanation_missing(const struct explanation *e);
/* "effect, path"; "" for nothing. Returns out. */
char    *explanation_missing_text(unsigned missing, char *out, size_t size);

/* Sentences, not escaped: what was changed and what came of it; and through what. */
void explanation_lead(const struct explanation *e, struct text *out);
void explanation_way(const struct explanation *e, struct text *out);

/* Renderings. Each is complete by itself; cut when it would exceed the text's maximum. */
void    explanation_markdown(const struct explanation *e, struct text *out);
void    explanation_html(const struct explanation *e, struct text *out);       /* one file: no scripts, nothing from elsewhere */
json_t *explanation_json(const struct explanation *e);

#endif
