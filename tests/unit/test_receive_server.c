/* receive: a real server on loopback with a real journal: what was acknowledged can be read back; TLS, tokens, reload, stop. */
#include "unit.h"

#include "base/file.h"
#include "journal/files.h"
#include "receive/server.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char one_log[20] = { 0x0a, 0x12, 0x12, 0x10, 0x12, 0x0e, 0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x2a, 0x03, 0x0a, 0x01, 'x' };
#define GRPC_LOGS "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

static struct {
    char                   folder[64], path[128], certificate[128], key[128], tokens[128];
    struct journal        *journal;
    struct receive_server *server;
    struct fault           fault;
    atomic_int             checks;
} f;

/* ---- the house around it ---- */

static const struct conf_section *const sections[] = { &receive_section, &receive_listeners_section };

static struct conf *conf_text(const char *text)
{
    struct conf *c = NULL;
    assert_ok(conf_load_text("test", text, strlen(text), sections, 2, &c, NULL, &f.fault), &f.fault);
    return c;
}

static enum err on_check(const struct record *r, struct event_report *report, struct fault *fault)
{
    atomic_fetch_add(&f.checks, 1);
    return event_check_record(r, report, fault);
}

static enum err start(const char *text)
{
    const struct receive_hooks hooks = { .check = on_check };
    struct conf               *c = conf_text(text);
    enum err                   e = receive_server_start(c, f.journal, &hooks, &f.server, &f.fault);
    conf_free(c);
    return e;
}

static enum err reload(const char *text)
{
    struct conf *c = conf_text(text);
    enum err     e = receive_server_reload(f.server, c, &f.fault);
    conf_free(c);
    return e;
}

static const char *file_put(const char *name, const char *text)
{
    (void)snprintf(f.path, sizeof f.path, "%s/%s", f.folder, name);
    assert_ok(file_write(f.path, text, strlen(text), 0600, &f.fault), &f.fault);
    return f.path;
}

static void certificate_make(void)
{
    (void)snprintf(f.certificate, sizeof f.certificate, "%s/cert.pem", f.folder);
    (void)snprintf(f.key, sizeof f.key, "%s/key.pem", f.folder);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(126);
        execlp("openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f.key, "-out", f.certificate, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    (void)chmod(f.key, 0600);
}

static int open_all(void **state)
{
    memset(&f, 0, sizeof f);
    (void)strcpy(f.folder, "/tmp/homeostat-receive-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    (void)snprintf(f.path, sizeof f.path, "%s/journal", f.folder);
    struct journal_options o = journal_options_default(f.path);
    o.segment_bytes = 1 << 20;
    o.size_max = 8 << 20;
    assert_ok(journal_open(&o, &f.journal, &f.fault), &f.fault);
    return 0;
}

static int close_all(void **state)
{
    char command[128];
    receive_server_stop(f.server);
    journal_close(f.journal);
    (void)snprintf(command, sizeof command, "rm -rf %s", f.folder);
    return system(command);
}

/* Records of the journal so far, and that each is the log. */
static size_t kept(void)
{
    struct journal_consumer *c;
    struct record            r;
    size_t                   n = 0;
    assert_ok(journal_consumer_open(f.journal, "test", JOURNAL_FROM_START, &c, &f.fault), &f.fault);
    while (journal_read(c, &r, &f.fault) == OK)
        n++;
    journal_consumer_close(c);
    return n;
}

/* ---- clients ---- */

struct reply { long status; char head[4096], body[4096]; long version; CURLcode code; };

static size_t add(char *data, size_t size, size_t n, void *to)
{
    size_t k = strlen(to);
    if (k + size * n < 4096) {
        for (size_t i = 0; i < size * n; i++)
            ((char *)to)[k + i] = data[i] ? data[i] : '0';      /* so that it stays a text */
        ((char *)to)[k + size * n] = '\0';
    }
    return size * n;
}

static struct reply ask(CURL *c, const char *scheme, int port, const char *path, const char *const *fields, const void *body, size_t n, long version)
{
    struct reply       r = { 0 };
    struct curl_slist *list = NULL;
    char               url[256];
    (void)snprintf(url, sizeof url, "%s://127.0.0.1:%d%s", scheme, port, path);
    for (size_t i = 0; fields && fields[i]; i++)
        list = curl_slist_append(list, fields[i]);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, version);
    curl_easy_setopt(c, CURLOPT_CAINFO, f.certificate);
    if (body) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)n);
    } else
        curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, add);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, r.head);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, add);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, r.body);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 20L);
    r.code = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &r.status);
    curl_easy_getinfo(c, CURLINFO_HTTP_VERSION, &r.version);
    curl_slist_free_all(list);
    return r;
}

