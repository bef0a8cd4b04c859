/* explain: what is written down is complete, the same each time, of bounded size, and nothing but text whatever the names are. */
#include "unit.h"

#include "explain_world.h"

#include "base/file.h"
#include "base/rand.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct explain_world usual = { .seed = 1, .knob = KNOB_SHARED_BUFFERS, .from = "128MB", .to = "640MB", .design = WORLD_SWITCHBACK, .pairs = 12, .one_way = true, .strength = 0.15, .noise = 0.01, .load = 0.005 };

static char *written(const struct explanation *e, void (*write)(const struct explanation *e, struct text *out))
{
    struct text t;
    text_init(&t, EXPLAIN_BYTES_MAX);
    write(e, &t);
    assert_false(t.cut);
    return text_take(&t);
}

/* ---- golden ---- */

/* By hand, so that no digit depends on a processor. */
static struct explanation *by_hand(void)
{
    struct explanation *e = calloc(1, sizeof *e);
    *e = (struct explanation){ .case_id = "0198c0de", .title = "shared_buffers 128MB -> 640MB", .target = "main", .state = "CLOSED", .method = "planner", .outcome = "better",
        .why = "It was measured.", .planned_why = "The machine has room for it.", .kept = true, .in_force = FORCE_KEPT, .at_us = INT64_C(1767225600) * 1000000, .changes = 1,
        .effect = log(1.2), .lo = log(1.1), .hi = log(1.3), .alpha = 0.05, .response = "time per call of the usual statements", .of_time = true, .randomised = true, .windows_without = 12, .windows_with = 12,
        .stations = 2, .path = 2, .shown = true, .share = 0.8, .units = 1, .refuters = 1, .spreads = 1, .tries = 2, .results = 5, .weights = 2, .slices = 1, .sure = "high", .points = 2 };
    e->change[0] = (struct explain_change){ "shared_buffers", "128MB", "640MB", "more of the data stays in the server's own cache" };
    e->station[0] = (struct explain_station){ "cache hit ratio", "%", 91.2, 97.8, { STANDING_KNOWN, 6.6, 5.9, 7.3, 1e-6, "" }, 1, true, 1 };
    e->station[1] = (struct explain_station){ "throughput", "/s", 812, 1010, { STANDING_KNOWN, 198, 160, 236, 1e-6, "" }, 1, true, 2 };
    e->through = (struct explain_figure){ STANDING_ASSUMED, 158, 120, 196, 1e-4, "if no load that nobody measured acts on two of its stations" };
    e->direct = (struct explain_figure){ STANDING_NOT_IDENTIFIED, NAN, NAN, NAN, NAN, "the steps cannot be told apart" };
    e->unit[0] = (struct explain_unit){ "+100 MB of shared_buffers", "cache hit ratio", "%", "windows with and without the change", { STANDING_KNOWN, 1.29, 1.15, 1.43, 1e-6, "" } };
    e->refuter[0] = (struct explain_refuter){ "only a part of the windows", true, false, 197.5, 198, 0.9, "" };
    struct explain_spread *s = &e->spread[0];
    *s = (struct explain_spread){ .name = "throughput", .unit = "/s" };
    s->group[PERIOD_WITHOUT] = (struct explain_group){ .n = 12, .dots = 2, .lo = 780, .q1 = 800, .median = 812, .q3 = 820, .hi = 850, .dot = { 790, 830 } };
    s->group[PERIOD_WITH] = (struct explain_group){ .n = 12, .dots = 1, .lo = 980, .q1 = 1000, .median = 1010, .q3 = 1020, .hi = 1040, .dot = { 1005 } };
    e->tried = calloc(3, sizeof *e->tried);
    e->tried[0] = (struct explain_try){ .case_id = "0198c0dd", .title = "work_mem 4MB -> 8MB", .result = "undecided", .effect = 0.01, .lo = -0.02, .hi = 0.04, .level = 0.01 };
    e->tried[1] = (struct explain_try){ .case_id = "0198c0de", .title = "shared_buffers 128MB -> 640MB", .result = "better", .kept = true, .this_one = true, .related = true, .effect = log(1.2),
                                        .lo = log(1.1), .hi = log(1.3), .level = log(1.2), .best = log(1.2) };
    e->weight[0] = (struct explain_weight){ "shared_buffers", 0.9 };
    e->weight[1] = (struct explain_weight){ "work_mem", 0.1 };
    e->slice[0] = (struct explain_slice){ .knob = "shared_buffers", .n = 3, .x = { 16384, 49152, 81920 }, .y = { 0, 12, 20 }, .lo = { -2, 8, 15 }, .hi = { 2, 16, 25 }, .label = { "128MB", "384MB", "640MB" }, .in_force = 81920 };
    e->point[0] = (struct explain_point){ true, "Both configurations were in force in turn, in an order drawn by lot." };
    e->point[1] = (struct explain_point){ false, "It rained." };
    return e;
}

