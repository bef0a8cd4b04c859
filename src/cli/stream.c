/* cli/stream.c - listening to GET /events: server-sent events, taken up again where they broke off. */
#include "cli/client_inside.h"

#include "base/clock.h"
#include "base/text.h"
#include "cli/print.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 2 * 1024 * 1024, TRIES_MAX = 20 };

/* A heartbeat comes every 15 seconds; so long without a byte is a connection that died unnoticed. */
static const int64_t silent_us = 60 * US_PER_S;

struct listening {
    struct client  *client;
    struct text     line, data, refusal;     /* the line under way; the event's data; the body of an answer that is no stream */
    char            id[40], topic[120], last_id[40];
    bool            has_data, ended, started, silent;
    int64_t         idle_us, heard_us, bytes_us;     /* when the last event came, and the last byte */
    client_event_f *f;
    void           *ctx;
};

static void end_event(struct listening *l)
{
    if (l->has_data) {
        struct client_event e = { .id = l->id, .topic = l->topic, .data = l->data.s };
        if (*l->id)
            (void)text_copy(l->last_id, sizeof l->last_id, l->id);
        l->heard_us = clock_mono_us(&clock_real);
        l->ended = !l->f(l->ctx, &e);
    }
    l->id[0] = l->topic[0] = '\0';
    l->has_data = false;
    text_clear(&l->data);
}

/* One line of the protocol. A colon first is a comment. */
static void end_line(struct listening *l)
{
    char       *s = l->line.s;
    size_t      n = strcspn(s, ":");
    const char *value = s[n] ? s + n + 1 + (s[n + 1] == ' ') : "";
    if (!*s) {
        end_event(l);
    } else if (n == 2 && strncmp(s, "id", 2) == 0) {
        (void)text_copy(l->id, sizeof l->id, value);
    } else if (n == 5 && strncmp(s, "event", 5) == 0) {
        (void)text_copy(l->topic, sizeof l->topic, value);
    } else if (n == 4 && strncmp(s, "data", 4) == 0) {
        if (l->has_data)
            text_add(&l->data, "\n");
        text_add(&l->data, value);
        l->has_data = true;
    }
    text_clear(&l->line);
}

static size_t on_stream(char *data, size_t size, size_t count, void *ctx)
{
    struct listening *l = ctx;
    size_t            n = size * count, done = 0;
    long              status = 0;
    (void)curl_easy_getinfo(l->client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        text_add_n(&l->refusal, data, n);
        return n;
    }
    l->started = true;
    l->bytes_us = clock_mono_us(&clock_real);
    while (done < n && !l->ended) {
        const char *end = memchr(data + done, '\n', n - done);
        size_t      piece = end ? (size_t)(end - data) - done : n - done;
        text_add_n(&l->line, data + done, piece);
        done += piece + (end != NULL);
        if (l->line.used > 0 && l->line.s[l->line.used - 1] == '\r' && end)
            l->line.s[--l->line.used] = '\0';
        if (l->line.cut || l->data.cut)
            return 0;
        if (end)
            end_line(l);
    }
    return l->ended ? 0 : n;
}

static int on_idle(void *ctx, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    struct listening *l = ctx;
    int64_t           now_us = clock_mono_us(&clock_real);
    long              status = 0;
    (void)curl_easy_getinfo(l->client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 0)
        l->heard_us = now_us;   /* nobody has answered yet: that is not the silence after the last event */
    if (l->idle_us > 0 && now_us - l->heard_us >= l->idle_us)
        l->ended = true;
    l->silent = now_us - l->bytes_us >= silent_us;
    return l->ended || l->silent;
}

static CURLcode listen_once(struct client *c, struct listening *l, const char *path, long *status)
{
    char                  url[WHERE_SIZE + CLIENT_PATH_MAX];
    struct curl_slist    *headers = NULL;
    struct client_request r = { .method = "GET", .path = path };
    (void)snprintf(url, sizeof url, "%s%s", c->where.url, path);
    bool fine = client_make_headers(c, &r, "", "text/event-stream", &headers);
    if (fine && *l->last_id)
        fine = client_add_header(&headers, "Last-Event-ID: %s", l->last_id);
    CURL *h = c->curl;
    fine = fine && client_prepare(c, url, headers) && curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_stream) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_WRITEDATA, l) == CURLE_OK && curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_idle) == CURLE_OK &&
           curl_easy_setopt(h, CURLOPT_XFERINFODATA, l) == CURLE_OK;
    l->heard_us = l->bytes_us = clock_mono_us(&clock_real);
    l->started = l->silent = false;
    text_clear(&l->line);
    text_clear(&l->data);
    text_clear(&l->refusal);
    l->has_data = false;
    c->why[0] = '\0';
    CURLcode code = fine ? curl_easy_perform(h) : CURLE_OUT_OF_MEMORY;
    (void)curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(headers);
    return code;
}

static enum err refused(struct client *c, const struct listening *l, long status, struct fault *fault)
{
    json_t     *problem = json_loads(l->refusal.s, 0, NULL);
    const char *detail = print_text(problem, "detail"), *title = print_text(problem, "title");
    enum err    e = fail(fault, status == 401 || status == 403 ? ERR_DENIED : ERR_STATE, "%.120s%s%.200s", *title ? title : "the stream was refused",
                         *detail ? ": " : "", detail);
    if (status == 401 && c->where.no_token.text[0])
        fail_hint(fault, "%.120s; %.100s", c->where.no_token.text, c->where.no_token.hint);
    json_decref(problem);
    return e;
}

enum err client_stream(struct client *c, const char *path, int64_t after, int64_t idle_us, client_event_f *f, void *ctx, struct fault *fault)
{
    struct listening l = { .client = c, .idle_us = idle_us, .f = f, .ctx = ctx };
    text_init(&l.line, LINE_MAX_BYTES);
    text_init(&l.data, LINE_MAX_BYTES);
    text_init(&l.refusal, 64 * 1024);
    if (after >= 0)
        (void)snprintf(l.last_id, sizeof l.last_id, "%lld", (long long)after);
    enum err e = OK;
    bool     ever = false;
    for (int tries = 0; e == OK && !l.ended; tries++) {
        long     status = 0;
        CURLcode code = listen_once(c, &l, path, &status);
        if (l.ended)
            break;
        if (l.line.cut || l.data.cut)
            e = fail(fault, ERR_LIMIT, "an event is longer than %d bytes", LINE_MAX_BYTES);
        else if (status >= 400 && status != 503 && status != 429)
            e = refused(c, &l, status, fault);
        else if ((client_attempt_of(code) == CLIENT_BROKEN && !l.silent) || (!ever && status == 0) || tries >= TRIES_MAX)
            e = client_why_not(c, code, "GET", fault);
        if (e == OK && l.started) {
            ever = true;
            tries = 0;
        }
        if (e == OK) {
            cli_progress_begin(&c->progress, c->cli, "the stream broke off, trying again");
            client_pause(c, tries, 0, INT64_MAX);
        }
    }
    cli_progress_end(&c->progress);
    text_done(&l.line);
    text_done(&l.data);
    text_done(&l.refusal);
    return e;
}
