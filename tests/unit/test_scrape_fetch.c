/* scrape: asking over HTTP, within limits, and what comes of it in the journal. A server in this process says what it is told. */
#include "unit.h"

#include "base/file.h"
#include "base/log.h"
#include "event/event.h"
#include "scrape/conf.h"
#include "relabel/conf.h"
#include "scrape/fetch.h"
#include "scrape/scrape.h"
#include "wire/remote.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <libdeflate.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct fault fault;

/* ---- the server: one answer for each connection ---- */

static struct server {
    int             fd, port;
    pthread_t       thread;
    atomic_bool     stop;
    atomic_int      asked;
    pthread_mutex_t lock;
    char            answer[128 * 1024]; size_t n;     /* whole; n 0: silence until the other side goes */
    char            head[4096];                      /* of the last request */
} server, other;

static void answers(struct server *s, const char *head, const void *body, size_t n)
{
    (void)pthread_mutex_lock(&s->lock);
    s->n = (size_t)snprintf(s->answer, sizeof s->answer, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n", head, n);
    memcpy(s->answer + s->n, body, n);
    s->n += n;
    (void)pthread_mutex_unlock(&s->lock);
}

static void says(const char *text) { answers(&server, "200 OK\r\nContent-Type: text/plain; version=0.0.4", text, strlen(text)); }

static void one_request(struct server *s, int c)
{
    char    in[4096], out[sizeof s->answer];
    size_t  have = 0, n;
    ssize_t got;
    while (have < sizeof in - 1 && (got = read(c, in + have, sizeof in - 1 - have)) > 0) {
        have += (size_t)got;
        in[have] = '\0';
        if (strstr(in, "\r\n\r\n"))
            break;
    }
    if (!have)
        return;
    (void)pthread_mutex_lock(&s->lock);
    memcpy(s->head, in, have + 1);
    memcpy(out, s->answer, n = s->n);
    (void)pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->asked, 1);
    if (n)
        (void)!send(c, out, n, MSG_NOSIGNAL);
    else
        while (read(c, in, sizeof in) > 0)
            continue;
}

static void *serve(void *ctx)
{
    struct server *s = ctx;
    while (!atomic_load(&s->stop)) {
        int c = accept(s->fd, NULL, NULL);
        if (c < 0)
            break;
        one_request(s, c);
        (void)close(c);
    }
    return NULL;
}

static void server_begin(struct server *s)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          n = sizeof a;
    memset(s, 0, sizeof *s);
    (void)pthread_mutex_init(&s->lock, NULL);
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->fd, 16), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(struct server *s)
{
    atomic_store(&s->stop, true);
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
    (void)pthread_mutex_destroy(&s->lock);
}

/* ---- a name server that does not answer: whoever asks for this name waits until he is let go ---- */

static struct { pthread_mutex_t lock; pthread_cond_t changed; bool begun, let_go, ended; } silent = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false, false };

/* In the place of the library's, also for libcurl. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    if (!name || strcmp(name, "silent.invalid") != 0) {
        int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
        return real(name, service, hints, found);
    }
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;                      /* so that who waits for this fails, instead of waiting for ever */
    (void)pthread_mutex_lock(&silent.lock);
    silent.begun = true;
    (void)pthread_cond_broadcast(&silent.changed);
    while (!silent.let_go && pthread_cond_timedwait(&silent.changed, &silent.lock, &until) == 0)
        ;
    silent.ended = true;
    (void)pthread_cond_broadcast(&silent.changed);
    (void)pthread_mutex_unlock(&silent.lock);
    return EAI_AGAIN;
}

/* ---- the world ---- */

static char               folder[64];
static struct conf       *conf;
static const struct scrape_job *job;
static struct fetches    *fetches;
static struct fetch_done  done;

static const struct conf_section *const sections[] = { &scrape_section, &scraper_section, &relabel_section };

static void load(struct conf **c, const char *format, ...)
{
    char    text[2048];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_ok(conf_load_text("/tmp/t.yaml", text, strlen(text), sections, 3, c, NULL, &fault), &fault);
}