/* EXPLAIN_GOLDEN=write renews them; then read the difference. */
static void is_golden(const char *name, const char *text)
{
    char         path[512], *golden = NULL;
    struct fault fault;
    (void)snprintf(path, sizeof path, "%s/%s", EXPLAIN_GOLDEN_FOLDER, name);
    const char *mode = getenv("EXPLAIN_GOLDEN");
    if (mode && strcmp(mode, "write") == 0)
        assert_ok(file_write(path, text, strlen(text), 0644, &fault), &fault);
    assert_ok(file_read(path, EXPLAIN_BYTES_MAX, &golden, NULL, &fault), &fault);
    size_t same = 0;
    while (golden[same] && golden[same] == text[same])
        same++;
    if (strcmp(golden, text) != 0)
        fail_msg("%s differs at byte %zu: \"%.80s\" was \"%.80s\"", name, same, text + same, golden + same);
    free(golden);
}

static void renderings_are_what_was_agreed(void **state)
{
    struct explanation *e = by_hand();
    char *markdown = written(e, explanation_markdown), *html = written(e, explanation_html);
    is_golden("explanation.md", markdown);
    is_golden("explanation.html", html);
    free(markdown);
    free(html);
    explanation_free(e);
}

static int count(const char *s, const char *what)
{
    int n = 0;
    for (; (s = strstr(s, what)); s += strlen(what))
        n++;
    return n;
}

/* On a phone a picture or table is wider than the window: it is scrolled, by the keyboard too, and not shrunk until nobody can read it. */
static void what_is_wide_is_scrolled_and_has_a_name(void **state)
{
    struct explanation *e = by_hand();
    char *html = written(e, explanation_html), *markdown = written(e, explanation_markdown);
    int   wide = count(html, "<table") + count(html, "<svg");
    assert_true(wide >= 9);
    assert_int_equal(count(html, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\""), wide);
    assert_int_equal(count(html, "\"><table><thead>") + count(html, "\"><svg xmlns"), wide);
    assert_int_equal(count(html, "</tbody></table></div>") + count(html, "</svg></div>"), wide);
    assert_int_equal(count(html, "aria-label=\"\""), 0);
    assert_non_null(strstr(html, ".scroll .plot{min-width:36rem}"));
    assert_null(strstr(markdown, "<div"));
    free(html);
    free(markdown);
    explanation_free(e);
}

static int dots(const char *html)
{
    int n = 0;
    while ((html = strstr(html, "<circle")))
        html++, n++;
    return n;
}

/* What an index did to its own statements stands beside what others did to the whole load. */
static void an_effect_on_some_statements_is_told_as_theirs(void **state)
{
    void (*const writers[])(const struct explanation *, struct text *) = { explanation_html, explanation_markdown };
    for (int some = 0; some < 2; some++)
        for (int i = 0; i < 2; i++) {
            struct explanation *e = by_hand();
            if (some)
                e->tried[0].level = NAN;
            char *page = written(e, writers[i]);
            assert_int_equal(strstr(page, "+1.0 % (-2.0 % to +4.1 %) of the statements it was made for") != NULL, some);
            assert_int_equal(strstr(page, "of the statements it was made for") != NULL, some);
            free(page);
            explanation_free(e);
        }
}

