/*
 * web/explanation.c - GET /case/{id}/explanation: what the store has of a case and its target, put together by the room explain.
 *
 * It is computed when asked for, a fraction of a second of one processor; more than a few at once are told to come again.
 */
#include "web/inside.h"

#include "explain/explain.h"

#include <string.h>

enum { AT_ONCE_MAX = 2, OUTCOMES_READ = 1000 };

/* A page for itself: its style is within it, and nothing else may be loaded or run. */
#define EXPLANATION_POLICY "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct { const char *name, *type; void (*write)(const struct explanation *e, struct text *out); } formats[] = {
    { "json",     "application/json",             NULL },
    { "markdown", "text/markdown; charset=utf-8", explanation_markdown },
    { "html",     "text/html; charset=utf-8",     explanation_html },
};

static enum err read_minutes(struct store_reader *r, const json_t *file, json_t *minutes, struct fault *fault)
{
    const char *target = json_string_value(json_object_get(json_object_get(file, "case"), "target"));
    int64_t     from_us, to_us;
    enum err    code = OK;
    if (!target || !*target || !explain_span(file, &from_us, &to_us))
        return OK;
    for (int i = 0; i < MECHANISMS && code == OK; i++) {
        json_t *series = NULL;
        code = read_metric(r, target, metric_info[metric_mechanism[i]].name, from_us, to_us, &series, fault);
        if (code == OK)
            (void)json_object_set_new(minutes, metric_info[metric_mechanism[i]].name, series);
    }
    return code;
}

static enum err read_all(struct store_reader *r, const char *id, json_t **file, json_t **outcomes, json_t *minutes, struct fault *fault)
{
    enum err    code = read_case_file(r, id, file, fault);
    const char *target = code == OK ? json_string_value(json_object_get(json_object_get(*file, "case"), "target")) : NULL;
    if (code == OK && target && *target)
        code = read_outcomes(r, target, OUTCOMES_READ, outcomes, fault);
    return code == OK ? read_minutes(r, *file, minutes, fault) : code;
}

static enum err explain(struct exchange *x, struct explanation **e, struct fault *fault)
{
    json_t              *file = NULL, *outcomes = NULL, *minutes = json_object();
    struct store_reader *r = web_reader_take(x->web, fault);
    enum err             code = r ? read_all(r, x->id, &file, &outcomes, minutes, fault) : fault->code;
    if (r)
        web_reader_give(x->web, r, code != ERR_IO);
    if (code == OK)
        code = explain_case(&(struct explain_source){ file, outcomes, minutes }, e, fault);
    json_decref(file);
    json_decref(outcomes);
    json_decref(minutes);
    return code;
}

static enum MHD_Result answer_explanation(struct exchange *x, const struct explanation *e, size_t form)
{
    if (!formats[form].write)
        return answer_data(x, 200, explanation_json(e), NULL);
    struct text out CLEANUP(text_done);
    text_init(&out, EXPLAIN_BYTES_MAX);
    formats[form].write(e, &out);
    if (out.cut)
        return answer_problem(x, PROBLEM_INTERNAL, NULL, NULL);
    exchange_header(x, "Content-Security-Policy", "%s", EXPLANATION_POLICY);
    return answer_text(x, 200, formats[form].type, out.s, out.used);
}

static enum MHD_Result answer_unknown_format(struct exchange *x)
{
    struct fault fault;
    (void)fail(&fault, ERR_INPUT, "format: there is no such format");
    fail_hint(&fault, "json, markdown or html");
    return answer_problem(x, PROBLEM_MALFORMED, &fault, json_pack("{s:s}", "parameter", "format"));
}

enum MHD_Result look_explanation(struct exchange *x)
{
    const char         *said = exchange_query(x, "format");
    struct explanation *e = NULL;
    struct fault        fault = { 0 };
    size_t              form = 0;
    while (said && form < sizeof formats / sizeof formats[0] && strcmp(said, formats[form].name) != 0)
        form++;
    if (form == sizeof formats / sizeof formats[0])
        return answer_unknown_format(x);
    enum err code = atomic_fetch_add(&x->web->explaining, 1) < AT_ONCE_MAX ? explain(x, &e, &fault) : fail(&fault, ERR_BUSY, "other explanations are being made");
    (void)atomic_fetch_sub(&x->web->explaining, 1);
    if (code != OK)
        return answer_fault(x, &fault);
    enum MHD_Result done = answer_explanation(x, e, form);
    explanation_free(e);
    return done;
}