static struct reply once(const char *scheme, const char *listener, const char *path, const char *const *fields, const void *body, size_t n, long version)
{
    CURL        *c = curl_easy_init();
    struct reply r = ask(c, scheme, receive_server_port(f.server, listener), path, fields, body, n, version);
    curl_easy_cleanup(c);
    return r;
}

static const char *const as_protobuf[] = { "Content-Type: application/x-protobuf", NULL };
static const char *const as_grpc[] = { "Content-Type: application/grpc", "TE: trailers", NULL };

static struct reply send_grpc(const char *scheme, const char *listener, const char *const *fields, long version)
{
    char frame[25] = { 0, 0, 0, 0, 20 };
    memcpy(frame + 5, one_log, 20);
    return once(scheme, listener, GRPC_LOGS, fields, frame, sizeof frame, version);
}

/* ---- tests ---- */

#define PLAIN "listeners:\n    main: { address: \"127.0.0.1:0\" }\n"

static void what_was_acknowledged_is_in_the_journal(void **state)
{
    assert_ok(start(PLAIN), &f.fault);
    assert_int_equal(once("http", "main", "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status, 200);
    assert_int_equal(kept(), 1);
    assert_int_equal(once("http", "main", "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE).status, 200);
    struct reply r = send_grpc("http", "main", as_grpc, CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.head, "grpc-status: 0"));
    assert_int_equal(kept(), 3);
    assert_int_equal(once("http", "main", "/health", NULL, NULL, 0, CURL_HTTP_VERSION_1_1).status, 200);

    struct receive_stats st;
    receive_server_stats(f.server, &st);
    assert_int_equal(st.of[RECEIVE_OTLP_HTTP].accepted, 2);
    assert_int_equal(st.of[RECEIVE_OTLP_HTTP].events, 2);
    assert_int_equal(st.of[RECEIVE_OTLP_HTTP].bytes, 40);
    assert_int_equal(st.of[RECEIVE_OTLP_GRPC].accepted, 1);
    assert_int_equal(st.connections_opened, 4);
    assert_int_equal(st.in_flight_bytes, 0);
    uint64_t latencies = 0;
    for (int i = 0; i < RECEIVE_LATENCY_BUCKETS; i++)
        latencies += st.ack_latency[i];
    assert_int_equal(latencies, 3);
}

static void a_table_that_is_registered_is_in_the_journal(void **state)
{
    static const char *const json[] = { "Content-Type: application/json", NULL };
    static const char        body[] = "{\"table\":\"orders\",\"kind\":\"metrics\",\"columns\":[{\"name\":\"n\",\"type\":\"int\"}]}";
    assert_ok(start(PLAIN), &f.fault);
    assert_int_equal(once("http", "main", "/schema/register", json, body, sizeof body - 1, CURL_HTTP_VERSION_1_1).status, 200);
    assert_int_equal(kept(), 1);
}

enum { SENDERS = 4, EACH = 25 };

static void *sender(void *ctx)
{
    CURL *c = curl_easy_init();
    long  good = 0;
    for (int i = 0; i < EACH; i++)
        good += ask(c, "http", *(int *)ctx, "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status == 200;
    curl_easy_cleanup(c);
    return (void *)good;
}

static void many_senders_and_several_threads_lose_nothing(void **state)
{
    pthread_t t[SENDERS];
    long      good = 0;
    assert_ok(start("receive:\n  threads: 3\nlisteners:\n    main: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    int port = receive_server_port(f.server, "main");
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, sender, &port), 0);
    for (int i = 0; i < SENDERS; i++) {
        void *n;
        assert_int_equal(pthread_join(t[i], &n), 0);
        good += (long)n;
    }
    assert_int_equal(good, SENDERS * EACH);
    assert_int_equal(kept(), SENDERS * EACH);
}

static void tls_speaks_what_alpn_agrees_on_and_tokens_are_wanted(void **state)
{
    static const char *const with[] = { "Content-Type: application/x-protobuf", "Authorization: Bearer 0123456789abcdef", NULL };
    static const char *const grpc[] = { "Content-Type: application/grpc", "TE: trailers", "Authorization: Bearer 0123456789abcdef", NULL };
    char                     text[1024];
    certificate_make();
    (void)strcpy(f.tokens, file_put("tokens", "alice 0123456789abcdef shop\n"));
    (void)snprintf(text, sizeof text, "listeners:\n    edge: { address: \"127.0.0.1:0\", tls_certificate: %s, tls_key: %s, tokens: %s }\n", f.certificate, f.key, f.tokens);
    assert_ok(start(text), &f.fault);
    struct reply r = once("https", "edge", "/v1/logs", with, one_log, 20, CURL_HTTP_VERSION_2TLS);
    assert_int_equal(r.code, CURLE_OK);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.version, CURL_HTTP_VERSION_2_0);
    r = once("https", "edge", "/v1/logs", with, one_log, 20, CURL_HTTP_VERSION_1_1);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.version, CURL_HTTP_VERSION_1_1);
    assert_non_null(strstr(send_grpc("https", "edge", grpc, CURL_HTTP_VERSION_2TLS).head, "grpc-status: 0"));
    assert_non_null(strstr(send_grpc("https", "edge", as_grpc, CURL_HTTP_VERSION_2TLS).head, "grpc-status: 16"));
    assert_int_equal(once("https", "edge", "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status, 401);
    assert_int_not_equal(once("http", "edge", "/v1/logs", with, one_log, 20, CURL_HTTP_VERSION_1_1).code, CURLE_OK);
    assert_int_equal(kept(), 3);

    struct journal_consumer *c;
    struct record            rec;
    assert_ok(journal_consumer_open(f.journal, "tenant", JOURNAL_FROM_START, &c, &f.fault), &f.fault);
    assert_int_equal(journal_read(c, &rec, &f.fault), OK);
    assert_true(slice_is(rec.tenant, "shop"));
    journal_consumer_close(c);

    /* A large body over TLS is more than one record of TLS, and more than one read. */
    char *big = calloc(1, 700000);
    for (size_t i = 0; i + 20 <= 700000; i += 20)
        memcpy(big + i, one_log, 20);
    assert_int_equal(once("https", "edge", "/v1/logs", with, big, 700000, CURL_HTTP_VERSION_2TLS).status, 200);
    assert_int_equal(once("https", "edge", "/v1/logs", with, big, 700000, CURL_HTTP_VERSION_1_1).status, 200);
    free(big);

    /* Tokens are read again. */
    (void)file_put("tokens", "alice fedcba9876543210 shop\n");
    assert_ok(reload(text), &f.fault);
    assert_int_equal(once("https", "edge", "/v1/logs", with, one_log, 20, CURL_HTTP_VERSION_1_1).status, 401);
}

/* A port that somebody else listens on. */
static int port_taken(int *fd)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          n = sizeof at;
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(*fd >= 0 && bind(*fd, (struct sockaddr *)&at, n) == 0 && listen(*fd, 1) == 0 && getsockname(*fd, (struct sockaddr *)&at, &n) == 0);
    return ntohs(at.sin_port);
}

static void a_listener_may_change_its_host_or_its_name_and_keep_its_port(void **state)
{
    char text[256];
    int  free_fd, port = port_taken(&free_fd);
    (void)close(free_fd);
    for (int threads = 1; threads <= 2; threads++) {
        (void)snprintf(text, sizeof text, "receive: { threads: %d }\nlisteners:\n    a: { address: \"127.0.0.1:%d\" }\n", threads, port);
        assert_ok(start(text), &f.fault);
        (void)snprintf(text, sizeof text, "listeners:\n    a: { address: \"0.0.0.0:%d\", insecure: yes }\n", port);
        assert_ok(reload(text), &f.fault);
        assert_int_equal(once("http", "a", "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status, 200);
        (void)snprintf(text, sizeof text, "listeners:\n    b: { address: \"0.0.0.0:%d\", insecure: yes }\n", port);
        assert_ok(reload(text), &f.fault);
        assert_int_equal(receive_server_port(f.server, "a"), 0);
        assert_int_equal(once("http", "b", "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status, 200);

        /* Two at one address would share what comes in, each with its own tenant. */
        (void)snprintf(text, sizeof text, "listeners:\n    b: { address: \"0.0.0.0:%d\", insecure: yes }\n    c: { address: \"0.0.0.0:%d\", insecure: yes }\n", port, port);
        struct conf *c;
        assert_int_equal(conf_load_text("test", text, strlen(text), sections, 2, &c, NULL, &f.fault), ERR_INPUT);
        assert_non_null(strstr(f.fault.text, "listeners.c.address: listeners.b has the same"));
        receive_server_stop(f.server);
        f.server = NULL;
    }
}

static void an_address_that_somebody_else_has_is_refused_with_several_threads_too(void **state)
{
    char text[256];
    int  port;
    assert_ok(start("receive: { threads: 2 }\nlisteners:\n    a: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    port = receive_server_port(f.server, "a");
    (void)snprintf(text, sizeof text, "listeners:\n    a: { address: \"127.0.0.1:0\" }\n    b: { address: \"127.0.0.1:%d\" }\n", port);
    assert_int_equal(reload(text), ERR_IO);
    assert_int_equal(once("http", "a", "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status, 200);
}

static void a_reload_leaves_the_connections_of_others_alone(void **state)
{
    assert_ok(start("listeners:\n    a: { address: \"127.0.0.1:0\" }\n    b: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    int   a = receive_server_port(f.server, "a"), b = receive_server_port(f.server, "b");
    CURL *on_a = curl_easy_init(), *on_b = curl_easy_init();
    long  connects;
    assert_int_equal(ask(on_a, "http", a, "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status, 200);
    assert_int_equal(ask(on_b, "http", b, "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status, 200);
    assert_ok(reload("listeners:\n    a: { address: \"127.0.0.1:0\", protocols: [otlp-http] }\n    new: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    assert_int_equal(receive_server_port(f.server, "a"), a);
    assert_int_equal(receive_server_port(f.server, "b"), 0);
    assert_int_equal(ask(on_a, "http", a, "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status, 200);
    curl_easy_getinfo(on_a, CURLINFO_NUM_CONNECTS, &connects);
    assert_int_equal(connects, 0);      /* the same connection */
    assert_int_equal(ask(on_a, "http", a, "/api/v1/write", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status, 404);
    assert_int_equal(ask(on_b, "http", b, "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).code, CURLE_COULDNT_CONNECT);
    assert_int_equal(once("http", "new", "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status, 200);

    /* What cannot be had changes nothing. */
    char text[256];
    int  other, others = port_taken(&other);
    (void)snprintf(text, sizeof text, "listeners:\n    taken: { address: \"127.0.0.1:%d\" }\n", others);
    assert_int_equal(reload(text), ERR_IO);
    (void)close(other);
    assert_int_equal(ask(on_a, "http", a, "/v1/logs", as_protobuf, one_log, 20, CURL_HTTP_VERSION_1_1).status, 200);
    curl_easy_cleanup(on_a);
    curl_easy_cleanup(on_b);
}

static void a_listener_that_can_be_reached_needs_tls_and_tokens_or_a_word(void **state)
{
    static const char open[] = "listeners:\n    a: { address: \"0.0.0.0:0\" }\n", word[] = "listeners:\n    a: { address: \"0.0.0.0:0\", insecure: yes }\n";
    struct conf *c = NULL;
    assert_int_equal(conf_load_text("test", open, sizeof open - 1, sections, 2, &c, NULL, &f.fault), ERR_INPUT);
    assert_non_null(strstr(f.fault.text, "needs TLS and tokens"));
    assert_ok(conf_load_text("test", word, sizeof word - 1, sections, 2, &c, NULL, &f.fault), &f.fault);
    conf_free(c);
    assert_ok(conf_tables_check(sections, 2, &f.fault), &f.fault);
}

static int connect_to(const char *listener)
{
    int                fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)receive_server_port(f.server, listener)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* Read until the other end closes; what came is in said. */
static void read_all(int fd, char *said, size_t size)
{
    size_t  n = 0;
    ssize_t got;
    while ((got = recv(fd, said + n, size - 1 - n, 0)) > 0)
        n += (size_t)got;
    said[n] = '\0';
    (void)close(fd);
}

static void *stop(void *ctx)
{
    receive_server_stop(ctx);
    return NULL;
}

static void stopping_finishes_what_was_begun(void **state)
{
    char said[2048];
    assert_ok(start(PLAIN), &f.fault);
    int  fd = connect_to("main");
    char request[512];
    int  n = snprintf(request, sizeof request, "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\nContent-Length: 20\r\nExpect: 100-continue\r\n\r\n");
    assert_int_equal(send(fd, request, (size_t)n, 0), n);
    assert_int_equal(recv(fd, said, 25, MSG_WAITALL), 25);      /* 100 Continue: the server has begun with it */
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, stop, f.server), 0);
    assert_int_equal(send(fd, one_log, 20, 0), 20);
    read_all(fd, said, sizeof said);
    assert_int_equal(pthread_join(t, NULL), 0);
    f.server = NULL;
    assert_non_null(strstr(said, "200 OK"));
    assert_int_equal(kept(), 1);
}

static void a_sender_that_hangs_up_within_a_head_does_not_keep_his_connection(void **state)
{
    char said[64];
    assert_ok(start("receive:\n  head_timeout: 10min\nlisteners:\n    main: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    int fd = connect_to("main");
    assert_int_equal(send(fd, "POST /v1/logs HTTP/1.1\r\nHo", 26, 0), 26);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    read_all(fd, said, sizeof said);
    assert_string_equal(said, "");
}

static double processor_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* For a moment whoever starts a program has two of each file; epoll would go on telling of one that is closed, and whose memory is somebody else's. */
static void a_connection_that_is_closed_is_not_told_of_again_while_a_child_still_holds_it(void **state)
{
    char said[2048];
    assert_ok(start(PLAIN), &f.fault);
    int fd = connect_to("main");
    assert_int_equal(send(fd, "GET /health HTTP/1.1\r\nHost: h\r\n\r\n", 33, 0), 33);
    assert_int_equal(recv(fd, said, 15, MSG_WAITALL), 15);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(600);                            /* a test that fails leaves nobody behind */
        (void)pause();
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
    for (struct receive_stats st = { .connections = 1 }; st.connections > 0; receive_server_stats(f.server, &st))
        (void)usleep(10000);
    double used = 1;
    for (int i = 0; i < 25 && used > 0.1; i++) {     /* the journal may still be making its segments; who is told again and again never rests */
        double before = processor_s();
        (void)usleep(400000);
        used = processor_s() - before;
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(fd);
    if (used > 0.1)
        fail_msg("%.3f s of the processor for a connection that is gone", used);
}

static void the_longest_idle_goes_when_one_too_many_comes(void **state)
{
    char said[2048];
    int  fd[8];
    assert_ok(start("receive:\n  connections_max: 8\nlisteners:\n    main: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    for (int i = 0; i < 8; i++) {
        fd[i] = connect_to("main");
        assert_true(send(fd[i], "GET /health HTTP/1.1\r\nHost: h\r\n\r\n", 33, 0) == 33 && recv(fd[i], said, 15, MSG_WAITALL) == 15);
    }
    int more = connect_to("main");
    assert_true(send(more, "GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 52, 0) == 52);
    read_all(more, said, sizeof said);
    assert_non_null(strstr(said, "200 OK"));
    read_all(fd[0], said, sizeof said);      /* ends */
    struct receive_stats st;
    receive_server_stats(f.server, &st);
    assert_int_equal(st.connections_evicted, 1);
    for (int i = 1; i < 8; i++)
        (void)close(fd[i]);
}

static void a_refused_sender_can_read_why_before_the_connection_ends(void **state)
{
    char said[2048], *junk = malloc(100000);
    memset(junk, 'x', 100000);
    assert_ok(start(PLAIN), &f.fault);
    int fd = connect_to("main");
    static const char head[] = "POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";
    assert_int_equal(send(fd, head, sizeof head - 1, 0), sizeof head - 1);
    for (int i = 0; i < 10 && send(fd, junk, 100000, MSG_NOSIGNAL) > 0; i++)
        ;
    (void)shutdown(fd, SHUT_WR);
    read_all(fd, said, sizeof said);
    assert_non_null(strstr(said, "404 Not Found"));
    free(junk);
}

/* A journal that is full as long as `reader` has not read. */
static struct journal_consumer *journal_small(void)
{
    struct journal_consumer *reader;
    struct journal_options   o = journal_options_default(f.path);
    journal_close(f.journal);
    (void)snprintf(f.path, sizeof f.path, "%s/small", f.folder);
    o.folder = f.path;
    o.segment_bytes = 1 << 20;
    o.size_max = 4 << 20;
    o.pack = 0;
    o.keep_us = 0;
    assert_ok(journal_open(&o, &f.journal, &f.fault), &f.fault);
    assert_ok(journal_consumer_open(f.journal, "reader", JOURNAL_FROM_START, &reader, &f.fault), &f.fault);
    return reader;
}

static char *logs_many(size_t *n)
{
    char *big = calloc(1, *n);
    for (size_t i = 0; i + 20 <= *n; i += 20)
        memcpy(big + i, one_log, 20);
    *n = *n / 20 * 20;
    return big;
}

struct one { const char *body; size_t n; struct reply reply; };

static void *send_one(void *ctx)
{
    struct one *o = ctx;
    o->reply = once("http", "main", "/v1/logs", as_protobuf, o->body, o->n, CURL_HTTP_VERSION_1_1);
    return NULL;
}

static void a_full_journal_lets_senders_wait_and_then_come_again(void **state)
{
    struct journal_consumer *reader = journal_small();
    struct record            r;
    size_t                   n = 600000, good = 0;
    char                    *big = logs_many(&n);
    struct reply             reply;
    assert_ok(start("receive: { patience: 10ms, retry_after: 3s }\nlisteners:\n    main: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    while ((reply = once("http", "main", "/v1/logs", as_protobuf, big, n, CURL_HTTP_VERSION_1_1)).status == 200 && good < 20)
        good++;
    assert_true(good > 1 && good < 20);
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.head, "retry-after: 3\r\n"));

    /* With patience it waits until there is room. */
    struct one o = { .body = big, .n = n };
    pthread_t  t;
    assert_ok(reload("receive: { patience: 1min }\nlisteners:\n    main: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    assert_int_equal(pthread_create(&t, NULL, send_one, &o), 0);
    uint64_t last = 0;
    size_t   seen = 0;
    for (; journal_read(reader, &r, &f.fault) == OK; seen++)
        last = r.id;
    assert_true(seen >= good);
    assert_ok(journal_commit(reader, last, &f.fault), &f.fault);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(o.reply.status, 200);
    journal_consumer_close(reader);
    free(big);
}

static struct receive_stats stats(void)
{
    struct receive_stats st;
    receive_server_stats(f.server, &st);
    return st;
}

static void *send_packed(void *ctx)
{
    static const char *const fields[] = { "Content-Type: application/x-protobuf", "Content-Encoding: gzip", NULL };
    struct one              *o = ctx;
    o->reply = once("http", "main", "/v1/logs", fields, o->body, o->n, CURL_HTTP_VERSION_1_1);
    return NULL;
}

static struct journal_consumer *journal_filled(void)
{
    struct journal_consumer *reader = journal_small();
    size_t                   n = 600000;
    char                    *big = logs_many(&n);
    assert_ok(start("receive: { patience: 10ms }\nlisteners:\n    main: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    while (once("http", "main", "/v1/logs", as_protobuf, big, n, CURL_HTTP_VERSION_1_1).status == 200)
        ;
    free(big);
    assert_ok(reload("receive: { patience: 1min }\nlisteners:\n    main: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    return reader;
}

static void make_room(struct journal_consumer *reader)
{
    struct record r;
    uint64_t      last = 0;
    while (journal_read(reader, &r, &f.fault) == OK)
        last = r.id;
    assert_ok(journal_commit(reader, last, &f.fault), &f.fault);
}

static void of_those_who_wait_for_the_journal_one_at_most_is_unpacked(void **state)
{
    enum { WAITING = 4 };
    struct journal_consumer      *reader = journal_filled();
    struct one                    o[WAITING];
    pthread_t                     t[WAITING];
    size_t                        n = 600000;
    char                         *big = logs_many(&n), *packed = malloc(n);
    struct libdeflate_compressor *z = libdeflate_alloc_compressor(6);
    size_t                        packed_n = libdeflate_gzip_compress(z, big, n, packed, n);
    assert_true(packed_n > 0 && packed_n < 16384);
    int before = atomic_load(&f.checks);
    for (int i = 0; i < WAITING; i++) {
        o[i] = (struct one){ .body = packed, .n = packed_n };
        assert_int_equal(pthread_create(&t[i], NULL, send_packed, &o[i]), 0);
    }
    while (stats().in_flight_requests < WAITING)
        (void)sched_yield();
    assert_true(atomic_load(&f.checks) <= before + 1);
    make_room(reader);
    for (int i = 0; i < WAITING; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_int_equal(o[i].reply.status, 200);
    }
    libdeflate_free_compressor(z);
    journal_consumer_close(reader);
    free(big);
    free(packed);
}

/* A whole request over HTTP/2 that was begun with its preface. */
static size_t request_2(char *to, unsigned char stream)
{
    char   head[160] = "\x83\x86\x04";
    size_t n = 3;
    head[n++] = (char)(sizeof GRPC_LOGS - 1);
    memcpy(head + n, GRPC_LOGS, sizeof GRPC_LOGS - 1);
    n += sizeof GRPC_LOGS - 1;
    memcpy(head + n, "\x01\x01h\0\x0c" "content-type\x10" "application/grpc", 34);
    n += 34;
    const unsigned char frame[9] = { 0, 0, (unsigned char)n, 1, 4, 0, 0, 0, stream }, data[14] = { 0, 0, 25, 0, 1, 0, 0, 0, stream, 0, 0, 0, 0, 20 };
    memcpy(to, frame, 9);
    memcpy(to + 9, head, n);
    memcpy(to + 9 + n, data, 14);
    memcpy(to + 9 + n + 14, one_log, 20);
    return 9 + n + 14 + 20;
}

static void who_waits_for_the_journal_is_not_read_from_on_the_same_connection(void **state)
{
    static const char        preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    struct journal_consumer *reader = journal_filled();
    char                     bytes[512];
    size_t                   n = sizeof preface;      /* the last byte of the frame of settings is its NUL */
    int                      fd = connect_to("main");
    memcpy(bytes, preface, n);
    n += request_2(bytes + n, 1);
    assert_int_equal(write(fd, bytes, n), n);
    while (stats().in_flight_requests < 1)
        (void)sched_yield();
    n = request_2(bytes, 3);
    assert_int_equal(write(fd, bytes, n), n);
    while (stats().paused == 0 && stats().in_flight_requests < 2)
        (void)sched_yield();
    assert_int_equal(stats().in_flight_requests, 1);
    uint64_t before = stats().of[RECEIVE_OTLP_GRPC].accepted;
    make_room(reader);
    while (stats().of[RECEIVE_OTLP_GRPC].accepted < before + 2)
        (void)sched_yield();
    (void)close(fd);
    journal_consumer_close(reader);
}

/* A disk that takes its time. */
static struct { pthread_mutex_t lock; pthread_cond_t moved; bool hold; int entered; } disk = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };

static int slow_sync(void *ctx, int fd)
{
    pthread_mutex_lock(&disk.lock);
    disk.entered++;
    pthread_cond_broadcast(&disk.moved);
    while (disk.hold)
        pthread_cond_wait(&disk.moved, &disk.lock);
    pthread_mutex_unlock(&disk.lock);
    return journal_files_real.fdatasync(ctx, fd);
}

static void disk_set(bool hold)
{
    pthread_mutex_lock(&disk.lock);
    disk.hold = hold;
    disk.entered = 0;
    pthread_cond_broadcast(&disk.moved);
    pthread_mutex_unlock(&disk.lock);
}

/* A journal whose disk waits while disk.hold is set. */
static void journal_slow(void)
{
    static struct journal_files files;
    files = journal_files_real;
    files.fdatasync = slow_sync;
    disk_set(false);
    journal_close(f.journal);
    struct journal_options o = journal_options_default(f.path);
    (void)snprintf(f.path, sizeof f.path, "%s/slow", f.folder);
    o.folder = f.path;
    o.segment_bytes = 1 << 20;
    o.size_max = 8 << 20;
    o.files = &files;
    assert_ok(journal_open(&o, &f.journal, &f.fault), &f.fault);
}

static void no_answer_goes_out_before_the_disk_has_said_yes(void **state)
{
    static const char           head[] = "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\nContent-Length: 20\r\n\r\n";
    char                        said[2048];
    journal_slow();
    assert_ok(start(PLAIN), &f.fault);

    disk_set(true);
    int fd = connect_to("main");
    assert_true(send(fd, head, sizeof head - 1, 0) > 0 && send(fd, one_log, 20, 0) == 20);
    pthread_mutex_lock(&disk.lock);
    while (!disk.entered)
        pthread_cond_wait(&disk.moved, &disk.lock);
    pthread_mutex_unlock(&disk.lock);
    /* Two turns of the loop later there is still nothing. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(once("http", "main", "/health", NULL, NULL, 0, CURL_HTTP_VERSION_1_1).status, 200);
    assert_int_equal(recv(fd, said, sizeof said, MSG_DONTWAIT), -1);
    disk_set(false);
    assert_int_equal(recv(fd, said, 15, MSG_WAITALL), 15);
    assert_memory_equal(said, "HTTP/1.1 200 OK", 15);
    (void)close(fd);
}

static int begin_large(size_t n)
{
    char head[160], *body = calloc(1, n);
    int  fd = connect_to("main");
    (void)snprintf(head, sizeof head, "POST /v1/logs HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\nContent-Length: %zu\r\n\r\n", n + 1);
    assert_int_equal(send(fd, head, strlen(head), 0), (ssize_t)strlen(head));
    for (size_t at = 0; at < n;) {
        ssize_t sent = send(fd, body + at, n - at, MSG_DONTWAIT);
        if (sent < 0 && stats().paused)
            break;      /* nobody reads any more */
        at += sent > 0 ? (size_t)sent : 0;
    }
    free(body);
    return fd;
}

static void a_connection_whose_request_was_answered_is_read_on_though_others_wait(void **state)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    char              bytes[512];
    size_t            n = sizeof preface;
    journal_slow();
    assert_ok(start("receive: { body_max: 1MiB, budget: 1MiB, patience: 30s, stall_timeout: 1h }\nlisteners:\n    main: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    disk_set(true);
    int fd = connect_to("main");
    memcpy(bytes, preface, n);
    n += request_2(bytes + n, 1);
    assert_int_equal(write(fd, bytes, n), n);
    while (stats().in_flight_requests < 1)
        (void)sched_yield();
    int a = begin_large(600000);
    while (stats().in_flight_bytes < 600000)
        (void)sched_yield();
    int b = begin_large(1000000);      /* more than the budget has room for */
    while (stats().paused < 1)
        (void)sched_yield();
    n = request_2(bytes, 3);
    assert_int_equal(write(fd, bytes, n), n);
    while (stats().paused < 2)
        (void)sched_yield();
    disk_set(false);
    while (stats().of[RECEIVE_OTLP_GRPC].accepted < 2)
        (void)sched_yield();
    assert_int_equal(stats().of[RECEIVE_OTLP_HTTP].refused[REFUSED_FULL], 0);      /* the others still wait */
    (void)close(fd);
    (void)close(a);
    (void)close(b);
}

enum { CROWD = 8 };

static void more_than_the_budget_at_once_waits_or_comes_again(void **state)
{
    pthread_t  t[CROWD];
    struct one o[CROWD];
    size_t     n = 900000;
    char      *big = logs_many(&n);
    assert_ok(start("receive: { body_max: 1MiB, budget: 1MiB, patience: 1min }\nlisteners:\n    main: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    for (int i = 0; i < CROWD; i++) {
        o[i] = (struct one){ .body = big, .n = n };
        assert_int_equal(pthread_create(&t[i], NULL, send_one, &o[i]), 0);
    }
    /* Two halves fill the budget, and neither can become whole: with patience at an end one is told to come again. */
    assert_ok(reload("receive: { body_max: 1MiB, budget: 1MiB, patience: 100ms }\nlisteners:\n    main: { address: \"127.0.0.1:0\" }\n"), &f.fault);
    size_t good = 0;
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_true(o[i].reply.status == 200 || o[i].reply.status == 503);
        good += o[i].reply.status == 200;
    }
    assert_true(good > 0);
    assert_int_equal(kept(), good);
    struct receive_stats st;
    receive_server_stats(f.server, &st);
    assert_int_equal(st.in_flight_bytes, 0);
    free(big);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)
    const struct CMUnitTest tests[] = {
        T(what_was_acknowledged_is_in_the_journal),
        T(a_table_that_is_registered_is_in_the_journal),
        T(many_senders_and_several_threads_lose_nothing),
        T(tls_speaks_what_alpn_agrees_on_and_tokens_are_wanted),
        T(a_reload_leaves_the_connections_of_others_alone),
        T(a_listener_may_change_its_host_or_its_name_and_keep_its_port),
        T(an_address_that_somebody_else_has_is_refused_with_several_threads_too),
        T(a_listener_that_can_be_reached_needs_tls_and_tokens_or_a_word),
        T(stopping_finishes_what_was_begun),
        T(a_sender_that_hangs_up_within_a_head_does_not_keep_his_connection),
        T(a_connection_that_is_closed_is_not_told_of_again_while_a_child_still_holds_it),
        T(the_longest_idle_goes_when_one_too_many_comes),
        T(a_refused_sender_can_read_why_before_the_connection_ends),
        T(no_answer_goes_out_before_the_disk_has_said_yes),
        T(a_full_journal_lets_senders_wait_and_then_come_again),
        T(of_those_who_wait_for_the_journal_one_at_most_is_unpacked),
        T(who_waits_for_the_journal_is_not_read_from_on_the_same_connection),
        T(a_connection_whose_request_was_answered_is_read_on_though_others_wait),
        T(more_than_the_budget_at_once_waits_or_comes_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