/* A result without an effect (statistics were refreshed, a plan was refused), and a value that is none of the ordinary ones. */
static void what_has_no_place_in_a_picture_is_not_drawn_at_its_edge(void **state)
{
    struct explanation *e = by_hand();
    char *html = written(e, explanation_html);
    assert_null(strstr(html, "-100 %"));
    assert_non_null(strstr(html, "class=\"in-force\""));
    int drawn = dots(html);
    free(html);
    e->tried[0].effect = e->tried[0].lo = e->tried[0].hi = e->tried[0].level = NAN;
    e->slice[0].in_force = -1;
    html = written(e, explanation_html);
    assert_null(strstr(html, "-100 %"));
    assert_null(strstr(html, "class=\"in-force\""));
    assert_int_equal(dots(html), drawn - 1);
    assert_non_null(strstr(html, "unknown (unknown to unknown)</td>"));
    free(html);
    explanation_free(e);
}

/* What finding out has cost belongs to what there is to tell; nothing is said of nothing, and of what is not known. */
static void seconds_that_were_worse_while_finding_out_are_told(void **state)
{
    static const struct { double degraded_s; const char *said; } cases[] = { { 42, "; 42.0 s worse than before while finding out" }, { 0, NULL }, { NAN, NULL } };
    void (*const writers[])(const struct explanation *, struct text *) = { explanation_html, explanation_markdown };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int k = 0; k < 2; k++) {
            struct explanation *e = by_hand();
            e->degraded_s = cases[i].degraded_s;
            char *page = written(e, writers[k]);
            assert_true(cases[i].said ? strstr(page, cases[i].said) != NULL : !strstr(page, "while finding out"));
            free(page);
            explanation_free(e);
        }
}

/* Whoever draws a slice has to know whether its values have an order, and how they are spread. */
static void a_slice_for_programs_says_what_kind_of_scale_it_has(void **state)
{
    for (int kind = 0; kind < 4; kind++) {
        struct explanation *e = by_hand();
        e->slice[0].category = kind & 1;
        e->slice[0].log = kind & 2;
        json_t *json = explanation_json(e), *slice = json_array_get(json_object_get(json_object_get(json, "model"), "slices"), 0);
        assert_int_equal(json_is_true(json_object_get(slice, "category")), kind & 1);
        assert_int_equal(json_is_true(json_object_get(slice, "log")), kind >> 1);
        json_decref(json);
        explanation_free(e);
    }
}

/* What was put back is not in force afterwards, and is not drawn as if it were. */
static void windows_after_a_change_that_was_put_back_look_like_those_without_it(void **state)
{
    for (int back = 0; back < 2; back++) {
        struct explanation *e = by_hand();
        e->spread[0].put_back = back;
        e->spread[0].group[PERIOD_AFTER] = e->spread[0].group[PERIOD_WITHOUT];
        char *html = written(e, explanation_html);
        const char *after = strstr(html, back ? ">after, put back (12)</text>" : ">after (12)</text>"), *box = strstr(after, "class=\"box");
        assert_int_equal(strncmp(box, "class=\"box moved\"", 17) != 0, back);
        json_t *json = explanation_json(e), *spread = json_array_get(json_object_get(json, "spreads"), 0), *groups = json_object_get(spread, "groups");
        assert_int_equal(json_is_true(json_object_get(spread, "put_back")), back);
        for (size_t g = 0; g < 3; g++)
            assert_int_equal(json_is_true(json_object_get(json_array_get(groups, g), "changed")), g == 1 || (g == 2 && !back));
        json_decref(json);
        free(html);
        explanation_free(e);
    }
}

/* An index may have a name of 63 bytes and its table another: the table of changes has them whole, the box of the picture holds what fits. */
static void a_long_name_does_not_run_out_of_its_box(void **state)
{
    static const char name[] = "index homeostat_orders_customer_id_delivered_at_status_0123abcd on public.orders_of_last_year";
    struct explanation *e = by_hand();
    (void)text_copy(e->change[0].what, sizeof e->change[0].what, name);
    memset(e->change[0].from, 'f', sizeof e->change[0].from - 1);
    memset(e->change[0].to, 't', sizeof e->change[0].to - 1);
    char       *html = written(e, explanation_html);
    const char *box = strstr(html, "box cause"), *begin = strstr(box ? box : html, "class=\"name\">"), *end = strstr(begin, "</text>"), *value = strstr(end, "class=\"value\">"),
               *value_end = strstr(value, "</text>");
    assert_non_null(strstr(html, name));
    assert_true(end - begin < 80 && strncmp(end - 3, "...", 3) == 0);
    assert_true(value_end - value < 95 && strncmp(value_end - 3, "...", 3) == 0);
    free(html);
    explanation_free(e);
}

