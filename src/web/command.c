/*
 * web/command.c - requests that go to the engine.
 *
 * The connection is set aside (suspended), the engine takes the request over, and its reply - on the engine's thread
 * - is copied and the connection picked up again by the thread it belongs to.  A wait has two owners, the request and
 * the engine, so that either may be gone before the other: when the engine does not answer in time the client gets
 * 503 and the late reply finds nobody.
 */
#include "web/inside.h"

#include "base/crash.h"
#include "base/log.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const int64_t grace_us = 30 * US_PER_S;   /* the engine may take so much longer than the client is willing to wait */

struct wait {
    struct wait           *before, *after;     /* of the web's list */
    int64_t                due_us;             /* mono */

    pthread_mutex_t        lock;               /* of everything below */
    int                    owners;
    bool                   done;               /* the answer is decided; the connection has been resumed */
    bool                   given_up;           /* by us, not by the engine */
    bool                   refused;            /* the engine did not take it: fault */
    struct fault           fault;
    struct MHD_Connection *connection;
    struct engine_reply    reply;              /* its body is ours */
    char                  *body;
};

static void wait_drop(struct wait *t)
{
    (void)pthread_mutex_lock(&t->lock);
    bool last = --t->owners == 0;
    (void)pthread_mutex_unlock(&t->lock);
    if (!last)
        return;
    (void)pthread_mutex_destroy(&t->lock);
    free(t->body);
    free(t);
}

/* On the engine's thread. */
static void on_reply(void *ctx, const struct engine_reply *r)
{
    struct wait *t = ctx;
    char        *body = r->body ? strdup(r->body) : NULL;
    (void)pthread_mutex_lock(&t->lock);
    if (!t->done) {
        t->done = true;
        t->reply = *r;
        t->body = body;
        body = NULL;
        MHD_resume_connection(t->connection);
    }
    (void)pthread_mutex_unlock(&t->lock);
    free(body);
    wait_drop(t);
}

