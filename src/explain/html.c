/* explain/html.c - the explanation as one page of HTML: its style sheet within it, no scripts, nothing from elsewhere, light and dark. */
#include "explain/inside.h"

#include "base/clock.h"
#include "explain/page_css.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void add(struct text *out, const char *s) { escape_add(out, ESCAPE_HTML, s); }

static void element(struct text *out, const char *tag, const char *class, const char *s)
{
    text_printf(out, "<%s%s%s%s>", tag, *class ? " class=\"" : "", class, *class ? "\"" : "");
    add(out, s);
    text_printf(out, "</%s>", tag);
}

static void paragraph(struct text *out, const char *class, const char *before, const char *s)
{
    if (!*s)
        return;
    text_printf(out, "<p class=\"%s\">%s", class, before);
    add(out, s);
    text_add(out, "</p>\n");
}

static void sentence(struct text *out, const char *class, void (*write)(const struct explanation *e, struct text *out), const struct explanation *e)
{
    struct text t CLEANUP(text_done);
    text_init(&t, 16 * 1024);
    write(e, &t);
    paragraph(out, class, "", t.s);
}

static void figure_cell(struct text *out, const struct explain_figure *f, const char *unit)
{
    struct text t CLEANUP(text_done);
    text_init(&t, 600);
    figure_interval(f, unit, &t);
    add(out, t.s);
    if (f->standing == STANDING_ASSUMED) {
        text_add(out, " <small>");
        add(out, f->why);
        text_add(out, "</small>");
    }
}