static void an_empty_explanation_says_what_it_lacks(void **state)
{
    struct explanation *e = NULL;
    struct fault fault;
    json_t *file = json_pack("{s:{s:s,s:s}}", "case", "id", "x", "title", "nothing yet");
    char    missing[64];
    assert_ok(explain_case(&(struct explain_source){ file, NULL, NULL }, &e, &fault), &fault);
    assert_string_equal(explanation_missing_text(explanation_missing(e), missing, sizeof missing), "change, effect, interval, path");
    char *html = written(e, explanation_html), *markdown = written(e, explanation_markdown);
    assert_non_null(strstr(html, "This explanation lacks: change, effect, interval, path."));
    assert_non_null(strstr(markdown, "Nothing was changed. Its effect was not measured."));
    assert_null(strstr(html, "nan"));
    free(html);
    free(markdown);
    explanation_free(e);
    json_decref(file);
    json_t *nonsense = json_pack("[i]", 1);
    assert_int_equal(explain_case(&(struct explain_source){ nonsense, NULL, NULL }, &e, &fault), ERR_INPUT);
    assert_null(e);
    json_decref(nonsense);
}

/* ---- hostile names ---- */

static const char *const evil[] = {
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'--></title></style><svg onload=alert(1)>", "](javascript:alert(1)) ![x](http://evil/x.png)", "| a | b |\n# head\n---\n",
    "`code` *bold* _em_ ~~no~~ <!-- ", "\x1b[31mred\x07", "right\xe2\x80\xaeleft\xe2\x81\xa6", "broken \xc3( \xff\xfe \xed\xa0\x80", "&lt;b&gt; &amp;", "%s%n%d", "]]></script>",
    "https://evil.example/x", "see www.evil.example or WWW.evil.example", "@everyone, ops@evil.example", "http://@www.",
};

/* Every text of the file, wherever it is, becomes a hostile one; numbers and structure stay. */
static void poison(json_t *j, unsigned *at)
{
    const char *key;
    json_t     *v;
    size_t      i;
    static const char *const needed[] = { "name", "method", "kind", "action", "id", "from", "to", "result_at", "case_id", "result", "what" };
    json_object_foreach(j, key, v) {
        bool keep = false;
        for (size_t k = 0; k < sizeof needed / sizeof needed[0]; k++)
            keep = keep || strcmp(key, needed[k]) == 0;
        if (json_is_string(v) && !keep)
            (void)json_string_set_nocheck(v, evil[(*at)++ % (sizeof evil / sizeof evil[0])]);
        poison(v, at);
    }
    json_array_foreach(j, i, v)
        poison(v, at);
}

/* Only tags that the page uses itself, with only the attributes that it uses. */
static void has_only_own_tags(const char *html)
{
    static const char *const tags[] = { "!doctype", "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "b", "small", "code", "div", "table", "thead", "tbody", "tr", "th",
        "td", "dl", "dt", "dd", "ul", "li", "svg", "text", "line", "rect", "circle", "path" };
    static const char *const attributes[] = { "html", "lang", "charset", "http-equiv", "content", "name", "class", "xmlns", "role", "viewBox", "width", "height", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "d", "tabindex", "aria-label" };
    for (const char *p = html; (p = strchr(p, '<'));) {
        bool known = false;
        p += p[1] == '/' ? 2 : 1;
        size_t n = strcspn(p, " />");
        for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
            known = known || (strlen(tags[i]) == n && strncmp(tags[i], p, n) == 0);
        if (!known)
            fail_msg("a tag that is not ours: <%.60s", p);
        p += n;
        while (*p == ' ') {
            size_t a = strcspn(++p, "=> ");
            known = false;
            for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
                known = known || (strlen(attributes[i]) == a && strncmp(attributes[i], p, a) == 0);
            if (!known)
                fail_msg("an attribute that is not ours: %.60s", p);
            p += a;
            if (p[0] == '=' && p[1] == '"')
                p = strchr(p + 2, '"') + 1;
        }
        assert_true(*p == '>' || *p == '/');
    }
}