static struct wait *wait_new(struct exchange *x, int64_t wait_us)
{
    struct web  *w = x->web;
    struct wait *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->owners = 2;
    t->connection = x->connection;
    t->due_us = clock_mono_us(w->clock) + wait_us + grace_us;
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_mutex_lock(&w->lock);
    bool stopping = w->stopping;
    if (!stopping) {
        t->after = w->waits;
        if (w->waits)
            w->waits->before = t;
        w->waits = t;
        w->waiting++;
        MHD_suspend_connection(x->connection);   /* under the lock, so that nobody who finds it in the list resumes it too early */
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (stopping) {
        (void)pthread_mutex_destroy(&t->lock);
        free(t);
        return NULL;
    }
    atomic_fetch_add(&w->meter.waiting, 1);
    return t;
}

void command_done(struct exchange *x)
{
    struct wait *t = x->wait;
    struct web  *w = x->web;
    if (!t)
        return;
    (void)pthread_mutex_lock(&w->lock);
    if (t->before)
        t->before->after = t->after;
    else
        w->waits = t->after;
    if (t->after)
        t->after->before = t->before;
    w->waiting--;
    (void)pthread_cond_broadcast(&w->nudge);
    (void)pthread_mutex_unlock(&w->lock);
    atomic_fetch_sub(&w->meter.waiting, 1);
    x->wait = NULL;
    wait_drop(t);
}

void command_tick(struct web *w, int64_t mono_us, bool all)
{
    (void)pthread_mutex_lock(&w->lock);
    for (struct wait *t = w->waits; t; t = t->after) {
        if (!all && t->due_us > mono_us)
            continue;
        (void)pthread_mutex_lock(&t->lock);
        if (!t->done) {
            t->done = t->given_up = true;
            MHD_resume_connection(t->connection);
        }
        (void)pthread_mutex_unlock(&t->lock);
    }
    (void)pthread_mutex_unlock(&w->lock);
}

/* ---- from the request to the engine ---- */

enum MHD_Result command_refuse_body(struct exchange *x, const struct body_fault *where, const struct fault *fault)
{
    json_t *more = NULL;
    if (where->line > 0)
        more = json_pack("{s:i, s:i}", "line", where->line, "column", where->column);
    else if (where->pointer[0])
        more = json_pack("{s:[{s:s, s:s}]}", "errors", "pointer", where->pointer, "detail", fault->text);
    if (where->problem == PROBLEM_MEDIA_TYPE)
        exchange_header(x, "Accept", "application/json, application/merge-patch+json");
    return answer_problem(x, where->problem, fault, more);
}

struct query { json_t *body; char odd[64]; };   /* odd: the first parameter that is not understood */

/*
 * DELETE has no body as a rule: what it needs may stand in the query.  Without a target everything is meant, so a target
 * that is empty, misspelt, twice there or no text is refused, and not left out.
 */
static enum MHD_Result add_query(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_size, const char *value, size_t value_size)
{
    struct query *q = cls;
    bool          plain = value && value_size > 0 && strlen(value) == value_size, known = strcmp(name, "target") == 0 && !json_object_get(q->body, name);
    if (known && plain && json_object_set_new(q->body, name, json_string(value)) == 0)
        return MHD_YES;
    (void)snprintf(q->odd, sizeof q->odd, "%s", *name ? name : "?");
    utf8_clean(q->odd, '?');
    return MHD_NO;
}

/* False: answered already. */
static bool read_query(struct exchange *x, json_t **body, enum MHD_Result *answered)
{
    struct fault  fault;
    if (!*body)
        *body = json_object();
    const json_t *target = json_object_get(*body, "target");
    struct query  q = { .body = *body };
    if (target && !json_is_null(target) && json_string_length(target) == 0)
        (void)text_copy(q.odd, sizeof q.odd, "target");
    (void)MHD_get_connection_values_n(x->connection, MHD_GET_ARGUMENT_KIND, add_query, &q);
    if (!q.odd[0])
        return true;
    (void)fail(&fault, ERR_INPUT, "%s: this parameter is not understood, so nothing was done", q.odd);
    fail_hint(&fault, "a target's name, once, is all there may be; without one the stop of everything is meant");
    *answered = answer_problem(x, PROBLEM_MALFORMED, &fault, json_pack("{s:s}", "parameter", q.odd));
    return false;
}

static int64_t willing_to_wait(struct exchange *x)
{
    const struct web_options *o = &x->web->options;
    struct header_prefer      prefer;
    bool                      works = x->route->command == COMMAND_ADAPTER_EXEC || x->route->command == COMMAND_VERIFY_RUN;
    header_prefer(exchange_request_header(x, "Prefer"), o->wait_max_us, &prefer);
    if (prefer.wait_us >= 0) {
        exchange_header(x, "Preference-Applied", "%swait=%lld", prefer.async ? "respond-async, " : "", (long long)(prefer.wait_us / US_PER_S));
        return prefer.wait_us;
    }
    if (prefer.async) {
        exchange_header(x, "Preference-Applied", "respond-async");
        return 0;
    }
    return works ? o->wait_default_us : 0;
}

/* Everything about the request that can be said without the engine. False: answered already, with *answered. */
static bool read_request(struct exchange *x, struct engine_request *r, enum MHD_Result *answered)
{
    struct body_fault where;
    struct body       body;
    struct fault      fault = { 0 };
    if (body_read(x->body.s, x->body.used, header_content_type(exchange_request_header(x, "Content-Type")), &body, &where, &fault) != OK) {
        *answered = command_refuse_body(x, &where, &fault);
        return false;
    }
    r->body = body.json;
    if (body.mended) {
        exchange_header(x, "X-Homeostat-Notice", "the last two characters of the body were taken to be the wrong way round");
        log_warn("a body was mended", F("route", x->route->path), F("principal", x->who.name), F("trace", x->trace_id));
    }
    if (strcmp(x->method, "DELETE") == 0 && !read_query(x, &r->body, answered))
        return false;
    if (header_key(exchange_request_header(x, "Idempotency-Key"), r->key, &fault) != OK) {
        *answered = answer_problem(x, PROBLEM_MALFORMED, &fault, NULL);
        return false;
    }
    if (!r->key[0] && strcmp(x->method, "PATCH") == 0) {
        (void)fail(&fault, ERR_INPUT, "PATCH needs the header Idempotency-Key");
        fail_hint(&fault, "choose a new one for each thing to be done, and repeat it when you repeat the request");
        *answered = answer_problem(x, PROBLEM_KEY_REQUIRED, &fault, NULL);
        return false;
    }
    int64_t if_match;
    if (header_if_match(exchange_request_header(x, "If-Match"), &if_match, &fault) != OK) {
        *answered = answer_problem(x, PROBLEM_MALFORMED, &fault, NULL);
        return false;
    }
    if (body_expected_version(r->body, if_match, &r->if_match, &where, &fault) != OK) {
        *answered = command_refuse_body(x, &where, &fault);
        return false;
    }
    if (body_fingerprint(x->method, x->path, x->who.name, r->body, r->fingerprint, &fault) != OK) {
        *answered = answer_fault(x, &fault);
        return false;
    }
    r->command = (enum engine_command)x->route->command;
    r->who = x->who;
    memcpy(r->id, x->id, sizeof r->id);
    memcpy(r->trace_id, x->trace_id, sizeof r->trace_id);
    r->wait_us = willing_to_wait(x);
    return true;
}
_Static_assert(sizeof ((struct engine_request *)0)->id == ROUTE_ID_SIZE && (int)IDEMPOTENCY_KEY_SIZE == (int)HEADER_KEY_SIZE &&
               (int)TRACE_ID_SIZE == (int)HEADER_TRACE_SIZE,
               "the engine's fields take what the headers hold");

static enum MHD_Result submit(struct exchange *x)
{
    struct engine_request *r = calloc(1, sizeof *r);
    enum MHD_Result        answered = MHD_NO;
    if (!r)
        return MHD_NO;
    if (!read_request(x, r, &answered)) {
        engine_request_free(r);
        return answered;
    }
    struct wait *t = x->wait = wait_new(x, r->wait_us);
    if (!t) {
        struct fault fault;
        engine_request_free(r);
        (void)fail(&fault, ERR_BUSY, "Homeostat is about to stop");
        return answer_fault(x, &fault);
    }
    r->reply = on_reply;
    r->reply_ctx = t;
    struct fault fault = { 0 };
    if (engine_submit(x->web->engine, r, &fault) != OK) {
        engine_request_free(r);
        (void)pthread_mutex_lock(&t->lock);
        t->owners--;
        t->refused = true;
        t->fault = fault;
        if (!t->done) {
            t->done = true;
            MHD_resume_connection(t->connection);
        }
        (void)pthread_mutex_unlock(&t->lock);
    }
    return MHD_YES;
}

/* ---- and back ---- */

static enum MHD_Result answer_reply(struct exchange *x, struct wait *t)
{
    struct engine_reply r = t->reply;
    if (r.version > 0)
        exchange_header(x, "ETag", "\"v%lld\"", (long long)r.version);
    if (r.replayed)
        exchange_header(x, "Idempotent-Replayed", "true");
    if (r.retry_after_s > 0)
        exchange_header(x, "Retry-After", "%d", r.retry_after_s);
    if (r.location[0])
        exchange_header(x, "Location", "%s", r.location);
    CRASH_POINT(CRASH_BEFORE_REPLY);
    enum MHD_Result queued = MHD_NO;
    if (t->body) {
        struct MHD_Response *response = MHD_create_response_from_buffer(strlen(t->body), t->body, MHD_RESPMEM_MUST_FREE);
        if (response)
            t->body = NULL;
        queued = answer_response(x, r.status, r.status >= 400 ? "application/problem+json" : "application/json", response);
    } else {
        queued = answer_nothing(x, r.status == 200 ? 204 : r.status);
    }
    CRASH_POINT(CRASH_AFTER_REPLY);
    return queued;
}

enum MHD_Result command_handle(struct exchange *x)
{
    struct wait *t = x->wait;
    if (!t)
        return submit(x);
    (void)pthread_mutex_lock(&t->lock);
    bool done = t->done, refused = t->refused, given_up = t->given_up;
    (void)pthread_mutex_unlock(&t->lock);
    assert(done);
    if (refused) {
        exchange_header(x, "Retry-After", "1");
        return answer_problem(x, problem_of(t->fault.code) == PROBLEM_ILLEGAL ? PROBLEM_BUSY : problem_of(t->fault.code), &t->fault, NULL);
    }
    if (given_up) {
        struct fault fault;
        (void)fail(&fault, ERR_TIMEOUT, "the engine has not answered yet; whether the request took effect is not known here");
        fail_hint(&fault, "repeat it with the same Idempotency-Key, or look at the case");
        exchange_header(x, "Retry-After", "1");
        return answer_problem(x, PROBLEM_BUSY, &fault, NULL);
    }
    return answer_reply(x, t);
}
