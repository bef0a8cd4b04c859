/* explain/markdown.c - the explanation as Markdown: tables, and the pictures as data within the text, so that one file is all. */
#include "explain/inside.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void add(struct text *out, const char *s) { escape_add(out, ESCAPE_MARKDOWN, s); }

static void sentence(struct text *out, void (*write)(const struct explanation *e, struct text *out), const struct explanation *e)
{
    struct text t CLEANUP(text_done);
    text_init(&t, 16 * 1024);
    write(e, &t);
    add(out, t.s);
    text_add(out, "\n\n");
}

static void paragraph(struct text *out, const char *s)
{
    if (!*s)
        return;
    add(out, s);
    text_add(out, "\n\n");
}

/* ---- pictures ---- */

static void add_base64(struct text *out, const char *s, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = 0;
        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (i + k < n ? (unsigned char)s[i + k] : 0U);
        char four[4] = { digit[v >> 18], digit[v >> 12 & 63], i + 1 < n ? digit[v >> 6 & 63] : '=', i + 2 < n ? digit[v & 63] : '=' };
        text_add_n(out, four, 4);
    }
}

static void picture(struct text *out, const char *name, const struct text *svg)
{
    if (svg->used == 0 || svg->cut)
        return;
    text_printf(out, "![%s](data:image/svg+xml;base64,", name);
    add_base64(out, svg->s, svg->used);
    text_add(out, ")\n\n");
}

static void picture_of(struct text *out, const char *name, void (*draw)(const struct explanation *e, bool alone, struct text *out), const struct explanation *e)
{
    struct text svg CLEANUP(text_done);
    text_init(&svg, 256 * 1024);
    draw(e, true, &svg);
    picture(out, name, &svg);
}

/* ---- chapters ---- */

static void put_changes(const struct explanation *e, struct text *out)
{
    if (e->changes == 0)
        return;
    text_add(out, "## What was changed\n\n| What | From | To | What it acts through |\n| --- | --- | --- | --- |\n");
    for (int i = 0; i < e->changes; i++) {
        const char *cell[] = { e->change[i].what, e->change[i].from, e->change[i].to, e->change[i].acts };
        for (int k = 0; k < 4; k++) {
            text_add(out, "| ");
            add(out, cell[k]);
            text_add(out, k == 3 ? " |\n" : " ");
        }
    }
    text_add(out, "\n");
    if (*e->planned_why) {
        text_add(out, "Why it was tried: ");
        paragraph(out, e->planned_why);
    }
}

static void put_stations(const struct explanation *e, struct text *out)
{
    if (e->stations == 0)
        return;
    text_add(out, "| | Without | With | Change (95 % interval) | |\n| --- | ---: | ---: | --- | --- |\n");
    for (int i = 0; i < e->stations; i++) {
        const struct explain_station *s = &e->station[i];
        struct text change CLEANUP(text_done);
        char a[64], b[64];
        text_init(&change, 600);
        figure_interval(&s->change, s->unit, &change);
        text_add(out, s->on_path ? "| **" : "| ");
        add(out, s->name);
        text_printf(out, "%s | %s | %s | ", s->on_path ? "**" : "", figure_with_unit(s->before, s->unit, a, sizeof a), figure_with_unit(s->after, s->unit, b, sizeof b));
        add(out, change.s);
        text_printf(out, " | %s |\n", s->moved ? "moved" : "not told from chance");
    }
    text_add(out, "\nIn bold: the path, in its order.\n\n");
}

static void put_through(const struct explanation *e, struct text *out)
{
    const char *unit = e->path > 0 ? e->station[e->path - 1].unit : "";
    const struct { const char *name; const struct explain_figure *f; } rows[] = { { "Along the path, step by step", &e->through }, { "Beside its last mechanism", &e->direct } };
    char share[40];
    for (int i = 0; i < 2 && e->path > 1; i++) {
        struct text t CLEANUP(text_done);
        text_init(&t, 600);
        figure_interval(rows[i].f, unit, &t);
        text_printf(out, "- %s: ", rows[i].name);
        add(out, t.s);
        if (rows[i].f->standing == STANDING_ASSUMED) {
            text_add(out, ", ");
            add(out, rows[i].f->why);
        }
        text_add(out, "\n");
    }
    if (isfinite(e->share))
        text_printf(out, "- Share that goes through it: %s %%\n", figure_number(100 * e->share, share, sizeof share));
    text_add(out, "\n");
}

static void put_units(const struct explanation *e, struct text *out)
{
    if (e->units == 0)
        return;
    text_add(out, "## What one unit does\n\n");
    for (int i = 0; i < e->units; i++) {
        const struct explain_unit *u = &e->unit[i];
        struct text t CLEANUP(text_done);
        text_init(&t, 600);
        figure_interval(&u->figure, u->unit, &t);
        text_add(out, "- ");
        add(out, u->cause);
        text_add(out, " \xe2\x86\x92 ");
        add(out, u->effect);
        text_add(out, " ");
        add(out, t.s);
        text_add(out, "; ");
        add(out, u->how);
        if (u->figure.standing == STANDING_ASSUMED) {
            text_add(out, ", ");
            add(out, u->figure.why);
        }
        text_add(out, "\n");
    }
    text_add(out, "\n");
}