static void job_is(const char *more)
{
    size_t n;
    conf_free(conf);
    conf = NULL;
    load(&conf, "scrape: { j: { targets: [\"h:1\"], %s } }", more);
    job = conf_instances(conf, &scrape_section, &n);
}

static int begin(void **state)
{
    log_setup(LOG_LOGFMT, LOG_ERROR, NULL);
    (void)snprintf(folder, sizeof folder, "/tmp/scrape-XXXXXX");
    assert_non_null(mkdtemp(folder));
    server_begin(&server);
    server_begin(&other);
    conf = NULL;
    job_is("interval: 10s");
    assert_ok(fetches_new(4, &fetches, &fault), &fault);
    return 0;
}

static int end(void **state)
{
    char command[128];
    fetches_free(fetches);
    conf_free(conf);
    server_end(&server);
    server_end(&other);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static char *secret_file(const char *name, const char *text)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(file_write(path, text, strlen(text), 0600, &fault), &fault);
    return path;
}

static void fetch_within(int64_t timeout_us)
{
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/metrics", server.port);
    assert_ok(fetch_start(fetches, &(struct fetch_ask){ .url = url, .job = job, .timeout_us = timeout_us, .ctx = &done }, &fault), &fault);
    while (!fetch_next(fetches, &done))
        fetch_wait(fetches, US_PER_S);
    assert_ptr_equal(done.ctx, &done);
}

static void fetch(void) { fetch_within(20 * US_PER_S); }
static void release(void) { fetch_release(fetches, &done); }

static bool head_has(struct server *s, const char *line) { return strcasestr(s->head, line) != NULL; }

static size_t gzip(const void *body, size_t n, char *out, size_t room)
{
    struct libdeflate_compressor *z = libdeflate_alloc_compressor(6);
    size_t                        made = libdeflate_gzip_compress(z, body, n, out, room);
    libdeflate_free_compressor(z);
    assert_true(made);
    return made;
}

/* ---- one request ---- */

static void a_request_says_what_it_can_read_and_how_long_it_waits(void **state)
{
    says("a 1\n");
    fetch_within(2500 * US_PER_MS);
    assert_true(done.fine);
    assert_true(slice_is(done.body, "a 1\n"));
    assert_true(slice_is(done.type, "text/plain; version=0.0.4"));
    assert_true(head_has(&server, "GET /metrics HTTP/1.1\r\n"));
    assert_true(head_has(&server, "\r\nAccept: application/openmetrics-text;version=1.0.0;q=0.5,"));
    assert_true(head_has(&server, "\r\nAccept-Encoding: gzip\r\n"));
    assert_true(head_has(&server, "\r\nX-Prometheus-Scrape-Timeout-Seconds: 2.5\r\n"));
    assert_false(head_has(&server, "Authorization"));
    release();
    assert_int_equal(fetches_busy(fetches), 0);
}

static void gzip_is_taken_off_whole_or_not_at_all(void **state)
{
    static char body[200000], packed[4096];
    for (size_t i = 0; i + 4 <= sizeof body; i += 4)
        memcpy(body + i, "a 1\n", 4);
    size_t n = gzip(body, sizeof body, packed, sizeof packed);
    answers(&server, "200 OK\r\nContent-Encoding: gzip", packed, n);
    fetch();
    assert_true(done.fine);
    assert_int_equal(done.body.n, sizeof body);
    assert_memory_equal(done.body.s, body, sizeof body);
    release();
    for (size_t less = 1; less < n; less += 37) {
        answers(&server, "200 OK\r\nContent-Encoding: gzip", packed, n - less);
        fetch();
        assert_false(done.fine);
        release();
    }
    size_t two = n + gzip("b 2\n", 4, packed + n, sizeof packed - n);         /* parts one behind the other are one */
    answers(&server, "200 OK\r\nContent-Encoding: gzip", packed, two);
    fetch();
    assert_true(done.fine);
    assert_int_equal(done.body.n, sizeof body + 4);
    release();
}

