/* tests/unit/web_double.c */
#include "web_double.h"

#include "base/text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct engine_command_info engine_command_info[COMMAND_COUNT] = {
#define X(id, name, method, route, role, text) [COMMAND_##id] = { name, method, route, role, text },
    ENGINE_COMMAND_MAP(X)
#undef X
};

enum { HELD_MAX = 256, EVENTS_MAX = 5000, SUBSCRIBERS_MAX = 4 };

struct event { int64_t id; char topic[64], key[64], payload[256]; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;      /* of everything */
static pthread_mutex_t bus_lock = PTHREAD_MUTEX_INITIALIZER;  /* held while callbacks run */
static enum double_mode mode;
static struct engine_reply reply;
static char reply_body[4096];
static struct engine_request last;
static struct engine_request *held[HELD_MAX];
static int held_count, requests, readers_open;
static struct event events[EVENTS_MAX];
static int events_count;
static enum err store_code;
static bool ready = true;
static struct { bus_callback *f; void *ctx; } subscriber[SUBSCRIBERS_MAX];

struct store_reader { int unused; };

void engine_request_free(struct engine_request *r)
{
    if (!r)
        return;
    json_decref(r->body);
    free(r);
}

static void answer(struct engine_request *r)
{
    pthread_mutex_lock(&lock);
    struct engine_reply mine = reply;
    char body[sizeof reply_body];
    memcpy(body, reply_body, sizeof body);
    pthread_mutex_unlock(&lock);
    mine.body = mine.body ? body : NULL;
    r->reply(r->reply_ctx, &mine);
    engine_request_free(r);
}

static void *answer_later(void *arg)
{
    answer(arg);
    return NULL;
}

enum err engine_submit(struct engine *e, struct engine_request *r, struct fault *fault)
{
    pthread_mutex_lock(&lock);
    enum double_mode now = mode;
    if (now == DOUBLE_BUSY) {
        pthread_mutex_unlock(&lock);
        return fail(fault, ERR_BUSY, "the queue is full");
    }
    requests++;
    json_decref(last.body);
    last = *r;
    last.body = r->body ? json_deep_copy(r->body) : NULL;
    if (now == DOUBLE_HOLD)
        held[held_count++] = r;
    pthread_mutex_unlock(&lock);
    if (now == DOUBLE_AT_ONCE)
        answer(r);
    if (now == DOUBLE_ANSWER) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, answer_later, r) != 0)
            abort();
        pthread_detach(thread);
    }
    return OK;
}

void double_reset(void)
{
    double_release();
    pthread_mutex_lock(&lock);
    mode = DOUBLE_ANSWER;
    reply = (struct engine_reply){ .status = 200, .body = reply_body };
    (void)text_copy(reply_body, sizeof reply_body, "{\"data\":{}}");
    json_decref(last.body);
    last = (struct engine_request){ 0 };
    requests = events_count = 0;
    store_code = OK;
    ready = true;
    pthread_mutex_unlock(&lock);
}

void double_set(enum double_mode m, const struct engine_reply *r)
{
    pthread_mutex_lock(&lock);
    mode = m;
    if (r) {
        reply = *r;
        reply.body = r->body ? reply_body : NULL;
        (void)text_copy(reply_body, sizeof reply_body, r->body ? r->body : "");
    }
    pthread_mutex_unlock(&lock);
}

void double_release(void)
{
    for (;;) {
        pthread_mutex_lock(&lock);
        struct engine_request *r = held_count > 0 ? held[--held_count] : NULL;
        pthread_mutex_unlock(&lock);
        if (!r)
            return;
        answer(r);
    }
}

int double_requests(void)
{
    pthread_mutex_lock(&lock);
    int n = requests;
    pthread_mutex_unlock(&lock);
    return n;
}

struct engine_request double_last(void)
{
    pthread_mutex_lock(&lock);
    struct engine_request r = last;
    pthread_mutex_unlock(&lock);
    return r;
}

void double_set_ready(bool is)
{
    pthread_mutex_lock(&lock);
    ready = is;
    pthread_mutex_unlock(&lock);
}

/* ---- what is seen ---- */

