/* web/event.c - POST /event: something happened. The room ingest keeps it, through web_sources. */
#include "web/inside.h"

/* Its id makes it one event however often it is told, so it needs no Idempotency-Key: 201 the first time, 200 again. */
enum MHD_Result event_post(struct exchange *x)
{
    const struct web_sources *s = &x->web->sources;
    struct fault              fault = { 0 };
    struct body_fault         where = { 0 };
    struct body               body = { 0 };
    json_t                   *out = NULL;
    if (!s->event) {
        (void)fail(&fault, ERR_MISSING, "nothing is taken in here");
        fail_hint(&fault, "set ingest.enabled: yes in the configuration, and restart");
        return answer_problem(x, PROBLEM_NOT_FOUND, &fault, NULL);
    }
    if (body_read(x->body.s, x->body.used, header_content_type(exchange_request_header(x, "Content-Type")), &body, &where, &fault) != OK)
        return command_refuse_body(x, &where, &fault);
    if (!body.json) {
        (void)fail(&fault, ERR_INPUT, "an event is wanted: {\"kind\": \"deploy\", \"service\": ..., \"title\": ...}");
        return answer_problem(x, PROBLEM_MALFORMED, &fault, NULL);
    }
    enum err e = s->event(s->ctx, body.json, &out, &fault);
    json_decref(body.json);
    if (e != OK)
        return answer_fault(x, &fault);
    bool created = json_is_true(json_object_get(out, "created"));
    if (created)
        exchange_header(x, "Location", "/event/%s", json_string_value(json_object_get(out, "event_id")));
    return answer_data(x, created ? 201 : 200, out, NULL);
}