static void an_answer_beyond_body_max_is_given_up_packed_or_not(void **state)
{
    static char body[40000], packed[4096];
    memset(body, '#', sizeof body);
    job_is("body_max: 20KiB");
    answers(&server, "200 OK", body, sizeof body);
    fetch();
    assert_false(done.fine);
    assert_non_null(strstr(done.why, "body_max"));
    release();
    answers(&server, "200 OK", body, 20 * 1024);
    fetch();
    assert_true(done.fine);
    release();
    answers(&server, "200 OK\r\nContent-Encoding: gzip", packed, gzip(body, sizeof body, packed, sizeof packed));
    fetch();
    assert_false(done.fine);
    assert_non_null(strstr(done.why, "body_max"));
    release();
    answers(&server, "200 OK\r\nContent-Encoding: gzip", packed, gzip(body, 20 * 1024, packed, sizeof packed));
    fetch();
    assert_true(done.fine);
    release();
}

static void headers_and_trailers_have_a_bound(void **state)
{
    for (int behind = 0; behind < 2; behind++) {
        (void)pthread_mutex_lock(&server.lock);
        server.n = (size_t)snprintf(server.answer, sizeof server.answer, "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n%s", behind ? "\r\n4\r\na 1\n\r\n0\r\n" : "");
        for (int i = 0; i < 100; i++)
            server.n += (size_t)snprintf(server.answer + server.n, sizeof server.answer - server.n, "X-%d: %01000d\r\n", i, 7);
        server.n += (size_t)snprintf(server.answer + server.n, sizeof server.answer - server.n, "\r\n%s", behind ? "" : "4\r\na 1\n\r\n0\r\n\r\n");
        (void)pthread_mutex_unlock(&server.lock);
        fetch();
        assert_false(done.fine);
        assert_non_null(strstr(done.why, "headers and trailers"));
        release();
    }
    (void)pthread_mutex_lock(&server.lock);
    server.n = (size_t)snprintf(server.answer, sizeof server.answer, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: %0120000d\r\n\r\na 1\n", 7);
    (void)pthread_mutex_unlock(&server.lock);
    fetch();
    assert_non_null(strstr(done.why, "a line of its head"));
    release();
    says("a 1\n");
    fetch();
    assert_true(done.fine);
    release();
}

static void who_does_not_answer_in_time_does_not_answer(void **state)
{
    fetch_within(50 * US_PER_MS);
    assert_false(done.fine);
    assert_non_null(strstr(done.why, "within 50 ms"));
    release();
}

static void a_name_server_that_does_not_answer_holds_up_nobody_else(void **state)
{
    struct fetch_ask ask = { .url = "http://silent.invalid/metrics", .job = job, .timeout_us = 50 * US_PER_MS, .ctx = &ask };
    assert_ok(fetch_start(fetches, &ask, &fault), &fault);
    while (!fetch_next(fetches, &done))
        fetch_wait(fetches, US_PER_S);
    assert_false(done.fine);
    release();
    says("a 1\n");
    fetch();
    assert_true(done.fine);
    release();
    (void)pthread_mutex_lock(&silent.lock);
    assert_true(silent.begun);
    assert_false(silent.ended);
    silent.let_go = true;
    (void)pthread_cond_broadcast(&silent.changed);
    while (!silent.ended)
        (void)pthread_cond_wait(&silent.changed, &silent.lock);
    (void)pthread_mutex_unlock(&silent.lock);
}

static void an_answer_that_breaks_off_is_none(void **state)
{
    (void)pthread_mutex_lock(&server.lock);
    server.n = (size_t)snprintf(server.answer, sizeof server.answer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na 1\n");
    (void)pthread_mutex_unlock(&server.lock);
    fetch();
    assert_false(done.fine);
    release();
    answers(&server, "503 Service Unavailable", "a 1\n", 4);
    fetch();
    assert_false(done.fine);
    assert_int_equal(done.status, 503);
    release();
}

static void credentials_go_where_they_belong(void **state)
{
    char more[300];
    says("a 1\n");
    (void)snprintf(more, sizeof more, "token: \"%s\"", secret_file("token", "s3cret\n"));
    job_is(more);
    fetch();
    assert_true(done.fine);
    assert_true(head_has(&server, "\r\nAuthorization: Bearer s3cret\r\n"));
    release();
    (void)snprintf(more, sizeof more, "user: me, password: \"%s\"", secret_file("password", "pw"));
    job_is(more);
    fetch();
    assert_true(done.fine);
    assert_true(head_has(&server, "\r\nAuthorization: Basic bWU6cHc=\r\n"));
    release();
    /* nothing of the last one is left for the next */
    job_is("interval: 10s");
    fetch();
    assert_false(head_has(&server, "Authorization"));
    release();
}

static void credentials_do_not_follow_to_elsewhere(void **state)
{
    char more[300], to[128];
    (void)snprintf(to, sizeof to, "302 Found\r\nLocation: http://127.0.0.1:%d/elsewhere", other.port);
    answers(&server, to, "", 0);
    answers(&other, "200 OK", "b 1\n", 4);
    fetch();
    assert_true(done.fine);
    assert_true(slice_is(done.body, "b 1\n"));
    release();
    (void)snprintf(more, sizeof more, "token: \"%s\"", secret_file("token", "s3cret\n"));
    job_is(more);
    int before = atomic_load(&other.asked);
    fetch();
    assert_false(done.fine);
    assert_int_equal(done.status, 302);
    assert_int_equal(atomic_load(&other.asked), before);
    release();
    struct fetch_ask far = { .url = "http://192.0.2.1:9/metrics", .job = job, .timeout_us = US_PER_S };
    assert_int_equal(fetch_start(fetches, &far, &fault), ERR_DENIED);
    assert_null(strstr(fault.text, "s3cret"));
}

static void what_is_forgotten_does_not_come_back(void **state)
{
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
    struct fetch_ask ask = { .url = url, .job = job, .timeout_us = 20 * US_PER_S, .ctx = url };
    for (int i = 0; i < 4; i++)
        assert_ok(fetch_start(fetches, &ask, &fault), &fault);
    assert_int_equal(fetch_start(fetches, &ask, &fault), ERR_BUSY);
    fetch_wait(fetches, 1000);
    fetch_forget(fetches, url);
    assert_int_equal(fetches_busy(fetches), 0);
    assert_false(fetch_next(fetches, &done));
}

/* ---- the whole: into a journal ---- */

static struct journal          *journal;
static struct journal_consumer *reader;

static void journal_begin(void)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/journal", folder);
    struct journal_options o = journal_options_default(path);
    o.segment_bytes = 1024 * 1024;
    o.size_max = 8 * o.segment_bytes;
    o.reserve_bytes = 0;
    o.commit_delay_us = 0;
    assert_ok(journal_open(&o, &journal, &fault), &fault);
    assert_ok(journal_consumer_open(journal, "test", JOURNAL_FROM_START, &reader, &fault), &fault);
}

static void journal_end(void)
{
    journal_consumer_close(reader);
    journal_close(journal);
}

/* The last value of each name; what is not there is not in it. */
static struct { char name[96]; double value; int64_t time_ns; bool stale; int times; } seen[64];
static size_t seen_n;
static enum record_kind last_kind_of_a;

static bool see(void *ctx, const struct event *e)
{
    size_t   i = 0;
    uint64_t bits;
    double   v = e->as.point.value;
    while (i < seen_n && strncmp(seen[i].name, e->as.point.name.s, e->as.point.name.n) != 0)
        i++;
    if (i == seen_n)
        (void)snprintf(seen[seen_n++].name, sizeof seen[0].name, "%.*s", (int)e->as.point.name.n, e->as.point.name.s);
    memcpy(&bits, &v, sizeof bits);
    seen[i].value = v;
    seen[i].stale = bits == REMOTE_STALE_BITS;
    seen[i].time_ns = e->as.point.time_ns;
    seen[i].times++;
    if (!strcmp(seen[i].name, "a"))
        last_kind_of_a = ((const struct record *)ctx)->kind;
    return true;
}

static void read_all(void)
{
    struct record       r;
    struct event_report report;
    struct arena        a;
    arena_init(&a, 1 << 24);
    while (journal_read(reader, &r, &fault) == OK) {
        assert_true(r.source.n > 7 && !memcmp(r.source.s, "scrape:", 7));
        arena_reset(&a);
        assert_ok(event_read(&r, &a, see, &r, &report, &fault), &fault);
        assert_int_equal(report.events, r.events);
    }
    arena_done(&a);
}

static int found(const char *name)
{
    for (size_t i = 0; i < seen_n; i++)
        if (!strcmp(seen[i].name, name))
            return (int)i;
    return -1;
}

#define UNTIL(condition)                                                          \
    for (int turns = 0; read_all(), !(condition); turns++) {                      \
        assert_true(turns < 2000);                                                \
        (void)nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);          \
    }