json_t *engine_live(struct engine *e)
{
    return json_pack("{s:[{s:s,s:s},{s:s,s:s}]}", "targets", "name", "main", "mode", "suggest", "name", "other", "mode", "watch");
}

enum err engine_report(struct engine *e, const char *target, int64_t max_age_us, json_t **report, struct fault *fault)
{
    *report = NULL;
    if (strcmp(target, "main") != 0)
        return fail(fault, ERR_MISSING, "there is no such target");
    if (max_age_us < 1000000)
        return fail(fault, ERR_BUSY, "the database is being looked at");
    *report = json_pack("{s:s,s:[],s:[]}", "target", target, "indexes", "findings");
    return OK;
}

json_t *engine_series(struct engine *e, const char *target, const char *metrics, int64_t since_us)
{
    if (strcmp(target, "main") != 0)
        return NULL;
    return json_pack("{s:[s], s:[f], s:s, s:I}", "time", "2026-01-31T12:00:00.000Z", "tps", 12.5, "asked", metrics ? metrics : "", "since", (json_int_t)since_us);
}

char *engine_metrics(struct engine *e)
{
    return strdup("# HELP case_transition_total Transitions.\n# TYPE case_transition_total counter\ncase_transition_total{from=\"NEW\"} 3\n");
}

json_t *engine_health(struct engine *e, bool asks_ready)
{
    pthread_mutex_lock(&lock);
    bool ok = !asks_ready || ready;
    pthread_mutex_unlock(&lock);
    return json_pack("{s:b,s:{s:b},s:s}", "ok", ok, "checks", "store", ok, "why", ok ? "" : "the store cannot be written: no room");
}

/* ---- the bus ---- */

int engine_subscribe(struct engine *e, bus_callback *f, void *ctx)
{
    pthread_mutex_lock(&bus_lock);
    int i = 0;
    while (subscriber[i].f)
        i++;
    subscriber[i].f = f;
    subscriber[i].ctx = ctx;
    pthread_mutex_unlock(&bus_lock);
    return i;
}

void engine_unsubscribe(struct engine *e, int handle)
{
    pthread_mutex_lock(&bus_lock);
    subscriber[handle].f = NULL;
    pthread_mutex_unlock(&bus_lock);
}

void double_store_event(int64_t id, const char *topic, const char *key, const char *payload)
{
    pthread_mutex_lock(&lock);
    struct event *v = &events[events_count++];
    v->id = id;
    (void)text_copy(v->topic, sizeof v->topic, topic);
    (void)text_copy(v->key, sizeof v->key, key);
    (void)text_copy(v->payload, sizeof v->payload, payload);
    pthread_mutex_unlock(&lock);
}

void double_publish(int64_t id, const char *topic, const char *key, const char *payload, bool store)
{
    if (store)
        double_store_event(id, topic, key, payload);
    struct bus_message m = { id, topic, key, payload };
    pthread_mutex_lock(&bus_lock);
    for (int i = 0; i < SUBSCRIBERS_MAX; i++)
        if (subscriber[i].f)
            subscriber[i].f(subscriber[i].ctx, &m);
    pthread_mutex_unlock(&bus_lock);
}

/* ---- the store ---- */

void double_store_fails(enum err code)
{
    pthread_mutex_lock(&lock);
    store_code = code;
    pthread_mutex_unlock(&lock);
}

int double_readers_open(void)
{
    pthread_mutex_lock(&lock);
    int n = readers_open;
    pthread_mutex_unlock(&lock);
    return n;
}

static enum err store_says(struct fault *fault)
{
    pthread_mutex_lock(&lock);
    enum err code = store_code;
    pthread_mutex_unlock(&lock);
    return code == OK ? OK : fail(fault, code, "the store does not want to");
}

enum err store_reader_open(const char *folder, struct store_reader **r, struct fault *fault)
{
    enum err code = store_says(fault);
    if (code != OK)
        return code;
    *r = calloc(1, sizeof **r);
    pthread_mutex_lock(&lock);
    readers_open++;
    pthread_mutex_unlock(&lock);
    return OK;
}

void store_reader_close(struct store_reader *r)
{
    pthread_mutex_lock(&lock);
    readers_open--;
    pthread_mutex_unlock(&lock);
    free(r);
}