void html_open_scroll(struct text *out, const char *name)
{
    text_add(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
    add(out, name);
    text_add(out, "\">");
}

static void begin_table(struct text *out, const char *name, const char *const *heads, int n)
{
    html_open_scroll(out, name);
    text_add(out, "<table><thead><tr>");
    for (int i = 0; i < n; i++)
        element(out, "th", "", heads[i]);
    text_add(out, "</tr></thead><tbody>\n");
}

static void end_table(struct text *out) { text_add(out, "</tbody></table></div>\n"); }

/* ---- chapters ---- */

static void put_changes(const struct explanation *e, struct text *out)
{
    static const char *const heads[] = { "What", "From", "To", "What it acts through" };
    if (e->changes == 0)
        return;
    text_add(out, "<h2>What was changed</h2>\n");
    begin_table(out, "What was changed", heads, 4);
    for (int i = 0; i < e->changes; i++) {
        text_add(out, "<tr>");
        element(out, "th", "", e->change[i].what);
        element(out, "td", "", e->change[i].from);
        element(out, "td", "", e->change[i].to);
        element(out, "td", "", e->change[i].acts);
        text_add(out, "</tr>\n");
    }
    end_table(out);
    paragraph(out, "why", "<b>Why it was tried:</b> ", e->planned_why);
}

static void put_stations(const struct explanation *e, struct text *out)
{
    static const char *const heads[] = { "Path", "", "Without", "With", "Change (95 % interval)", "" };
    char a[64];
    if (e->stations == 0)
        return;
    begin_table(out, "What was measured, without and with the change", heads, 6);
    for (int i = 0; i < e->stations; i++) {
        const struct explain_station *s = &e->station[i];
        text_add(out, s->on_path ? "<tr class=\"on-path\"><td>" : "<tr><td>");
        if (s->on_path)
            text_printf(out, "%d", s->on_path);
        text_add(out, "</td>");
        element(out, "th", "", s->name);
        element(out, "td", "num", figure_with_unit(s->before, s->unit, a, sizeof a));
        element(out, "td", "num", figure_with_unit(s->after, s->unit, a, sizeof a));
        text_add(out, "<td>");
        figure_cell(out, &s->change, s->unit);
        text_printf(out, "</td><td>%s</td></tr>\n", s->moved ? "moved" : "not told from chance");
    }
    end_table(out);
}

static void put_way(const struct explanation *e, struct text *out)
{
    const char *unit = e->path > 0 ? e->station[e->path - 1].unit : "";
    char        share[40];
    text_add(out, "<h2>Through what</h2>\n");
    sentence(out, "lead", explanation_way, e);
    svg_path(e, false, out);
    put_stations(e, out);
    if (e->path < 2)
        return;
    text_add(out, "<dl><dt>Along the path, step by step</dt><dd>");
    figure_cell(out, &e->through, unit);
    text_add(out, "</dd><dt>Beside its last mechanism</dt><dd>");
    figure_cell(out, &e->direct, unit);
    if (isfinite(e->share))
        text_printf(out, "</dd><dt>Share that goes through it</dt><dd>%s %%", figure_number(100 * e->share, share, sizeof share));
    text_add(out, "</dd></dl>\n");
}

static void put_units(const struct explanation *e, struct text *out)
{
    static const char *const heads[] = { "One more", "does to", "this (95 % interval)", "as seen by" };
    if (e->units == 0)
        return;
    text_add(out, "<h2>What one unit does</h2>\n");
    begin_table(out, "What one unit does", heads, 4);
    for (int i = 0; i < e->units; i++) {
        const struct explain_unit *u = &e->unit[i];
        text_add(out, "<tr>");
        element(out, "th", "", u->cause);
        element(out, "td", "", u->effect);
        text_add(out, "<td>");
        figure_cell(out, &u->figure, u->unit);
        text_add(out, "</td>");
        element(out, "td", "dim", u->how);
        text_add(out, "</tr>\n");
    }
    end_table(out);
}

static void put_refuters(const struct explanation *e, struct text *out)
{
    static const char *const heads[] = { "Attempt", "Effect then", "Expected", "p", "" };
    char a[40];
    text_add(out, "<h2>Attempts to refute it</h2>\n");
    if (e->refuters == 0) {
        text_add(out, "<p>None could be made: there are too few windows.</p>\n");
        return;
    }
    begin_table(out, "Attempts to refute it", heads, 5);
    for (int i = 0; i < e->refuters; i++) {
        const struct explain_refuter *r = &e->refuter[i];
        text_add(out, "<tr>");
        element(out, "th", "", r->name);
        element(out, "td", "num", figure_number(r->mean, a, sizeof a));
        element(out, "td", "num", figure_number(r->expected, a, sizeof a));
        element(out, "td", "num", figure_number(r->p, a, sizeof a));
        text_printf(out, "<td>%s", r->known ? r->refuted ? "<b>refuted</b>" : "stood" : "could not be made: ");
        if (!r->known)
            add(out, r->why);
        text_add(out, "</td></tr>\n");
    }
    end_table(out);
}

static void put_sure(const struct explanation *e, struct text *out)
{
    text_printf(out, "<h2>How sure is that: %s</h2>\n<ul class=\"points\">\n", e->sure);
    for (int i = 0; i < e->points; i++) {
        text_printf(out, "<li class=\"%s\"><b>%s</b> ", e->point[i].good ? "good" : "bad", e->point[i].good ? "For:" : "Against:");
        add(out, e->point[i].text);
        text_add(out, "</li>\n");
    }
    text_add(out, "</ul>\n");
    paragraph(out, "why", "<b>The verdict said:</b> ", e->why);
}

static void put_try(const struct explanation *e, int i, struct text *out)
{
    const struct explain_try *t = &e->tried[i];
    char a[40], b[40], c[40];
    text_printf(out, "<tr%s><td class=\"num\">%d</td><td>%s", t->this_one ? " class=\"on-path\"" : "", i + 1, figure_load(e, i));
    add(out, t->title);
    text_printf(out, "%s</td><td>", t->this_one ? " <small>this one</small>" : t->related ? " <small>the same parameters</small>" : "");
    add(out, t->result);
    text_printf(out, "%s</td><td>%s (%s to %s)%s</td>", t->kept ? ", kept" : "", figure_percent(t->effect, a, sizeof a), figure_percent(t->lo, b, sizeof b), figure_percent(t->hi, c, sizeof c), figure_scope(t));
    text_printf(out, "<td class=\"num\">%s</td></tr>\n", figure_percent(t->best, a, sizeof a));
}

static void put_tries(const struct explanation *e, struct text *out)
{
    static const char *const heads[] = { "Trial", "What", "Result", "Effect (interval)", "Best so far" };
    int first = e->tries > EXPLAIN_TRIES_SHOWN ? e->tries - EXPLAIN_TRIES_SHOWN : 0;
    text_add(out, "<h2>What else was tried</h2>\n");
    if (e->tries == 0) {
        text_add(out, "<p>Nothing yet.</p>\n");
        return;
    }
    svg_convergence(e, false, out);
    text_add(out, "<p class=\"dim\">Effects are told as speed, more is better: half the time is +100 %.</p>\n");
    if (first + e->tries_before > 0)
        text_printf(out, "<p class=\"dim\">The newest of %d; %d older ones are left out.</p>\n", e->tries + e->tries_before, first + e->tries_before);
    paragraph(out, "dim", "", figure_chapters(e));
    begin_table(out, "What else was tried", heads, 5);
    for (int i = first; i < e->tries; i++)
        put_try(e, i, out);
    end_table(out);
}

static void put_model(const struct explanation *e, struct text *out)
{
    text_add(out, "<h2>What matters here</h2>\n");
    paragraph(out, "dim", "", e->model_why);
    paragraph(out, "lacks", "", e->model_doubt);
    svg_weights(e, false, out);
    for (int i = 0; i < e->slices; i++)
        svg_slice(&e->slice[i], false, out);
    if (e->slices > 0)
        text_printf(out, "<p class=\"dim\">The line is what a Gaussian process believes after %d results, the band its 95 %% interval; gains are against the configuration before the first trial%s.</p>\n", e->results,
                    e->chapters > 1 ? " under the load of this case" : "");
}

static void put_facts(const struct explanation *e, struct text *out)
{
    char when[40];
    text_add(out, "<p class=\"dim\">Case <code>");
    add(out, e->case_id);
    text_add(out, "</code> on ");
    add(out, *e->target ? e->target : "no target");
    text_add(out, ", ");
    add(out, e->state);
    if (e->at_us > 0)
        text_printf(out, ", verdict of %s", clock_format(e->at_us, when, sizeof when));
    if (e->degraded_s > 0)
        text_printf(out, "; %s s worse than before while finding out", figure_number(e->degraded_s, when, sizeof when));
    text_add(out, "</p>\n");
}

void explanation_html(const struct explanation *e, struct text *out)
{
    char missing[64];
    text_add(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\n");
    element(out, "title", "", e->title);
    text_printf(out, "\n<style>%.*s</style></head>\n<body><main>\n", (int)explain_page_files[0].size, (const char *)explain_page_files[0].data);
    element(out, "h1", "", e->title);
    text_add(out, "\n");
    sentence(out, "lead", explanation_lead, e);
    if (explanation_missing(e))
        text_printf(out, "<p class=\"lacks\">This explanation lacks: %s.</p>\n", explanation_missing_text(explanation_missing(e), missing, sizeof missing));
    put_facts(e, out);
    put_changes(e, out);
    put_way(e, out);
    if (e->spreads > 0)
        text_add(out, "<h2>Before and after</h2>\n");
    for (int i = 0; i < e->spreads; i++)
        svg_spread(&e->spread[i], false, out);
    put_units(e, out);
    put_refuters(e, out);
    put_sure(e, out);
    put_tries(e, out);
    put_model(e, out);
    text_add(out, "</main></body></html>\n");
}