static double value_of(const char *name) { return found(name) < 0 ? -1 : seen[found(name)].value; }

static void what_a_target_answers_is_in_the_journal_and_what_it_does_not_is_marked(void **state)
{
    struct conf        *c = NULL, *without = NULL;
    struct scrape      *s = NULL;
    struct scrape_stats stats;
    seen_n = 0;
    journal_begin();
    says("# TYPE a counter\na 7\nb{x=\"y\"} 2\n");
    load(&c, "scrape: { j: { targets: [\"127.0.0.1:%d\"], interval: 100ms } }", server.port);
    assert_ok(scrape_start(c, journal, NULL, &s, &fault), &fault);
    UNTIL(found("up") >= 0 && found("a") >= 0);
    assert_true(value_of("a") == 7 && value_of("up") == 1 && value_of("scrape_samples_scraped") == 2);
    assert_int_equal(last_kind_of_a, RECORD_EXPOSITION);
    assert_int_equal(seen[found("a")].time_ns % 1000000, 0);
    says("a 8\n");
    UNTIL(value_of("a") == 8 && seen[found("b")].stale);
    assert_false(seen[found("a")].stale);
    /* without its end it is half an answer, and nothing of it counts */
    static const char half[] = "# TYPE a gauge\na 99\n";
    answers(&server, "200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0", half, strlen(half));
    UNTIL(value_of("up") == 0 && seen[found("a")].stale);
    json_t *told = scrape_status(s), *target = json_array_get(json_object_get(told, "targets"), 0);
    assert_string_equal(json_string_value(json_object_get(target, "state")), "down");
    assert_non_null(strstr(json_string_value(json_object_get(target, "error")), "EOF"));
    json_decref(told);
    static const char whole[] = "# TYPE a gauge\na 99\n# EOF\n";
    answers(&server, "200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0", whole, strlen(whole));
    UNTIL(value_of("a") == 99 && value_of("up") == 1);
    /* a target that is taken away ends, with what was said of it */
    load(&without, "scrape: { j: { targets: [\"127.0.0.1:%d\"], interval: 100ms } }", other.port);
    answers(&other, "200 OK", "c 1\n", 4);
    assert_ok(scrape_reload(s, without, &fault), &fault);
    UNTIL(seen[found("a")].stale && value_of("c") == 1);
    scrape_stats(s, &stats);
    assert_int_equal(stats.targets, 1);
    assert_int_equal(stats.lost + stats.reports_lost, 0);
    assert_true(stats.scrapes > 3 && stats.failures >= 1);
    scrape_stop(s);
    journal_end();
    conf_free(c);
    conf_free(without);
}

