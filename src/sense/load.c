/*
 * sense/load.c - asks the load driver with libcurl on the loop: sockets and time-outs are libuv's, nothing blocks.
 */
#include "sense/load.h"

#include "base/text.h"
#include "link/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sense_load {
    uv_loop_t  *loop;
    uv_timer_t  timer;                   /* libcurl's */
    CURLM      *multi;
    CURL       *easy;
    struct text body;
    char        url[512];
    bool        asking, freed;
    int         handles;                 /* not yet closed */
    void      (*on_done)(void *ctx);
    void       *ctx;

    bool        answered;                /* the last question was */
    bool        before_known, now_known;
    struct driver_reading before, now;
    struct fault fault;
};

/* One of libcurl's sockets. */
struct socket_watch { uv_poll_t poll; struct sense_load *load; curl_socket_t fd; };

static void gone(struct sense_load *l)
{
    if (--l->handles == 0 && l->freed)
        free(l);
}

static void timer_closed(uv_handle_t *h) { gone(h->data); }

static void watch_closed(uv_handle_t *h)
{
    struct socket_watch *w = h->data;
    struct sense_load   *l = w->load;
    free(w);
    gone(l);
}

/* ---- an answer, or none ---- */

static void answer(struct sense_load *l, CURLcode how)
{
    long status = 0;
    (void)curl_easy_getinfo(l->easy, CURLINFO_RESPONSE_CODE, &status);
    l->asking = false;
    l->answered = false;
    l->fault = (struct fault){ 0 };
    struct driver_reading fresh;
    if (how != CURLE_OK) {
        (void)fail(&l->fault, how == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_IO, "cannot ask the load driver at %.200s: %s", l->url, curl_easy_strerror(how));
        fail_hint(&l->fault, "start homeostat-load with its endpoint, or take load_endpoint out of the configuration");
    } else if (status != 200) {
        (void)fail(&l->fault, ERR_STATE, "the load driver at %.200s answers with status %ld", l->url, status);
    } else if (l->body.cut) {
        (void)fail(&l->fault, ERR_LIMIT, "the load driver's answer is longer than %d bytes", LOAD_ANSWER_MAX);
    } else if (driver_parse(l->body.s, &fresh, &l->fault) == OK) {
        l->before = l->now;
        l->before_known = l->now_known;
        l->now = fresh;
        l->now_known = l->answered = true;
    }
    /* What comes after a hole would be a mean over the hole. */
    if (!l->answered)
        l->now_known = false;
    l->on_done(l->ctx);
}

static void take_messages(struct sense_load *l)
{
    int      left;
    CURLMsg *m;
    while (!l->freed && (m = curl_multi_info_read(l->multi, &left)))
        if (m->msg == CURLMSG_DONE) {
            CURLcode how = m->data.result;
            (void)curl_multi_remove_handle(l->multi, l->easy);
            answer(l, how);
        }
}

/* ---- libcurl on the loop ---- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct socket_watch *w = poll->data;
    struct sense_load   *l = w->load;
    int running, flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    (void)curl_multi_socket_action(l->multi, w->fd, status < 0 ? CURL_CSELECT_ERR : flags, &running);
    take_messages(l);
}

static void on_timer(uv_timer_t *t)
{
    struct sense_load *l = t->data;
    int running;
    (void)curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_messages(l);
}

static int want_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct sense_load *l = ctx;
    (void)multi;
    if (l->freed)
        return 0;
    if (timeout_ms < 0)
        return uv_timer_stop(&l->timer);
    return uv_timer_start(&l->timer, on_timer, (uint64_t)timeout_ms, 0);   /* 0: at the next turn, never from in here */
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
    struct sense_load   *l = ctx;
    struct socket_watch *w = of_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            (void)uv_poll_stop(&w->poll);
            (void)curl_multi_assign(l->multi, fd, NULL);
            uv_close((uv_handle_t *)&w->poll, watch_closed);
        }
        return 0;
    }
    if (!w) {
        w = calloc(1, sizeof *w);
        if (!w || uv_poll_init(l->loop, &w->poll, (int)fd) != 0) {
            free(w);
            return -1;
        }
        *w = (struct socket_watch){ .poll = w->poll, .load = l, .fd = fd };
        w->poll.data = w;
        l->handles++;
        (void)curl_multi_assign(l->multi, fd, w);
    }
    int events = (what != CURL_POLL_OUT ? UV_READABLE : 0) | (what != CURL_POLL_IN ? UV_WRITABLE : 0);
    return uv_poll_start(&w->poll, events, on_poll) == 0 ? 0 : -1;
}

