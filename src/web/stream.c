/*
 * web/stream.c - clients of the event stream: from the past (the store) into the present (the bus).
 *
 * A client that resumes first reads pages from the store.  When a page comes back empty it changes over to its queue,
 * and gets from the ring of recent messages whatever was published since: the relay publishes a message before it is
 * marked as published in the store, so the store alone may be one step behind.  If the ring has moved on too far
 * meanwhile, it reads another page.
 */
#include "web/inside.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct frame {
    _Atomic int owners;
    int64_t     id;
    char        topic[96], key[96];
    size_t      size;
    char        text[];
};

struct subscriber {
    struct stream         *stream;
    struct subscriber     *before, *after;
    struct MHD_Connection *connection;
    struct peer           *peer;
    char                   token[DIGEST_SIZE];   /* whose digest must stay good */
    char                   topics[256];          /* prefixes, comma separated; "": all */
    char                   key[96];              /* "": all */
    /* Of the connection's thread alone: */
    struct frame          *now;                  /* being written, from now_at on */
    size_t                 now_at;
    json_t                *page;                 /* of the past, from page_at on */
    size_t                 page_at;
    int64_t                last_id;              /* the newest of the past that was taken up */
    int                    empty_pages;
    bool                   past;                 /* still reading it. Read by others under the lock */
    /* Under the stream's lock: */
    struct frame          *queue[STREAM_QUEUE_MAX];
    int                    head, count;
    size_t                 bytes;
    bool                   asleep;               /* its connection is suspended */
    bool                   cut, over;
    int64_t                spoke_us;             /* mono */
};

/* ---- frames ---- */

char *stream_format(int64_t id, const char *topic, const char *payload, size_t *size)
{
    struct text t;
    text_init(&t, 4 * 1024 * 1024);
    if (id > 0)
        text_printf(&t, "id: %lld\n", (long long)id);
    if (topic && *topic) {
        text_add(&t, "event: ");
        text_add_n(&t, topic, strcspn(topic, "\r\n"));
        text_add(&t, "\n");
    }
    for (const char *s = payload ? payload : "";;) {
        size_t n = strcspn(s, "\r\n");
        text_add(&t, "data: ");
        text_add_n(&t, s, n);
        text_add(&t, "\n");
        s += n;
        if (*s == '\0')
            break;
        s += s[0] == '\r' && s[1] == '\n' ? 2 : 1;
    }
    text_add(&t, "\n");
    if (t.cut) {   /* half a message would be a wrong one */
        text_done(&t);
        return NULL;
    }
    *size = t.used;
    return text_take(&t);
}

static struct frame *frame_new(int64_t id, const char *topic, const char *key, const char *text, size_t size)
{
    struct frame *f = malloc(sizeof *f + size);
    if (!f)
        return NULL;
    atomic_init(&f->owners, 1);
    f->id = id;
    (void)text_copy(f->topic, sizeof f->topic, topic ? topic : "");
    (void)text_copy(f->key, sizeof f->key, key ? key : "");
    f->size = size;
    memcpy(f->text, text, size);
    return f;
}

static struct frame *frame_of(int64_t id, const char *topic, const char *key, const char *payload)
{
    size_t        size;
    char         *text = stream_format(id, topic, payload, &size);
    struct frame *f = text ? frame_new(id, topic, key, text, size) : NULL;
    free(text);
    return f;
}

static struct frame *frame_hold(struct frame *f)
{
    atomic_fetch_add(&f->owners, 1);
    return f;
}

static void frame_drop(struct frame *f)
{
    if (f && atomic_fetch_sub(&f->owners, 1) == 1)
        free(f);
}

/* ---- under the lock ---- */

static bool wants(const struct subscriber *u, const char *topic, const char *key)
{
    if (u->key[0] && strcmp(u->key, key) != 0)
        return false;
    if (!u->topics[0])
        return true;
    for (const char *s = u->topics; *s;) {
        size_t n = strcspn(s, ",");
        if (n > 0 && strncmp(topic, s, n) == 0)
            return true;
        s += n + (s[n] == ',');
    }
    return false;
}