static bool has_control_characters(const char *s)
{
    for (; *s; s++)
        if (((unsigned char)*s < ' ' && *s != '\n') || *s == 0x7f)
            return true;
    return false;
}

static void hostile_names_stay_text(void **state)
{
    struct explain_world w = usual;
    json_t  *file, *minutes, *outcomes = explain_world_outcomes(3, 12, "case-1");
    unsigned at = 0;
    struct fault fault;
    for (int round = 0; round < (int)(sizeof evil / sizeof evil[0]); round++) {
        struct explanation *e = NULL;
        explain_world_make(&w, &file, &minutes);
        poison(file, &at);
        json_t *bad = json_deep_copy(outcomes);
        poison(bad, &at);
        (void)json_object_set_new(json_object_get(file, "case"), "id", json_string_nocheck(evil[round]));
        json_t *p = json_array_get(json_object_get(file, "plans"), 0);
        (void)json_array_append_new(json_object_get(json_object_get(p, "proposal"), "changes"), json_pack("{s:o,s:o,s:o}", "name", json_string_nocheck(evil[round]), "from",
                                                                                                          json_string_nocheck(evil[round]), "to", json_string_nocheck(evil[round])));
        assert_ok(explain_case(&(struct explain_source){ file, bad, NULL }, &e, &fault), &fault);
        char *html = written(e, explanation_html), *markdown = written(e, explanation_markdown);
        has_only_own_tags(html);
        assert_false(has_control_characters(html));
        assert_false(has_control_characters(markdown));
        assert_null(strstr(html, "\xe2\x80\xae"));
        assert_null(strchr(markdown, '<'));
        for (const char *at_link = markdown; (at_link = strstr(at_link, "](")); at_link += 2)      /* the only links are our pictures */
            assert_true(at_link[-1] == '\\' || strncmp(at_link + 2, "data:image/svg+xml;base64,", 26) == 0);
        assert_null(strstr(markdown, "://"));                     /* nothing that becomes a link or a mention by itself */
        assert_null(strcasestr(markdown, "www."));
        assert_null(strchr(markdown, '@'));
        assert_null(strstr(markdown, "&#64;e"));
        assert_null(strstr(markdown, "\n# head"));
        json_t *json = explanation_json(e);                       /* jansson refuses what is no UTF-8 */
        char   *text = json ? json_dumps(json, 0) : NULL;
        assert_non_null(text);
        free(text);
        json_decref(json);
        free(html);
        free(markdown);
        explanation_free(e);
        json_decref(bad);
        json_decref(file);
    }
    json_decref(outcomes);
}

/* ---- sizes, and files that are not what they should be ---- */

static void the_largest_case_fits(void **state)
{
    struct explain_world w = usual;
    json_t *file, *minutes, *outcomes = explain_world_outcomes(3, 1000, "case-1");
    struct explanation *e = NULL;
    struct fault fault;
    char *much = malloc(100001);
    w.pairs = 250;
    memset(much, '<', 100000);
    much[100000] = '\0';
    explain_world_make(&w, &file, &minutes);
    json_t *p = json_array_get(json_object_get(file, "plans"), 0);
    (void)json_object_set_new(json_object_get(file, "case"), "title", json_string(much));
    (void)json_object_set_new(json_object_get(p, "proposal"), "why", json_string(much));
    for (int i = 0; i < 400; i++) {
        char name[80];
        (void)snprintf(name, sizeof name, "<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<%d", i);
        (void)json_array_append_new(json_object_get(json_object_get(p, "proposal"), "changes"), json_pack("{s:s,s:s,s:s}", "name", name, "from", much, "to", much));
    }
    size_t  i;
    json_t *o;
    json_array_foreach(outcomes, i, o)
        (void)json_object_set_new(json_object_get(o, "proposal"), "title", json_string(much));
    assert_ok(explain_case(&(struct explain_source){ file, outcomes, NULL }, &e, &fault), &fault);
    assert_int_equal(e->tries, EXPLAIN_TRIES_MAX);
    assert_int_equal(e->tries_before, 800);
    assert_int_equal(e->changes, EXPLAIN_CHANGES_MAX);
    char *html = written(e, explanation_html), *markdown = written(e, explanation_markdown);
    has_only_own_tags(html);
    assert_true(strlen(html) < EXPLAIN_BYTES_MAX / 2 && strlen(markdown) < EXPLAIN_BYTES_MAX / 2);
    free(html);
    free(markdown);
    free(much);
    explanation_free(e);
    json_decref(file);
    json_decref(outcomes);
}