enum err read_case(struct store_reader *r, const char *id, json_t **out, int64_t *version, struct fault *fault)
{
    enum err code = store_says(fault);
    if (code != OK)
        return code;
    if (strcmp(id, "case-1") != 0)
        return fail(fault, ERR_MISSING, "there is no case %s", id);
    *version = 3;
    *out = json_pack("{s:s,s:s,s:i}", "id", id, "status", "NEW", "version", 3);
    return OK;
}

enum err read_cases(struct store_reader *r, const struct case_filter *f, json_t **out, struct fault *fault)
{
    enum err code = store_says(fault);
    if (code != OK)
        return code;
    *out = json_pack("{s:[{s:s,s:s}],s:s,s:{s:s?,s:s?,s:I,s:i}}", "data", "id", "case-1", "status", "NEW", "next_cursor", "after case-1", "asked", "state",
                     f->state, "cursor", f->cursor, "since", (json_int_t)f->since_us, "limit", f->limit);
    return OK;
}

static enum err one(const char *id, json_t *out_new, json_t **out, struct fault *fault)
{
    enum err code = store_says(fault);
    if (code == OK && id && strcmp(id, "case-1") != 0 && strcmp(id, "main") != 0)
        code = fail(fault, ERR_MISSING, "there is no %s", id);
    if (code == OK)
        *out = out_new;
    else
        json_decref(out_new);
    return code;
}

enum err read_timeline(struct store_reader *r, const char *case_id, json_t **out, struct fault *fault)
{
    return one(case_id, json_pack("[{s:s}]", "event", "start_analysis"), out, fault);
}
enum err read_case_file(struct store_reader *r, const char *case_id, json_t **out, struct fault *fault)
{
    return one(case_id, json_pack("{s:{s:s}}", "case", "id", case_id), out, fault);
}
enum err read_outcomes(struct store_reader *r, const char *target, int limit, json_t **out, struct fault *fault)
{
    return one(target, json_pack("[{s:i}]", "limit", limit), out, fault);
}
enum err read_knowledge(struct store_reader *r, bool shared, const char *cursor, int limit, json_t **out, struct fault *fault)
{
    if (cursor && strcmp(cursor, "2") != 0)
        return fail(fault, ERR_INPUT, "the cursor is none that was given out");
    return one(NULL, json_pack("{s:[{s:b,s:i}],s:s?}", "data", "shared", shared, "limit", limit, "next_cursor", cursor ? NULL : "2"), out, fault);
}
enum err read_stops(struct store_reader *r, json_t **out, struct fault *fault)
{
    return one(NULL, json_pack("[{s:s,s:s,s:n},{s:s,s:s,s:s},{s:s,s:s,s:s}]", "scope", "", "why", "without an end", "expires_at", "scope", "a", "why", "long over", "expires_at",
                               "2001-09-09T01:46:40.000Z", "scope", "b", "why", "for a while", "expires_at", "2900-01-01T00:00:00.000Z"), out, fault);
}
enum err read_budgets(struct store_reader *r, json_t **out, struct fault *fault) { return one(NULL, json_object(), out, fault); }

enum err read_metric(struct store_reader *r, const char *target, const char *metric, int64_t from_us, int64_t to_us, json_t **out, struct fault *fault)
{
    return one(target, json_pack("{s:s,s:I,s:I}", "metric", metric, "from", (json_int_t)from_us, "to", (json_int_t)to_us), out, fault);
}

enum err read_events(struct store_reader *r, int64_t after_id, int limit, json_t **out, struct fault *fault)
{
    enum err code = store_says(fault);
    if (code != OK)
        return code;
    *out = json_array();
    pthread_mutex_lock(&lock);
    for (int i = 0; i < events_count && (int)json_array_size(*out) < limit; i++)
        if (events[i].id > after_id)
            json_array_append_new(*out, json_pack("{s:I,s:s,s:s,s:o}", "id", (json_int_t)events[i].id, "topic", events[i].topic, "key", events[i].key,
                                                  "payload", json_loads(events[i].payload, 0, NULL)));
    pthread_mutex_unlock(&lock);
    return OK;
}
