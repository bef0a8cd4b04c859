/* explain/svg.c - the pictures: convergence, the path, slices of the model, distributions, what matters. */
#include "explain/inside.h"

#include "explain/page_css.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Bytes of text that fit into the boxes of a path, in its two sizes: a picture is no wider for a long name, which the tables have whole. */
enum { NAME_FITS = 64, VALUE_FITS = 76 };
enum { WIDTH = 640, HEIGHT = 240, LEFT = 64, RIGHT = 16, TOP = 14, BOTTOM = 36, TICKS_MAX = 12, BOX = 58, GAP = 26, BAR = 22, GROUP = 34, NAME = 150 };

/* ---- paper ---- */

/* Within a page: narrower than it can be read it is scrolled, with the keyboard, too, instead of shrunk. */
static void open_svg(struct text *out, int height, const char *label, bool alone)
{
    if (!alone)
        html_open_scroll(out, label);
    text_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\"><title>", (int)WIDTH, height, (int)WIDTH, height);
    escape_add(out, ESCAPE_HTML, label);
    text_add(out, "</title>");
    if (alone)
        text_printf(out, "<style>%.*s</style>", (int)explain_page_files[0].size, (const char *)explain_page_files[0].data);
}

static void close_svg(struct text *out, bool alone) { text_add(out, alone ? "</svg>\n" : "</svg></div>\n"); }

static void put_text(struct text *out, double x, double y, const char *class, const char *s)
{
    text_printf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    escape_add(out, ESCAPE_HTML, s);
    text_add(out, "</text>");
}

static void put_line(struct text *out, double x1, double y1, double x2, double y2, const char *class)
{
    text_printf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>", x1, y1, x2, y2, class);
}

static void put_box(struct text *out, double x, double y, double w, double h, const char *class)
{
    text_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"4\" class=\"%s\"/>", x, y, fmax(w, 1), h, class);
}

static void put_dot(struct text *out, double x, double y, double r, const char *class)
{
    text_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" class=\"%s\"/>", x, y, r, class);
}

/* From numbers to places. What is outside is drawn at the edge. */
struct axis { double lo, hi, from, to; bool log; };

static double place(const struct axis *a, double v)
{
    double lo = a->log ? log(a->lo) : a->lo, hi = a->log ? log(a->hi) : a->hi, x = a->log ? log(v) : v;
    double share = hi > lo ? (x - lo) / (hi - lo) : 0.5;
    return a->from + fmin(fmax(share, 0), 1) * (a->to - a->from);
}

static void include(struct axis *a, double v)
{
    if (!isfinite(v))
        return;
    a->lo = fmin(a->lo, v);
    a->hi = fmax(a->hi, v);
}