static size_t on_data(char *data, size_t size, size_t n, void *ctx)
{
    struct sense_load *l = ctx;
    text_add_n(&l->body, data, size * n);
    return l->body.cut ? 0 : size * n;
}

/* ---- outside ---- */

static bool set_up(struct sense_load *l, int limit_ms)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);   /* counted; for the life of the program */
    l->multi = curl_multi_init();
    l->easy = curl_easy_init();
    if (!l->multi || !l->easy)
        return false;
    return curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, want_socket) == CURLM_OK && curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l) == CURLM_OK &&
           curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, want_timer) == CURLM_OK && curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l) == CURLM_OK &&
           curl_easy_setopt(l->easy, CURLOPT_URL, l->url) == CURLE_OK && curl_easy_setopt(l->easy, CURLOPT_TIMEOUT_MS, (long)limit_ms) == CURLE_OK &&
           curl_easy_setopt(l->easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && curl_easy_setopt(l->easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(l->easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK && curl_easy_setopt(l->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK &&
           curl_easy_setopt(l->easy, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK && curl_easy_setopt(l->easy, CURLOPT_WRITEDATA, l) == CURLE_OK;
}

enum err sense_load_new(uv_loop_t *loop, const char *url, int limit_ms, void (*on_done)(void *ctx), void *ctx, struct sense_load **load, struct fault *fault)
{
    *load = NULL;
    enum err e = http_url_check(url, fault);
    if (e != OK)
        return e;
    struct sense_load *l = calloc(1, sizeof *l);
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    if (!l || (size_t)snprintf(l->url, sizeof l->url, "%.*s/latency", (int)length, url) >= sizeof l->url) {
        free(l);
        return fail(fault, ERR_LIMIT, "no memory for the load driver's address, or it is too long");
    }
    l->loop = loop;
    l->on_done = on_done;
    l->ctx = ctx;
    text_init(&l->body, LOAD_ANSWER_MAX);
    if (!set_up(l, limit_ms)) {
        curl_easy_cleanup(l->easy);
        (void)curl_multi_cleanup(l->multi);
        text_done(&l->body);
        free(l);
        return fail(fault, ERR_LIMIT, "no memory to ask the load driver");
    }
    (void)uv_timer_init(loop, &l->timer);
    l->timer.data = l;
    l->handles = 1;
    *load = l;
    return OK;
}

void sense_load_free(struct sense_load *l)
{
    if (!l)
        return;
    l->freed = true;
    if (l->asking)
        (void)curl_multi_remove_handle(l->multi, l->easy);
    curl_easy_cleanup(l->easy);
    (void)curl_multi_cleanup(l->multi);   /* takes its sockets off the loop */
    text_done(&l->body);
    uv_close((uv_handle_t *)&l->timer, timer_closed);
}

void sense_load_ask(struct sense_load *l)
{
    if (l->asking)
        return;
    l->asking = true;
    text_clear(&l->body);
    if (curl_multi_add_handle(l->multi, l->easy) != CURLM_OK)
        answer(l, CURLE_OUT_OF_MEMORY);
}

bool sense_load_fill(struct sense_load *l, struct sample *s)
{
    if (!l->answered)
        return false;
    driver_fill(l->before_known ? &l->before : NULL, &l->now, s);
    return true;
}

const struct fault *sense_load_fault(const struct sense_load *l) { return l->answered || l->fault.code == OK ? NULL : &l->fault; }