static void a_reload_keeps_what_is_known_of_targets_that_stay(void **state)
{
    struct conf   *c = NULL, *next = NULL, *bad = NULL;
    struct scrape *s = NULL;
    seen_n = 0;
    journal_begin();
    says("a 1\nb 1\n");
    load(&c, "scrape: { j: { targets: [\"127.0.0.1:%d\"], interval: 100ms } }", server.port);
    assert_ok(scrape_start(c, journal, NULL, &s, &fault), &fault);
    UNTIL(value_of("a") == 1 && value_of("up") == 1);
    static const char nosuch[] = "scrape: { j: { targets: [\"h:1\"], metric_relabel: [nosuch] } }";
    assert_int_equal(conf_load_text("/tmp/t.yaml", nosuch, strlen(nosuch), sections, 3, &bad, NULL, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "scrape.j.metric_relabel: no rule of the section relabel belongs to the set nosuch"));
    static const char events[] = "relabel: [{ set: e, source_labels: [body], action: parse_json }]\nscrape: { j: { targets: [\"h:1\"], relabel: [e] } }";
    assert_int_equal(conf_load_text("/tmp/t.yaml", events, strlen(events), sections, 3, &bad, NULL, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "the set e has a rule with parse_json, which is for events and not for labels"));
    /* the new rule takes `a` away: it ends, and b does not begin again */
    load(&next, "relabel: [{ set: m, source_labels: [__name__], regex: a, action: drop }]\n"
                "scrape: { j: { targets: [\"127.0.0.1:%d\"], interval: 100ms, metric_relabel: [m] } }", server.port);
    assert_ok(scrape_reload(s, next, &fault), &fault);
    UNTIL(seen[found("a")].stale);
    int times = seen[found("b")].times;
    UNTIL(seen[found("b")].times > times);
    assert_true(value_of("scrape_series_added") == 0 && value_of("scrape_samples_post_metric_relabeling") == 1);
    assert_false(seen[found("b")].stale);
    scrape_stop(s);
    journal_end();
    conf_free(c);
    conf_free(next);
}