static double tick_step(const struct axis *a, int wanted)
{
    double raw = (a->hi - a->lo) / wanted, power = pow(10, floor(log10(raw))), part = raw / power;
    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

/* Room for what is drawn, and a line for each round number. */
static void draw_levels(struct text *out, struct axis *a, double left, double right, const char *unit)
{
    char number[40];
    if (a->hi - a->lo < 1e-9 * fmax(fabs(a->hi), 1)) {
        a->lo -= 1;
        a->hi += 1;
    }
    double step = tick_step(a, 4);
    a->lo = floor(a->lo / step) * step;
    a->hi = ceil(a->hi / step) * step;
    for (int i = 0; i <= TICKS_MAX; i++) {
        double v = a->lo + i * step;
        if (v > a->hi + step / 2)
            return;
        put_line(out, left, place(a, v), right, place(a, v), fabs(v) < step / 1e6 ? "zero" : "grid");
        (void)snprintf(number, sizeof number, "%.4g%s%s", fabs(v) < step / 1e6 ? 0 : v, figure_unit_gap(unit), unit);
        put_text(out, left - 6, place(a, v) + 4, "tick end", number);
    }
}

/* ---- convergence ---- */

/* The best before trial i: of its chapter, 0 where that begins. */
static double best_before(const struct explanation *e, int i)
{
    for (int j = i - 1; j >= 0; j--)
        if (e->tried[j].chapter == e->tried[i].chapter)
            return e->tried[j].best;
    return 0;
}

/* Under another load the line begins anew: what was won before is no height to start from. */
static void draw_best(const struct explanation *e, const struct axis *x, const struct axis *y, struct text *out)
{
    text_add(out, "<path class=\"best\" d=\"");
    for (int i = 0; i < e->tries; i++) {
        if (i == 0 || e->tried[i].chapter != e->tried[i - 1].chapter)
            text_printf(out, "M%.1f %.1f", place(x, i), place(y, 100 * expm1(best_before(e, i))));
        text_printf(out, "H%.1fV%.1f", place(x, i + 1), place(y, 100 * expm1(e->tried[i].best)));
    }
    text_add(out, "\"/>");
    for (int i = 1; i < e->tries; i++)
        if (e->tried[i].chapter != e->tried[i - 1].chapter) {
            put_line(out, place(x, i), TOP, place(x, i), HEIGHT - BOTTOM, "grid");
            put_text(out, place(x, i) + 4, TOP + 10, "tick", "another load");
        }
}

void svg_convergence(const struct explanation *e, bool alone, struct text *out)
{
    struct axis x = { 0, e->tries, LEFT, WIDTH - RIGHT, false }, y = { 0, 0, HEIGHT - BOTTOM, TOP, false };
    char        number[16];
    if (e->tries == 0)
        return;
    for (int i = 0; i < e->tries; i++) {
        include(&y, 100 * expm1(e->tried[i].best));
        include(&y, 100 * expm1(e->tried[i].level));                /* unknown where nothing was measured: then it takes no room */
    }
    open_svg(out, HEIGHT, "Convergence: the best configuration so far after each trial, and what each trial reached", alone);
    draw_levels(out, &y, LEFT, WIDTH - RIGHT, "%");
    draw_best(e, &x, &y, out);
    for (int i = 0; i < e->tries; i++) {
        const struct explain_try *t = &e->tried[i];
        if (isfinite(t->level))
            put_dot(out, place(&x, i + 1), place(&y, 100 * expm1(t->level)), t->this_one ? 6 : 3.5, t->this_one ? "dot this" : t->kept ? "dot kept" : "dot");
    }
    int each = e->tries <= 10 ? 1 : (int)tick_step(&x, 8);
    for (int i = each; i <= e->tries; i += each) {
        (void)snprintf(number, sizeof number, "%d", i);
        put_text(out, place(&x, i), HEIGHT - BOTTOM + 16, "tick middle", number);
    }
    put_text(out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 4, "tick middle", "trials with this database");
    close_svg(out, alone);
}

/* ---- the path ---- */

static void draw_arrow(struct text *out, double y)
{
    put_line(out, WIDTH / 2.0, y, WIDTH / 2.0, y + GAP - 6, "arrow");
    text_printf(out, "<path class=\"head\" d=\"M%.1f %.1fl-5 -8h10z\"/>", WIDTH / 2.0, y + GAP);
}

static void draw_station(struct text *out, const struct explain_station *s, double y)
{
    char        a[64], b[64], line[200];
    struct text change CLEANUP(text_done);
    text_init(&change, 400);
    figure_interval(&s->change, s->unit, &change);
    put_box(out, LEFT, y, WIDTH - 2 * LEFT, BOX, s->moved ? "box moved" : "box");
    put_text(out, LEFT + 12, y + 23, "name", s->name);
    (void)snprintf(line, sizeof line, "%s \xe2\x86\x92 %s", figure_with_unit(s->before, s->unit, a, sizeof a), figure_with_unit(s->after, s->unit, b, sizeof b));
    put_text(out, LEFT + 12, y + 44, "value", line);
    put_text(out, WIDTH - LEFT - 12, y + 23, "value end", s->moved ? station_rose(s) ? "\xe2\x96\xb2 moved" : "\xe2\x96\xbc moved" : "not told from chance");
    if (isfinite(s->change.estimate))
        put_text(out, WIDTH - LEFT - 12, y + 44, "value end", change.s);
}

void svg_path(const struct explanation *e, bool alone, struct text *out)
{
    char line[EXPLAIN_LABEL + 140], name[NAME_FITS], value[VALUE_FITS];
    if (e->path == 0 || e->changes == 0)
        return;
    const struct explain_change *c = &e->change[0];
    open_svg(out, 2 * TOP + BOX + e->path * (BOX + GAP), "The path from the change to its effect", alone);
    put_box(out, LEFT, TOP, WIDTH - 2 * LEFT, BOX, "box cause");
    put_text(out, LEFT + 12, TOP + 23, "name", figure_label(c->what, name, sizeof name));
    if (e->changes > 1)
        (void)snprintf(line, sizeof line, "%s%s%s and %d more", c->from, *c->to ? " \xe2\x86\x92 " : "", c->to, e->changes - 1);
    else
        (void)snprintf(line, sizeof line, "%s%s%s", c->from, *c->to ? " \xe2\x86\x92 " : "", c->to);
    put_text(out, LEFT + 12, TOP + 44, "value", figure_label(line, value, sizeof value));
    for (int i = 0; i < e->path; i++) {
        double y = TOP + BOX + i * (BOX + GAP);
        draw_arrow(out, y);
        draw_station(out, &e->station[i], y + GAP);
    }
    close_svg(out, alone);
}

/* ---- slices of the model ---- */

void svg_slice(const struct explain_slice *s, bool alone, struct text *out)
{
    struct axis x = { s->n > 0 ? s->x[0] : 0, s->n > 0 ? s->x[s->n - 1] : 0, LEFT + 8, WIDTH - RIGHT - 24, s->log }, y = { 0, 0, HEIGHT - BOTTOM, TOP, false };
    char        label[160];
    if (s->n < 2)
        return;
    for (int i = 0; i < s->n; i++) {
        include(&y, s->lo[i]);
        include(&y, s->hi[i]);
    }
    (void)snprintf(label, sizeof label, "What the model of all trials believes of %s, everything else as it is in force", s->knob);
    open_svg(out, HEIGHT, label, alone);
    draw_levels(out, &y, LEFT, WIDTH - RIGHT, "%");
    if (!s->category) {
        text_add(out, "<path class=\"band\" d=\"");
        for (int i = 0; i < s->n; i++)
            text_printf(out, "%c%.1f %.1f", i ? 'L' : 'M', place(&x, s->x[i]), place(&y, s->hi[i]));
        for (int i = s->n - 1; i >= 0; i--)
            text_printf(out, "L%.1f %.1f", place(&x, s->x[i]), place(&y, s->lo[i]));
        text_add(out, "Z\"/><path class=\"best\" d=\"");
        for (int i = 0; i < s->n; i++)
            text_printf(out, "%c%.1f %.1f", i ? 'L' : 'M', place(&x, s->x[i]), place(&y, s->y[i]));
        text_add(out, "\"/>");
    }
    for (int i = 0; i < s->n && s->category; i++) {
        put_line(out, place(&x, s->x[i]), place(&y, s->lo[i]), place(&x, s->x[i]), place(&y, s->hi[i]), "whisker");
        put_dot(out, place(&x, s->x[i]), place(&y, s->y[i]), 4.5, "dot kept");
    }
    int each = s->category ? 1 : (s->n - 1) / 4;
    for (int i = 0; i < s->n; i += each > 0 ? each : 1)
        put_text(out, place(&x, s->x[i]), HEIGHT - BOTTOM + 16, "tick middle", s->label[i]);
    /* A special value (-1: automatic) has no place among the others; the ends are rounded to six digits. */
    if (s->in_force >= x.lo - 1e-5 * fabs(x.lo) && s->in_force <= x.hi + 1e-5 * fabs(x.hi)) {
        put_line(out, place(&x, s->in_force), TOP, place(&x, s->in_force), HEIGHT - BOTTOM, "in-force");
        put_text(out, place(&x, s->in_force) - 4, TOP + 10, "tick end", "in force");
    }
    put_text(out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 4, "tick middle", s->knob);
    close_svg(out, alone);
}

/* ---- distributions ---- */

bool spread_changed(const struct explain_spread *s, int period) { return period == PERIOD_WITH || (period == PERIOD_AFTER && !s->put_back); }

void svg_spread(const struct explain_spread *s, bool alone, struct text *out)
{
    struct axis x = { INFINITY, -INFINITY, NAME, WIDTH - RIGHT - 24, false };
    int         groups = 0;
    char        label[200], line[80], number[48];
    for (int p = 0; p < PERIODS; p++)
        if (s->group[p].n > 0) {
            include(&x, s->group[p].lo);
            include(&x, s->group[p].hi);
            groups++;
        }
    if (groups == 0)
        return;
    if (x.hi - x.lo < 1e-9 * fmax(fabs(x.hi), 1)) {
        x.lo -= 1;
        x.hi += 1;
    }
    int height = TOP + groups * GROUP + BOTTOM;
    (void)snprintf(label, sizeof label, "Windows: %s%s%s", s->name, *s->unit ? " in " : "", s->unit);
    open_svg(out, height, label, alone);
    for (int p = 0, at = 0; p < PERIODS; p++) {
        const struct explain_group *g = &s->group[p];
        double y = TOP + (at + 0.5) * GROUP;
        if (g->n == 0)
            continue;
        (void)snprintf(line, sizeof line, "%s%s (%d)", explain_period_name((enum explain_period)p), p == PERIOD_AFTER && s->put_back ? ", put back" : "", g->n);
        put_text(out, NAME - 10, y + 4, "tick end", line);
        put_line(out, place(&x, g->lo), y, place(&x, g->hi), y, "whisker");
        put_box(out, place(&x, g->q1), y - 8, place(&x, g->q3) - place(&x, g->q1), 16, spread_changed(s, p) ? "box moved" : "box");
        for (int i = 0; i < g->dots; i++)
            put_dot(out, place(&x, g->dot[i]), y + 11, 1.6, "grain");
        put_line(out, place(&x, g->median), y - 9, place(&x, g->median), y + 9, "median");
        at++;
    }
    put_text(out, x.from, height - 18, "tick", figure_with_unit(x.lo, s->unit, number, sizeof number));
    put_text(out, x.to, height - 18, "tick end", figure_with_unit(x.hi, s->unit, number, sizeof number));
    put_text(out, (x.from + x.to) / 2, height - 4, "tick middle", s->name);
    close_svg(out, alone);
}

/* ---- what matters ---- */

void svg_weights(const struct explanation *e, bool alone, struct text *out)
{
    char percent[24];
    if (e->weights == 0)
        return;
    open_svg(out, 2 * TOP + e->weights * BAR, "Which parameters matter here", alone);
    for (int i = 0; i < e->weights; i++) {
        double y = TOP + i * BAR, room = WIDTH - 2 * NAME - RIGHT;
        put_text(out, NAME + 62, y + 15, "tick end", e->weight[i].knob);
        put_box(out, NAME + 70, y + 4, fmax(0, e->weight[i].weight) * room, BAR - 8, "bar");
        (void)snprintf(percent, sizeof percent, "%.0f %%", 100 * e->weight[i].weight);
        put_text(out, NAME + 76 + fmax(0, e->weight[i].weight) * room, y + 15, "tick", percent);
    }
    close_svg(out, alone);
}