static void wake(struct subscriber *u)
{
    if (!u->asleep)
        return;
    u->asleep = false;
    MHD_resume_connection(u->connection);
}

static void cut_off(struct subscriber *u)
{
    u->cut = true;
    atomic_fetch_add(&u->stream->web->meter.stream_cut, 1);
    peer_cut(u->peer);
    wake(u);
}

static void push(struct subscriber *u, struct frame *f)
{
    if (u->cut || u->over)
        return;
    if (u->count == STREAM_QUEUE_MAX || u->bytes + f->size > STREAM_BYTES_MAX) {
        cut_off(u);
        return;
    }
    u->queue[(u->head + u->count++) % STREAM_QUEUE_MAX] = frame_hold(f);
    u->bytes += f->size;
    wake(u);
}

static struct frame *pop(struct subscriber *u)
{
    if (u->count == 0)
        return NULL;
    struct frame *f = u->queue[u->head];
    u->head = (u->head + 1) % STREAM_QUEUE_MAX;
    u->count--;
    u->bytes -= f->size;
    return f;
}

static void remember(struct stream *s, struct frame *f)
{
    if (s->recent_count == STREAM_RECENT) {
        struct frame *old = s->recent[s->recent_at];
        if (old->id > s->evicted_id)
            s->evicted_id = old->id;
        frame_drop(old);
        s->recent[s->recent_at] = frame_hold(f);
        s->recent_at = (s->recent_at + 1) % STREAM_RECENT;
    } else {
        s->recent[s->recent_count++] = frame_hold(f);
    }
}

/* On the engine's thread: copy, hang into queues, no waiting. */
static void on_message(void *ctx, const struct bus_message *m)
{
    struct stream *s = ctx;
    struct frame  *f = frame_of(m->outbox_id, m->topic, m->key, m->payload);
    if (!f) {
        log_error("a message did not fit into the event stream", F("topic", m->topic), F("id", m->outbox_id));
        return;
    }
    (void)pthread_mutex_lock(&s->lock);
    if (f->id > 0)
        remember(s, f);
    for (struct subscriber *u = s->first; u; u = u->after)
        if (!u->past && wants(u, f->topic, f->key))
            push(u, f);
    (void)pthread_mutex_unlock(&s->lock);
    frame_drop(f);
}

/* ---- the past ---- */