static void put_refuters(const struct explanation *e, struct text *out)
{
    char a[40], b[40], c[40];
    text_add(out, "## Attempts to refute it\n\n");
    if (e->refuters == 0)
        text_add(out, "None could be made: there are too few windows.\n");
    else
        text_add(out, "| Attempt | Effect then | Expected | p | |\n| --- | ---: | ---: | ---: | --- |\n");
    for (int i = 0; i < e->refuters; i++) {
        const struct explain_refuter *r = &e->refuter[i];
        text_add(out, "| ");
        add(out, r->name);
        text_printf(out, " | %s | %s | %s | %s", figure_number(r->mean, a, sizeof a), figure_number(r->expected, b, sizeof b), figure_number(r->p, c, sizeof c),
                    r->known ? r->refuted ? "**refuted**" : "stood" : "could not be made: ");
        if (!r->known)
            add(out, r->why);
        text_add(out, " |\n");
    }
    text_add(out, "\n");
}

static void put_sure(const struct explanation *e, struct text *out)
{
    text_printf(out, "## How sure is that: %s\n\n", e->sure);
    for (int i = 0; i < e->points; i++) {
        text_add(out, e->point[i].good ? "- \xe2\x9c\x93 " : "- \xe2\x9c\x97 ");
        add(out, e->point[i].text);
        text_add(out, "\n");
    }
    text_add(out, "\n");
    if (*e->why) {
        text_add(out, "The verdict said: ");
        paragraph(out, e->why);
    }
}

static void put_tries(const struct explanation *e, struct text *out)
{
    int first = e->tries > EXPLAIN_TRIES_SHOWN ? e->tries - EXPLAIN_TRIES_SHOWN : 0;
    char a[40], b[40], c[40], d[40];
    text_add(out, "## What else was tried\n\n");
    picture_of(out, "Convergence", svg_convergence, e);
    if (e->tries == 0) {
        text_add(out, "Nothing yet.\n\n");
        return;
    }
    text_add(out, "Effects are told as speed, more is better: half the time is +100 %.\n\n");
    if (first + e->tries_before > 0)
        text_printf(out, "The newest of %d; %d older ones are left out.\n\n", e->tries + e->tries_before, first + e->tries_before);
    paragraph(out, figure_chapters(e));
    text_add(out, "| | What | Result | Effect (interval) | Best so far |\n| ---: | --- | --- | --- | ---: |\n");
    for (int i = first; i < e->tries; i++) {
        const struct explain_try *t = &e->tried[i];
        text_printf(out, "| %d | %s%s", i + 1, figure_load(e, i), t->this_one ? "**this one:** " : t->related ? "(the same parameters) " : "");
        add(out, t->title);
        text_add(out, " | ");
        add(out, t->result);
        text_printf(out, "%s | %s (%s to %s)%s | %s |\n", t->kept ? ", kept" : "", figure_percent(t->effect, a, sizeof a), figure_percent(t->lo, b, sizeof b),
                    figure_percent(t->hi, c, sizeof c), figure_scope(t), figure_percent(t->best, d, sizeof d));
    }
    text_add(out, "\n");
}

static void put_model(const struct explanation *e, struct text *out)
{
    text_add(out, "## What matters here\n\n");
    paragraph(out, e->model_why);
    paragraph(out, e->model_doubt);
    picture_of(out, "Importance", svg_weights, e);
    for (int i = 0; i < e->weights; i++)
        text_printf(out, "%d. `%s` %.0f %%\n", i + 1, e->weight[i].knob, 100 * e->weight[i].weight);
    text_add(out, "\n");
    for (int i = 0; i < e->slices; i++) {
        struct text svg CLEANUP(text_done);
        text_init(&svg, 64 * 1024);
        svg_slice(&e->slice[i], true, &svg);
        picture(out, e->slice[i].knob, &svg);
    }
}

static void put_spreads(const struct explanation *e, struct text *out)
{
    for (int i = 0; i < e->spreads; i++) {
        struct text svg CLEANUP(text_done);
        text_init(&svg, 64 * 1024);
        svg_spread(&e->spread[i], true, &svg);
        picture(out, e->spread[i].name, &svg);
    }
}

void explanation_markdown(const struct explanation *e, struct text *out)
{
    char missing[64], when[40];
    text_add(out, "# ");
    add(out, e->title);
    text_add(out, "\n\n");
    sentence(out, explanation_lead, e);
    if (explanation_missing(e))
        text_printf(out, "> This explanation lacks: %s.\n\n", explanation_missing_text(explanation_missing(e), missing, sizeof missing));
    text_add(out, "Case ");
    add(out, e->case_id);
    text_add(out, " on ");
    add(out, *e->target ? e->target : "no target");
    text_add(out, ", ");
    add(out, e->state);
    if (e->at_us > 0)
        text_printf(out, ", verdict of %s", clock_format(e->at_us, when, sizeof when));
    if (e->degraded_s > 0)
        text_printf(out, "; %s s worse than before while finding out", figure_number(e->degraded_s, when, sizeof when));
    text_add(out, ".\n\n");
    put_changes(e, out);
    text_add(out, "## Through what\n\n");
    sentence(out, explanation_way, e);
    picture_of(out, "Path", svg_path, e);
    put_stations(e, out);
    put_through(e, out);
    put_spreads(e, out);
    put_units(e, out);
    put_refuters(e, out);
    put_sure(e, out);
    put_tries(e, out);
    put_model(e, out);
}