/* Records of others until it takes no more. */
static void fill_journal(void)
{
    static char   body[256 * 1024];
    struct record r = { .kind = RECORD_SCHEMA, .form = FORM_JSON, .source = SLICE("filler"), .body = { body, sizeof body } };
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)(i * 2654435761u >> 13);
    int n = 0;
    while (journal_append_wait(journal, &r, NULL, &fault) == OK)
        assert_true(++n < 1000);
    for (r.body.n = 64; journal_append_wait(journal, &r, NULL, &fault) == OK;)
        assert_true(++n < 1000000);
}

static void a_full_journal_loses_scrapes_with_a_count_and_no_report(void **state)
{
    struct conf        *c = NULL;
    struct scrape      *s = NULL;
    struct scrape_stats stats;
    struct record       r;
    uint64_t            last = 0;
    seen_n = 0;
    journal_begin();
    fill_journal();
    says("a 7\n");
    load(&c, "scrape: { j: { targets: [\"127.0.0.1:%d\"], interval: 100ms } }", server.port);
    assert_ok(scrape_start(c, journal, NULL, &s, &fault), &fault);
    do {
        (void)nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
        scrape_stats(s, &stats);
    } while (stats.lost < 2);
    answers(&server, "500 No", "", 0);           /* from here on nothing new is lost */
    while (journal_read(reader, &r, &fault) == OK)
        last = r.id;
    assert_ok(journal_commit(reader, last, &fault), &fault);
    UNTIL(value_of("up") == 0);
    scrape_stats(s, &stats);
    scrape_stop(s);
    read_all();
    assert_true((uint64_t)seen[found("up")].times >= stats.scrapes);      /* one for each, however long it had to wait */
    assert_int_equal(stats.reports_lost, 0);
    journal_end();
    conf_free(c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_request_says_what_it_can_read_and_how_long_it_waits),
        TEST(gzip_is_taken_off_whole_or_not_at_all),
        TEST(an_answer_beyond_body_max_is_given_up_packed_or_not),
        TEST(headers_and_trailers_have_a_bound),
        TEST(who_does_not_answer_in_time_does_not_answer),
        TEST(a_name_server_that_does_not_answer_holds_up_nobody_else),
        TEST(an_answer_that_breaks_off_is_none),
        TEST(credentials_go_where_they_belong),
        TEST(credentials_do_not_follow_to_elsewhere),
        TEST(what_is_forgotten_does_not_come_back),
        TEST(what_a_target_answers_is_in_the_journal_and_what_it_does_not_is_marked),
        TEST(a_reload_keeps_what_is_known_of_targets_that_stay),
        TEST(a_full_journal_loses_scrapes_with_a_count_and_no_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