/* True when the present has been reached: what was published since the last page hangs in the queue now. */
static bool reach_present(struct subscriber *u, bool anyhow)
{
    struct stream *s = u->stream;
    (void)pthread_mutex_lock(&s->lock);
    bool reached = s->evicted_id <= u->last_id || anyhow;
    if (reached) {
        for (int i = 0; i < s->recent_count; i++) {
            struct frame *f = s->recent[(s->recent_at + i) % STREAM_RECENT];
            if (f->id > u->last_id && wants(u, f->topic, f->key))
                push(u, f);
        }
        u->past = false;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return reached;
}

/* The next page from the store. False: there is none that could be read. */
static bool turn_page(struct subscriber *u)
{
    struct web          *w = u->stream->web;
    struct fault         fault = { 0 };
    struct store_reader *r = web_reader_take(w, &fault);
    json_decref(u->page);
    u->page = NULL;
    u->page_at = 0;
    if (!r)
        return false;
    enum err code = read_events(r, u->last_id, STREAM_PAGE, &u->page, &fault);
    web_reader_give(w, r, code != ERR_IO);
    if (code != OK)
        u->page = NULL;
    return code == OK;
}

/* One event of the store as a frame; NULL when the client does not want it. */
static struct frame *frame_of_row(struct subscriber *u, const json_t *row)
{
    const char   *topic = json_string_value(json_object_get(row, "topic"));
    const char   *key = json_string_value(json_object_get(row, "key"));
    const json_t *payload = json_object_get(row, "payload");
    int64_t       id = json_integer_value(json_object_get(row, "id"));
    if (id > u->last_id)
        u->last_id = id;
    if (!topic || !wants(u, topic, key ? key : ""))
        return NULL;
    if (json_is_string(payload))
        return frame_of(id, topic, key, json_string_value(payload));
    char         *text = json_dumps(payload, JSON_COMPACT);
    struct frame *f = frame_of(id, topic, key, text);
    free(text);
    return f;
}

/* The next frame of the past; NULL when the present has been reached, or *failed. After a few pages of what the client
 * does not want it gives a comment and *enough, so that other connections of this thread get their turn. */
static struct frame *next_of_past(struct subscriber *u, bool *failed, bool *enough)
{
    static const char            reading[] = ": reading\n\n";
    static const struct timespec moment = { .tv_nsec = 1000000 };
    enum { PAGES_IN_A_ROW = 4, EMPTY_PAGES_MAX = 50 };
    for (int pages = 0; pages < PAGES_IN_A_ROW; pages++) {
        while (u->page_at < json_array_size(u->page)) {
            struct frame *f = frame_of_row(u, json_array_get(u->page, u->page_at++));
            if (f)
                return f;
        }
        if (!turn_page(u)) {
            *failed = true;
            return NULL;
        }
        if (json_array_size(u->page) == 0) {
            /* When the ring has lost some that the store does not show yet, it will in a moment - unless they are gone from there, too. */
            if (reach_present(u, ++u->empty_pages > EMPTY_PAGES_MAX))
                return NULL;
            (void)nanosleep(&moment, NULL);
        }
    }
    *enough = true;
    return frame_new(0, "", "", reading, sizeof reading - 1);
}

/* ---- the connection's side ---- */

static ssize_t end_of_stream(bool well) { return well ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR; }

/* libmicrohttpd asks for bytes. None to give: the connection sleeps until push() wakes it. */
static ssize_t give_bytes(void *cls, uint64_t position, char *out, size_t room)
{
    struct subscriber *u = cls;
    struct stream     *s = u->stream;
    size_t             given = 0;
    bool               failed = false, enough = false;
    while (given < room && !(enough && !u->now)) {
        if (!u->now) {
            struct frame *next = u->past ? next_of_past(u, &failed, &enough) : NULL;
            (void)pthread_mutex_lock(&s->lock);
            if (!next && !failed)
                next = pop(u);
            bool cut = u->cut, over = u->over;
            if (!next && !failed && !cut && !over && given == 0) {
                u->asleep = true;
                MHD_suspend_connection(u->connection);
            }
            if (next)
                u->spoke_us = clock_mono_us(s->web->clock);
            (void)pthread_mutex_unlock(&s->lock);
            if (cut || (failed && given == 0)) {
                frame_drop(next);
                return end_of_stream(false);
            }
            if (!next && over && given == 0)
                return end_of_stream(true);
            if (!next)
                break;
            u->now = next;
            u->now_at = 0;
            atomic_fetch_add_explicit(&s->web->meter.stream_sent, 1, memory_order_relaxed);
        }
        size_t n = u->now->size - u->now_at;
        if (n > room - given)
            n = room - given;
        memcpy(out + given, u->now->text + u->now_at, n);
        given += n;
        u->now_at += n;
        if (u->now_at == u->now->size) {
            frame_drop(u->now);
            u->now = NULL;
        }
    }
    return (ssize_t)given;
}

static void subscriber_free(void *cls)
{
    struct subscriber *u = cls;
    struct stream     *s = u->stream;
    (void)pthread_mutex_lock(&s->lock);
    if (u->before)
        u->before->after = u->after;
    else
        s->first = u->after;
    if (u->after)
        u->after->before = u->before;
    s->subscribers--;
    (void)pthread_mutex_unlock(&s->lock);
    atomic_fetch_sub(&s->web->meter.subscribers, 1);
    for (struct frame *f; (f = pop(u)) != NULL;)
        frame_drop(f);
    frame_drop(u->now);
    json_decref(u->page);
    free(u);
}

/* False: there is no room for another, or everything is ending. */
static bool subscribe(struct stream *s, struct subscriber *u)
{
    (void)pthread_mutex_lock(&s->lock);
    bool welcome = !s->ending && s->subscribers < s->web->options.subscribers;
    if (welcome) {
        u->after = s->first;
        if (s->first)
            s->first->before = u;
        s->first = u;
        s->subscribers++;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (welcome)
        atomic_fetch_add(&s->web->meter.subscribers, 1);
    return welcome;
}

enum MHD_Result stream_handle(struct exchange *x)
{
    struct web  *w = x->web;
    const char  *after = exchange_request_header(x, "Last-Event-ID"), *topics = exchange_query(x, "topics"), *key = exchange_query(x, "case");
    char        *rest = NULL;
    struct fault fault;
    if (!after || !*after)
        after = exchange_query(x, "after");
    long long last_id = after && *after ? strtoll(after, &rest, 10) : -1;
    if (rest && (*rest != '\0' || last_id < 0)) {
        (void)fail(&fault, ERR_INPUT, "Last-Event-ID must be the id of an event");
        return answer_problem(x, PROBLEM_MALFORMED, &fault, json_pack("{s:s}", "parameter", "Last-Event-ID"));
    }
    if (strcmp(x->method, "HEAD") == 0)
        return answer_static(x, 200, "text/event-stream", "", 0);

    static const char hello[] = "retry: 2000\n: welcome\n\n";
    struct subscriber *u = calloc(1, sizeof *u);
    if (!u || !(u->now = frame_new(0, "", "", hello, sizeof hello - 1))) {
        free(u);
        return MHD_NO;
    }
    u->stream = &w->stream;
    u->connection = x->connection;
    u->peer = x->peer;
    u->past = last_id >= 0;
    u->last_id = last_id;
    u->spoke_us = clock_mono_us(w->clock);
    memcpy(u->token, x->token_digest, sizeof u->token);
    if ((topics && !text_copy(u->topics, sizeof u->topics, topics)) || (key && !text_copy(u->key, sizeof u->key, key)) ||
        !subscribe(&w->stream, u)) {
        bool too_long = strlen(topics ? topics : "") >= sizeof u->topics || strlen(key ? key : "") >= sizeof u->key;
        frame_drop(u->now);
        free(u);
        if (too_long) {
            (void)fail(&fault, ERR_INPUT, "topics or case is too long");
            return answer_problem(x, PROBLEM_MALFORMED, &fault, NULL);
        }
        (void)fail(&fault, ERR_BUSY, "no more clients of the event stream are taken at the moment");
        exchange_header(x, "Retry-After", "10");
        return answer_problem(x, PROBLEM_BUSY, &fault, NULL);
    }
    x->streams = true;
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16 * 1024, give_bytes, u, subscriber_free);
    if (!response) {
        subscriber_free(u);
        return MHD_NO;
    }
    return answer_response(x, 200, "text/event-stream", response);
}

/* ---- all of them ---- */

void stream_open(struct stream *s, struct web *w)
{
    *s = (struct stream){ .web = w };
    (void)pthread_mutex_init(&s->lock, NULL);
    s->handle = engine_subscribe(w->engine, on_message, s);
}

void stream_end(struct stream *s)
{
    engine_unsubscribe(s->web->engine, s->handle);
    (void)pthread_mutex_lock(&s->lock);
    s->ending = true;
    for (struct subscriber *u = s->first; u; u = u->after) {
        u->over = true;
        wake(u);
    }
    (void)pthread_mutex_unlock(&s->lock);
}

void stream_done(struct stream *s)
{
    assert(s->subscribers == 0);
    for (int i = 0; i < s->recent_count; i++)
        frame_drop(s->recent[i]);
    (void)pthread_mutex_destroy(&s->lock);
}

void stream_tick(struct stream *s, int64_t mono_us)
{
    static const char beat[] = ": still here\n\n";
    struct web   *w = s->web;
    int64_t       wall_us = clock_wall_us(w->clock);
    struct frame *f = frame_new(0, "", "", beat, sizeof beat - 1);
    (void)pthread_mutex_lock(&s->lock);
    for (struct subscriber *u = s->first; u; u = u->after) {
        if (u->over || u->cut)
            continue;
        if (!tokens_still(&w->tokens, u->token, wall_us)) {
            u->over = true;
            wake(u);
        } else if (f && u->asleep && mono_us - u->spoke_us >= w->options.heartbeat_us) {
            push(u, f);
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    frame_drop(f);
}
