/*
 * explain/inside.h - what the chapters of this room share: the case as it was read, and the order in which they add to an explanation.
 */
#ifndef EXPLAIN_INSIDE_H
#define EXPLAIN_INSIDE_H

#include "explain/explain.h"
#include "explain/model.h"

#include <math.h>

enum { EXPLAIN_ROWS_MAX = 1400 };        /* the windows of a trial and of its history, minutes before and after */

struct explain_row { enum explain_period period; int64_t at_us /* of a minute */; int block; double seconds, v[MECHANISMS]; };   /* block: -1 outside a switchback */

struct explain_knob { enum knob_id id; double from, to; };

/* What was read of one case. */
struct explain_case {
    int                 knobs;           /* parameters among the changes */
    struct explain_knob knob[EXPLAIN_CHANGES_MAX];
    int                 actions[CHANGE_ACTIONS];      /* CHANGE_INDEX, CHANGE_STATISTICS, CHANGE_INDEX_DROP, each in its place, or 0 */
    enum verify_class   method;
    bool                by_throughput;   /* the verdict was about transactions per second */
    int                 rows;
    struct explain_row  row[EXPLAIN_ROWS_MAX];
};

/* read.c */
void explain_read(const struct explain_source *s, struct explanation *e, struct explain_case *c);
/* "from" -> "to" of a proposal's or a step's list of settings; those that are no known parameters are left out. Returns how many. */
int  explain_read_knobs(const json_t *changes, struct explain_knob *knob, int max);
/* Up (+1) or down (-1) did the change of an entry of the model go? 0: neither, or not known. *made: it is one of the case's changes. */
int  explain_direction(const struct explain_case *c, int change, bool *made);
const char *explain_text_of(const json_t *o, const char *name);     /* "" when it is none */
double      explain_real_of(const json_t *o, const char *name);     /* NAN when it is none */

/* force.c: is it in force? */
enum explain_force force_of(const json_t *file);
const char        *force_words(enum explain_force f);          /* "kept", "what is in force is not known" */

/* way.c, strength.c: through what. */
void way_missing(struct explanation *e);                      /* as long as nothing is known */
MUST_CHECK enum err way_explain(const struct explain_case *c, struct explanation *e, struct fault *fault);
void spread_explain(const struct explain_case *c, struct explanation *e);

/* trials.c: what else was tried. */
MUST_CHECK enum err trials_explain(const json_t *outcomes, const struct explain_case *c, struct explanation *e, struct fault *fault);

/* Which way a station went: its change says so, in which load is held still; the means of the windows may differ. */
static inline bool station_rose(const struct explain_station *s) { return isfinite(s->change.estimate) ? s->change.estimate >= 0 : s->after >= s->before; }

/* sure.c: how sure that is. */
void sure_explain(struct explanation *e);

/* figure.c: numbers and texts as people read them. */
char *figure_number(double x, char *out, size_t size);                        /* three digits that count; "unknown" */
char *figure_signed(double x, char *out, size_t size);
char *figure_percent(double log_ratio, char *out, size_t size);               /* "+12.3 %" */
/* Under another load than the one tried before it: "(the load is another one) ", else "". */
const char *figure_load(const struct explanation *e, int i);
/* What there is to say of levels where the load was not the same all the time; "" where it was. */
const char *figure_chapters(const struct explanation *e);
const char *figure_scope(const struct explain_try *t);          /* whose effect it is: "", or " of the statements it was made for" */
char *figure_share(double ratio, char *out, size_t size);                     /* "+12.3 %" of a plain ratio - 1 */
char *figure_label(const char *from, char *out, size_t size);                 /* a copy without control characters and half characters */
enum escape { ESCAPE_PLAIN, ESCAPE_MARKDOWN, ESCAPE_HTML };
void  escape_add(struct text *out, enum escape how, const char *s);
static inline const char *figure_unit_gap(const char *unit) { return *unit == '\0' || *unit == '/' ? "" : " "; }
/* "91.2 %"; "+6.6 % (5.9 to 7.3)". */
char *figure_with_unit(double x, const char *unit, char *out, size_t size);
void  figure_interval(const struct explain_figure *f, const char *unit, struct text *out);

/* html.c: opens a <div> that is scrolled where what it holds is wider than the window, with a name for those who do not see it. */
void html_open_scroll(struct text *out, const char *name);

/*
 * svg.c: pictures, nothing but shapes and escaped text that the style sheet of the page colours.  alone: the style goes along, for a
 * picture in a file of its own.  One that has nothing to show draws nothing.
 */
void svg_convergence(const struct explanation *e, bool alone, struct text *out);
void svg_path(const struct explanation *e, bool alone, struct text *out);
void svg_slice(const struct explain_slice *s, bool alone, struct text *out);
void svg_spread(const struct explain_spread *s, bool alone, struct text *out);
/* Was what is explained in force in this period? */
bool spread_changed(const struct explain_spread *s, int period);
void svg_weights(const struct explanation *e, bool alone, struct text *out);

#endif