static json_t *nonsense(struct rand *r)
{
    switch (rand_int(r, 0, 7)) {
    case 0:  return json_null();
    case 1:  return json_integer(rand_int(r, -3, 3) * INT64_C(2000000000000000000));
    case 2:  return json_real((rand_unit(r) - 0.5) * 1e308);
    case 3:  return json_string("nonsense");
    case 4:  return json_array();
    case 5:  return json_object();
    case 6:  return json_pack("[f,n,s,[]]", 1e-300, "x");
    default: return json_true();
    }
}

/* Somewhere below j something becomes something else, or is gone. */
static void damage(json_t *j, struct rand *r)
{
    for (int depth = 0; depth < 12; depth++) {
        size_t  n = json_is_object(j) ? json_object_size(j) : json_array_size(j);
        int64_t pick = n ? rand_int(r, 0, (int64_t)n - 1) : 0;
        if (n == 0)
            return;
        void *at = json_object_iter(j);
        for (int64_t i = 0; json_is_object(j) && i < pick; i++)
            at = json_object_iter_next(j, at);
        json_t *inner = json_is_object(j) ? json_object_iter_value(at) : json_array_get(j, (size_t)pick);
        bool    deeper = (json_is_object(inner) || json_is_array(inner)) && rand_unit(r) < 0.85;
        if (!deeper && json_is_object(j))
            (void)json_object_iter_set_new(j, at, nonsense(r));
        else if (!deeper)
            (void)json_array_set_new(j, (size_t)pick, nonsense(r));
        if (!deeper)
            return;
        j = inner;
    }
}

static void damaged_files_are_explained_as_far_as_they_go(void **state)
{
    struct rand r;
    struct fault fault;
    rand_seed(&r, 4);
    for (int i = 0; i < 120; i++) {
        struct explain_world w = usual;
        struct explanation *e = NULL;
        json_t *file, *minutes, *outcomes = explain_world_outcomes(3, 6, "case-1");
        w.design = i % 3 == 2 ? WORLD_MINUTES : WORLD_SWITCHBACK;
        w.pairs = 8;
        explain_world_make(&w, &file, &minutes);
        for (int k = 0; k < 5; k++) {
            damage(file, &r);
            damage(outcomes, &r);
            damage(minutes, &r);
        }
        enum err code = explain_case(&(struct explain_source){ file, outcomes, minutes }, &e, &fault);
        assert_true(code == OK || code == ERR_INPUT);
        if (code == OK) {
            char *html = written(e, explanation_html), *markdown = written(e, explanation_markdown);
            has_only_own_tags(html);
            assert_null(strstr(html, ">nan"));
            free(html);
            free(markdown);
            json_t *json = explanation_json(e);
            assert_non_null(json);
            json_decref(json);
        }
        explanation_free(e);
        json_decref(file);
        json_decref(minutes);
        json_decref(outcomes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renderings_are_what_was_agreed),
        cmocka_unit_test(what_is_wide_is_scrolled_and_has_a_name),
        cmocka_unit_test(an_effect_on_some_statements_is_told_as_theirs),
        cmocka_unit_test(what_has_no_place_in_a_picture_is_not_drawn_at_its_edge),
        cmocka_unit_test(seconds_that_were_worse_while_finding_out_are_told),
        cmocka_unit_test(a_slice_for_programs_says_what_kind_of_scale_it_has),
        cmocka_unit_test(windows_after_a_change_that_was_put_back_look_like_those_without_it),
        cmocka_unit_test(a_long_name_does_not_run_out_of_its_box),
        cmocka_unit_test(an_empty_explanation_says_what_it_lacks),
        cmocka_unit_test(hostile_names_stay_text),
        cmocka_unit_test(the_largest_case_fits),
        cmocka_unit_test(damaged_files_are_explained_as_far_as_they_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
