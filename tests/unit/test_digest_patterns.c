/* digest: lines of logs become templates: what varies goes, what means something stays. */
#include "unit.h"

#include "digest/patterns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct patterns *new_patterns(size_t most)
{
    struct patterns_options o = patterns_options_default();
    struct patterns *p;
    struct fault     f;
    o.patterns_max = most;
    assert_ok(patterns_new(&o, &p, &f), &f);
    return p;
}

static uint64_t take(struct patterns *p, const char *line) { return patterns_take(p, slice_of(line), 1)->id; }

static void must_read(const char *line, const char *text)
{
    struct patterns *p = new_patterns(100);
    assert_string_equal(patterns_take(p, slice_of(line), 1)->text, text);
    patterns_free(p);
}

static void what_varies_by_its_shape_is_masked_at_once(void **state)
{
    (void)state;
    static const char *const of[][2] = {
        { "connection from 10.0.0.7:5432 refused", "connection from <*> refused" },
        { "took 12 ms", "took <*>" },
        { "took 1.5 seconds and 3 MB", "took <*> and <*>" },
        { "lifetime <1 sec ended", "lifetime <*> ended" },
        { "open /var/log/x.log: no such file", "open <*>: no such file" },
        { "GET https://a.example/b?c=d&e=f done", "GET <*> done" },
        { "mail to root@example.org bounced", "mail to <*> bounced" },
        { "request 6ba7b810-9dad-11d1-80b4-00c04fd430c8 accepted", "request <*> accepted" },
        { "at 0x7fff5fbff8c0 in thread", "at <*> in thread" },
        { "on fe80::1ff:fe23:4567:890a up", "on <*> up" },
        { "mac de:ad:be:ef:aa:cc seen", "mac <*> seen" },
        { "on Sat Jun 11 03:28:22 2005 started", "on <*> started" },
        { "2024-05-06T07:08:09.123Z started", "<*> started" },
        { "user=bob shell= uid=0 ok", "user=<*> shell=<*> uid=<*> ok" },
        { "name=\"two words\" taken", "name=<*> taken" },
        { "file 'passwd' missing", "file <*> missing" },
        { "ready: true", "ready: <*>" },
        { "ports 1, 2, 3, 4 open", "ports <*> open" },
        { "it can't be done.", "it can't be done." },
        { "a  b\tc", "a b c" },
        { "stop (core dumped)!", "stop (core dumped)!" },
        { "C:\\Windows\\x.dll failed", "<*> failed" },
        { "gr\xc3\xbc\xc3\x9f" "e an alle", "gr\xc3\xbc\xc3\x9f" "e an alle" },
        { "a == b => c", "a == b => c" },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        must_read(of[i][0], of[i][1]);
}

static void scripts_without_blanks_end_a_word_where_numbers_and_other_letters_begin(void **state)
{
    (void)state;
    static const char *const of[][2] = {
        { "用户123登录成功", "用户<*>登录成功" },
        { "订单A-17已取消，原因：超时30秒。", "订单<*>已取消，原因：超时<*>秒。" },
        { "从10.0.0.7收到（GET）请求", "从<*>收到（GET）请求" },
        { "状态=成功，耗时=12ms", "状态=<*>，耗时=<*>" },
        { "写入/var/lib/x.db失败　重试", "写入<*>失败 重试" },                    /* an ideographic blank */
        { "ユーザー42がログイン", "ユーザー<*>がログイン" },
        { "사용자 7이 로그인", "사용자 <*>이 로그인" },
        { "C++程序已启动", "C++程序已启动" },
        { "l\xe4" "dt gr\xc3\xbc\xc3\x9f" "e2 gr\xef\xbf\xbdn", "l?dt <*> gr\xef\xbf\xbdn" },    /* Latin goes on, also what is no UTF-8 */
        { "caf\xef\xbf\xbd" "7 closed", "<*> closed" },
        { "na\xc3\xafve caf\xc3\xa9 ferm\xc3\xa9", "na\xc3\xafve caf\xc3\xa9 ferm\xc3\xa9" },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        must_read(of[i][0], of[i][1]);
    struct patterns *p = new_patterns(100);
    assert_int_equal(take(p, "用户123登录成功"), take(p, "用户9登录成功"));
    assert_int_not_equal(take(p, "用户123登录成功"), take(p, "用户123退出登录"));
    assert_int_not_equal(take(p, "第3次重试"), take(p, "第3个连接"));
    patterns_free(p);
}

static void numbers_alone_do_not_make_another_template(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100);
    uint64_t         id = take(p, "worker 1 got 17 jobs");
    assert_int_equal(take(p, "worker 2 got 9 jobs"), id);
    const struct pattern *t = patterns_take(p, slice_of("worker 33 got 1000000 jobs"), 9);
    assert_int_equal(t->id, id);
    assert_int_equal(t->count, 3);
    assert_int_equal(t->first_us, 1);
    assert_int_equal(t->last_us, 9);
    assert_string_equal(t->sample, "worker 1 got 17 jobs");
    patterns_free(p);
}

struct merges { int n; uint64_t gone[64], into[64]; };

static void merged(void *ctx, uint64_t gone, uint64_t into)
{
    struct merges *m = ctx;
    assert_true(m->n < 64);
    m->gone[m->n] = gone;
    m->into[m->n++] = into;
}

static void a_word_that_often_differs_is_a_variable_and_the_merge_is_told(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100);
    struct merges    m = { 0 };
    patterns_on_merge(p, merged, &m);
    static const char *const who[] = { "anna", "bert", "carl", "dora", "emil" };
    uint64_t first = 0;
    char     line[100];
    for (int i = 0; i < 5; i++) {
        snprintf(line, sizeof line, "session opened for user %s by root", who[i]);
        uint64_t id = take(p, line);
        first = i ? first : id;
    }
    assert_int_equal(patterns_count(p), 1);
    assert_int_equal(m.n, 1);
    assert_int_equal(m.into[0], first);
    assert_true(m.gone[0] > first);
    const struct pattern *t = patterns_find(p, first);
    assert_string_equal(t->text, "session opened for user <*> by root");
    assert_int_equal(t->count, 5);
    assert_null(patterns_find(p, m.gone[0]));
    assert_int_equal(take(p, "session opened for user zoe by root"), first);
    patterns_free(p);
}

static void what_happened_is_not_taken_for_a_variable(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100);
    static const char *const what[] = { "opened", "closed", "started", "stopped", "paused", "resumed", "renewed" };
    char line[100];
    for (int i = 0; i < 7; i++) {
        snprintf(line, sizeof line, "instance 17 of the service was %s by root", what[i]);
        (void)take(p, line);
    }
    assert_int_equal(patterns_count(p), 7);
    assert_true(take(p, "session opened for user x1") != take(p, "session closed for user x1"));
    patterns_free(p);
}

static void lines_whose_words_all_differ_stay_apart(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100);
    static const char *const line[] = { "starting", "stopping", "ready", "flush done", "cache full", "config read", "disk lost" };
    for (size_t i = 0; i < 7; i++)
        (void)take(p, line[i]);
    assert_int_equal(patterns_count(p), 7);
    patterns_free(p);
}

static void a_value_of_several_parts_is_one_variable(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100);
    struct merges    m = { 0 };
    patterns_on_merge(p, merged, &m);
    uint64_t id = take(p, "clock synchronized to 10.0.0.1, stratum 2");
    assert_int_equal(take(p, "clock synchronized to LOCAL(0), stratum 10"), id);
    assert_int_equal(take(p, "clock synchronized to LOCAL(1), stratum 11"), id);
    assert_int_equal(take(p, "clock synchronized to 10.0.0.2, stratum 3"), id);
    assert_int_equal(patterns_count(p), 1);

    uint64_t other = take(p, "volume store a{7} was mounted");
    assert_int_equal(take(p, "volume store 8 was mounted"), other);        /* the shorter one comes second */
    assert_string_equal(patterns_find(p, other)->text, "volume store <*> was mounted");
    assert_int_equal(patterns_find(p, other)->count, 2);
    assert_int_equal(take(p, "volume store b{9} was mounted"), other);
    assert_int_equal(m.n, 0);
    patterns_free(p);
}

/* How many templates these lines make, each with every one of the words at its %s. */
static size_t templates_of(const char *form, const char *const *word, size_t n)
{
    struct patterns *p = new_patterns(200);
    char             line[512];
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < n; i++) {
            snprintf(line, sizeof line, form, word[i], round * 40 + (int)i);
            (void)take(p, line);
        }
    size_t made = patterns_count(p);
    patterns_free(p);
    return made;
}

static void what_a_structured_line_says_is_no_variable_though_it_be_one_word(void **state)
{
    (void)state;
    static const char *const event[] = { "login", "logout", "signup", "check-out", "cart_emptied", "user.created", "user:removed", "Refund", "search", "timeout", "started", "crashed" };
    static const char *const form[] = {
        "{\"event\":\"%s\",\"level\":\"info\",\"user_id\":%d}", "{\"level\":\"info\",\"ts\":1.5,\"caller\":\"a/b.go:7\",\"msg\":\"%s\",\"id\":%d}",
        "{\"Level\":\"Information\",\"MessageTemplate\": \"%s\", \"n\": %d}", "{\"error.message\":\"%s\",\"n\":%d}", "{\"log\":\"%s\",\"stream\":\"stdout\",\"n\":%d}",
        "ts=1 level=info caller=a.go msg=\"%s\" id=%d", "ts=1 level=info caller=a.go errmsg=%s id=%d", "{\"ts\":1,\"a\":1,\"b\":2,\"msg\":\"cache %s\",\"n\":%d}",
    };
    for (size_t i = 0; i < sizeof form / sizeof *form - 1; i++)
        assert_int_equal(templates_of(form[i], event, sizeof event / sizeof *event), sizeof event / sizeof *event);
    assert_int_equal(templates_of(form[7], event, 3), 3);                            /* the keys around it do not make it more likely */
    static const char *const user[] = { "anna", "bob", "carla", "dave", "eve", "frank", "gina", "hugo" };
    assert_int_equal(templates_of("{\"msg\":\"session opened for user %s\",\"n\":%d}", user, 8), 1);   /* in what is said, words vary as in any line */
    must_read("{\"msg\":\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\",\"event\":\"\",\"err\":\"null\"}", "{\"msg\":<*>,\"event\":<*>,\"err\":<*>}");
    must_read("msg=\"/healthz\" err=\"\"", "msg=<*> err=<*>");
    must_read("{\"msg\":\"no \\\"x\\\" here\",\"by\":\"a b\"}", "{\"msg\":\"no \\<*> here\",\"by\":<*>}");
}

static void so_many_kinds_of_it_that_they_must_be_data_are_one_variable(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(1000);
    char             line[80];
    for (int i = 0; i < 300; i++) {
        snprintf(line, sizeof line, "{\"ts\":%d,\"error\":\"name-%c%c\"}", i, 'a' + i / 26, 'a' + i % 26);
        (void)take(p, line);
        assert_int_equal(patterns_count(p), i < 199 ? i + 1 : 1);
    }
    patterns_free(p);
}

static void members_of_json_vary_whatever_is_in_them(void **state)
{
    (void)state;
    static const char *const of[][2] = {
        { "{\"event\":\"login\",\"user\":\"Alice Meyer\",\"n\":1}", "{\"event\":\"login\",\"user\":<*>,\"n\":<*>}" },
        { "{\"user\": \"Dr. \\\"Eve\\\", (retired)\", \"ok\": true}", "{\"user\": <*>, \"ok\": <*>}" },
        { "{\"tags\":[\"two words\",\"one\", \"and [more]\"],\"message\":\"was sent\"}", "{\"tags\":[<*>],\"message\":\"was sent\"}" },
        { "{\"error\":{\"kind\":\"a b\",\"message\":\"not found\"}}", "{\"error\":{\"kind\":<*>,\"message\":\"not found\"}}" },
        { "{\"user\":\"cut in the mid", "{\"user\":<*>" }, { "{\"msg\":\"cut in the mid", "{\"msg\":\"cut in the mid" },
        { "he said: \"not now\" twice", "he said: \"not now\" twice" }, { "seen [\"two words\"] today", "seen [\"two words\"] today" },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        must_read(of[i][0], of[i][1]);
}

static unsigned seed;
static const char *one(const char *const *of, size_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return of[(seed >> 16) % n];
}
#define ONE(...) one((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))
#define METHOD() ONE("GET", "GET", "POST", "PUT")
#define TARGET() ONE("/", "/index.html", "/api/v1/users/17", "/wiki/Foo_(bar)", "/s?q=a&b=c;d,e", "/files/[1].txt", "http://a.example/b c", "*")
#define AGENT()  ONE("Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0", "curl/7.88.1", "-", "", "who \\\"knows\\\"")
#define USER()   ONE("-", "-", "alice", "bob-x", "o'neil", "eve@x.org", "root")
#define HOST()   ONE("10.0.0.1", "192.0.2.33", "2001:db8::7", "web7.example.org")

/* One line of the kind, whatever is in it. */
static void web_line(int kind, char *line, size_t size)
{
    const char *status = ONE("200", "304", "500"), *bytes = ONE("-", "0", "4711"), *from = ONE("-", "http://a.example/", "https://b/?q=x y");
    switch (kind) {
    case 0: snprintf(line, size, "%s - %s [22/Nov/2026:10:00:00 +0000] \"%s %s HTTP/1.1\" %s %s", HOST(), USER(), METHOD(), TARGET(), status, bytes); break;
    case 1: snprintf(line, size, "%s - %s [22/Nov/2026:10:00:00 +0000] \"%s %s HTTP/1.1\" %s %s \"%s\" \"%s\"", HOST(), USER(), METHOD(), TARGET(), status, bytes, from, AGENT()); break;
    case 2: snprintf(line, size, "%s:443 %s - %s [22/Nov/2026:10:00:00 +0000] \"%s %s HTTP/2.0\" %s %s \"%s\" \"%s\" 0.07", ONE("shop.example", "localhost"), HOST(), USER(), METHOD(),
                     TARGET(), status, bytes, from, AGENT()); break;
    case 3: snprintf(line, size, "[2026-11-22T10:00:00.000Z] \"%s %s HTTP/1.1\" %s - via_upstream - \"-\" 0 %s 5 \"%s\" \"h\"", METHOD(), TARGET(), status, bytes, AGENT()); break;
    case 4: snprintf(line, size, "web_1 | %s - - [22/Nov/2026 10:00:00] \"%s %s HTTP/1.1\" %s -", HOST(), METHOD(), TARGET(), status); break;
    default: snprintf(line, size, "2026/11/22 10:00:00 [error] 7#7: *12 upstream timed out (110: Connection timed out), client: 10.0.0.1, server: %s, request: \"%s %s HTTP/1.1\", "
                      "host: \"%s\"", ONE("shop.example", "_", "localhost", "api.example"), METHOD(), TARGET(), HOST());
    }
}

static void lines_of_web_servers_are_one_template_for_each_method(void **state)
{
    (void)state;
    seed = 1;
    for (int kind = 0; kind < 6; kind++) {
        struct patterns *p = new_patterns(200);
        char             line[1024];
        for (int i = 0; i < 1000; i++) {
            web_line(kind, line, sizeof line);
            (void)take(p, line);
        }
        assert_int_equal(patterns_count(p), 3);
        patterns_free(p);
    }
    static const char *const of[][2] = {
        { "10.0.0.1 - alice [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 - \"-\" \"a b\"", "<*> [<*>] \"GET <*>\" <*>" },
        { "10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] \"-\" 400 0", "<*> [<*>] <*>" }, { "GET / 200", "GET <*>" }, { "GET / was asked", "GET <*> was asked" }, { "OPTIONS * done", "OPTIONS <*> done" },
        { "no room on / is left", "no room on / is left" }, { "mounted on: /", "mounted on: <*>" }, { "cannot read / write", "cannot read / write" }, { "5 / 10 done", "<*> done" },
        { "server: _, user: -, done", "server: <*>, user: <*>, done" }, { "a - b", "a - b" }, { "took 5 - 3 left", "took <*> - <*> left" }, { "note: - first", "note: - first" },
        { "then \"GET lost on the way\" was said", "then \"GET lost on the way\" was said" },
        { "then \"GET /x was not there\" was said", "then \"GET <*> was not there\" was said" }, { "saw [22/Nov/2026:10:00:00 +0000] twice", "saw [<*>] twice" },
        { "it was at noon [22/Nov/2026:10:00:00 +0000] today", "it was at noon [<*>] today" }, { "msg=\"GET /x failed: no route\" n=1", "msg=\"GET <*> failed: no route\" n=<*>" },
        { "\"GET /", "\"GET <*>" }, { "1 - - [22/Nov/2026:10] \"", "<*> [<*>] \"" },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        must_read(of[i][0], of[i][1]);
}

static void a_stack_trace_is_its_exceptions_and_not_how_it_was_called(void **state)
{
    (void)state;
    static const char *const of[][2] = {
        { "java.lang.IllegalStateException: order 7 closed\n\tat com.acme.A.run(A.java:7)\n\tat java.base/java.lang.Thread.run(Thread.java:840)",
          "java.lang.IllegalStateException: order <*> closed <*>" },
        { "a.B: lost\r\n\tat c.D.e(Native Method)\r\nCaused by: java.io.IOException: no route\r\n\tat f.G.h(G.java:1)\r\n\t... 23 more", "a.B: lost <*> Caused by: java.io.IOException: no route <*>" },
        { "System.Exception: lost\n   at A.B.C(String x) in /src/x.cs:line 7\n   at A.Main()", "System.Exception: lost <*>" },
        { "TypeError: x is undefined\n    at f (/app/a.js:3:7)\n    at async g (node:internal:9:1)\n    at /app/b.js:1:1", "TypeError: x is undefined <*>" },
        { "Traceback (most recent call last):\n  File \"/app/x.py\", line 7, in run\n    y = f(a, b)\n        ^^^^^^\n  File \"/app/y.py\", line 1, in f\n    raise ValueError\n"
          "ValueError: bad value here",
          "Traceback (most recent call last): <*> ValueError: bad value here" },
        { "panic: no route\n\ngoroutine 7 [running]:\nmain.f(0xc000, 0x2)\n\t/app/main.go:12 +0x1d\nmain.main()\n\t/app/main.go:5 +0x25\ncreated by main.g in goroutine 1\n\t/app/g.go:1 +0x1\n\n"
          "goroutine 9 [select]:\nmain.h()\n\t/app/h.go:1", "panic: no route <*>" },
        { "x.rb: no route (E)\n\tfrom x.rb:3:in `f'\n\tfrom x.rb:9:in `<main>'", "x.rb: no route (E) <*>" },
        { "PHP Fatal error: no route\nStack trace:\n#0 /app/x.php(3): f()\n#1 {main}\nthrown at once", "PHP Fatal error: no route Stack trace: <*> thrown at once" },
        { "{\"message\":\"a.B: lost\\n\\tat c.D.e(D.java:1)\\n\\tat f.G.h(G.java:1)\\nCaused by: i.J: gone\\n\\t... 3 more\",\"n\":1}",
          "{\"message\":\"a.B: lost <*> Caused by: i.J: gone <*>\",\"n\":<*>}" },
        { "{\"exception\":\"Traceback (most recent call last):\\n  File \\\"/app/x.py\\\", line 7, in run\\n    y = f(a, b)\\nKeyError: lost\\n\"}",
          "{\"exception\":\"Traceback (most recent call last): <*> KeyError: lost\"}" },
        { "{\"log\":\"panic: lost\\n\\ngoroutine 7 [running]:\\nmain.f(0x2)\\n\\t/app/main.go:12 +0x1d\\n\"}", "{\"log\":\"panic: lost <*>\"}" },
        { "{\"msg\":\"lost\\n\\tat", "{\"msg\":\"lost <*>" }, { "{\"msg\":\"lost\\nat noon\",\"by\":\"a\\n\\tat b\"}", "{\"msg\":\"lost at noon\",\"by\":<*>}" },
        { "lost\n\tat", "lost <*>" }, { "lost\nat noon\n  attic\n- from\n", "lost at noon attic - from" },
        { "vacuum of a\n\tpages: 0 left\n\ttuples: 0 left", "vacuum of a pages: <*> left tuples: <*> left" },
        { "two parts:\n\t/a/b: none", "two parts: <*>: none" }, { "saw (two)\n\tin all: a\n\tfrom all", "saw (two) in all: a from all" },
        { "lost\n", "lost" }, { "lost\n\n", "lost" }, { "\n\tat a.b(c)", "<*>" }, { "x\ngoroutine", "x goroutine" },
        { "x\n\ngoroutine pool", "x goroutine pool" },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        must_read(of[i][0], of[i][1]);
}

static void a_value_in_quotes_may_have_several_words_where_it_had_one(void **state)
{
    (void)state;
    static const char *const user[] = { "'Alice Meyer'", "'Bob'", "'Carol van Dyk'", "'Dr. Eve'", "\"a b c\"" };
    assert_int_equal(templates_of("user %s logged in after %d ms", user, 5), 1);
    assert_int_equal(templates_of("user %s logged in after %d ms", user + 2, 2), 2);            /* nothing shows yet that it varies */
    struct patterns *p = new_patterns(100);
    (void)take(p, "user 'Alice Meyer' logged in after 7 ms");
    (void)take(p, "user 'Zoe Maier' logged in after 7 ms");
    uint64_t id = take(p, "user 'Bob' logged in after 7 ms");
    assert_int_equal(patterns_count(p), 1);
    assert_int_equal(patterns_match(p, SLICE("user 'Eva Maria Muster' logged in after 7 ms"))->id, id);
    assert_null(patterns_match(p, SLICE("user 'Eva Maria\" logged in after 7 ms")));
    patterns_free(p);
    static const char *const many[] = { "\"one two three four five six seven eight\"", "\"one\"" };
    assert_int_equal(templates_of("user %s logged in after %d ms", many, 2), 2);
    /* what is said does not become a value because nothing was said once */
    static const char *const said[] = { "\"was started\"", "\"\"", "\"was stopped at once\"", "\"/healthz\"" };
    assert_int_equal(templates_of("{\"level\":\"info\",\"ts\":1,\"msg\":%s,\"n\":%d}", said, 4), 3);
}

static void a_line_too_long_is_cut_before_a_word(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100);
    size_t           n = PATTERN_LINE_MAX + 100;
    char            *line = malloc(n);
    assert_non_null(line);
    for (int word = 0; word < 20; word++) {
        memset(line, ' ', n);
        memcpy(line, "it was", 6);
        memset(line + PATTERN_LINE_MAX - 5, 'a' + word, 105);
        assert_string_equal(patterns_take(p, (struct slice){ line, n }, 1)->text, "it was");
        assert_int_equal(patterns_count(p), 1);
    }
    memset(line, 'x', n);                                    /* one word */
    assert_int_equal(strlen(patterns_take(p, (struct slice){ line, n }, 1)->text), PATTERN_TEXT_MAX - 1);
    line[PATTERN_LINE_MAX] = ' ';                            /* the first that does not fit */
    memset(line, 'y', PATTERN_LINE_MAX - 1);
    line[7] = ' ';
    const struct pattern *whole = patterns_take(p, (struct slice){ line, PATTERN_LINE_MAX }, 1);
    assert_ptr_equal(patterns_take(p, (struct slice){ line, n }, 1), whole);
    free(line);
    patterns_free(p);
}

static void escaped_blanks_in_what_json_says_end_a_word(void **state)
{
    (void)state;
    static const char *const of[][2] = {
        { "{\"log\":\"started\\n\",\"n\":1}", "{\"log\":\"started\",\"n\":<*>}" }, { "{\"log\":\"was\\tstarted\\r\\n\"}", "{\"log\":\"was started\"}" },
        { "{\"msg\":\"opened C:\\\\new\\\\top\"}", "{\"msg\":\"opened <*>\"}" }, { "opened C:\\new\\top now", "opened <*> now" },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        must_read(of[i][0], of[i][1]);
}

static void the_values_can_be_had(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100);
    struct slice     f[8];
    struct slice     line = SLICE("user=bob logged in from 10.0.0.1 port 22, 23 after 3 ms");
    const struct pattern *t = patterns_take(p, line, 1);
    assert_int_equal(patterns_fields(p, t, line, f, 8), 4);
    assert_true(slice_is(f[0], "bob") && slice_is(f[1], "10.0.0.1") && slice_is(f[2], "22, 23") && slice_is(f[3], "3 ms"));
    assert_int_equal(patterns_fields(p, t, line, f, 2), 2);
    assert_int_equal(patterns_fields(p, t, SLICE("another line"), f, 8), 0);

    (void)patterns_take(p, SLICE("clock set to 10.0.0.1, stratum 2"), 1);
    line = SLICE("clock set to LOCAL(0), stratum 10");
    t = patterns_take(p, line, 1);
    assert_int_equal(patterns_fields(p, t, line, f, 8), 2);
    assert_true(slice_is(f[0], "LOCAL(0)") && slice_is(f[1], "10"));
    patterns_free(p);
}

static void must_have_schema(const char *line, const char *schema)
{
    struct patterns *p = new_patterns(100);
    char             out[PATTERN_SCHEMA_MAX];
    size_t           n = patterns_schema(p, patterns_take(p, slice_of(line), 1), out, sizeof out);
    assert_string_equal(out, schema);
    assert_int_equal(n, strlen(out));
    patterns_free(p);
}

static void the_fields_of_a_template_are_told_with_names_and_examples(void **state)
{
    (void)state;
    must_have_schema("nothing varies", "{\"fields\":[]}");
    must_have_schema("user=bob logged in after 3 ms", "{\"fields\":[{\"index\":0,\"name\":\"user\",\"example\":\"bob\"},{\"index\":1,\"example\":\"3 ms\"}]}");
    must_have_schema("{\"user\":\"bob\",\"ms\":17}",
                     "{\"fields\":[{\"index\":0,\"name\":\"user\",\"example\":\"\\\"bob\\\"\"},{\"index\":1,\"name\":\"ms\",\"example\":\"17\"}]}");
    must_have_schema("open C:\\x\\y.dll failed", "{\"fields\":[{\"index\":0,\"example\":\"C:\\\\x\\\\y.dll\"}]}");
}

static void fields_and_their_examples_have_a_bound_that_is_told(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100);
    char             line[1024], out[PATTERN_SCHEMA_MAX];
    size_t           n = 0;
    for (int i = 0; i < 20; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "k%c=%d and ", 'a' + i, i);
    (void)patterns_schema(p, patterns_take(p, slice_of(line), 1), out, sizeof out);
    assert_non_null(strstr(out, "{\"index\":15,\"name\":\"kp\",\"example\":\"15\"}],\"more\":4}"));
    /* "\xc3\xbc" is one character: the 64th byte would be half of it. */
    memset(line, 'x', 63);
    line[0] = '1';
    for (n = 63; n < 163; n += 2)
        memcpy(line + n, "\xc3\xbc", 3);
    (void)patterns_schema(p, patterns_take(p, slice_of(line), 1), out, sizeof out);
    assert_int_equal(strlen(strstr(out, "\"1x") + 1), 63 + strlen("\"}]}"));
    /* A sample that was cut shows no examples: it is not the whole line. */
    n = 0;
    for (int i = 0; i < 50; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "somewhere %d ", i);
    (void)patterns_schema(p, patterns_take(p, slice_of(line), 1), out, sizeof out);
    assert_non_null(strstr(out, "{\"index\":1},"));
    patterns_free(p);
}

/* sql and note are ignored. */
static void must_read_without(const char *line, const char *text)
{
    struct patterns_options o = patterns_options_default();
    struct patterns *p;
    struct fault     f;
    char             out[PATTERN_SCHEMA_MAX];
    assert_true(mask_ignore_add(&o.ignore, SLICE("sql")) && mask_ignore_add(&o.ignore, SLICE("note")) && mask_ignore_add(&o.ignore, SLICE("msg")));
    assert_ok(patterns_new(&o, &p, &f), &f);
    const struct pattern *t = patterns_take(p, slice_of(line), 1);
    assert_string_equal(t->text, text);
    assert_ptr_equal(patterns_match(p, slice_of(line)), t);
    if (strstr(line, "note=\"a")) {
        (void)patterns_schema(p, t, out, sizeof out);
        assert_string_equal(out, "{\"fields\":[{\"index\":0,\"name\":\"note\",\"example\":\"\\\"a b\\\"\"}]}");
    }
    patterns_free(p);
}

static void values_of_ignored_keys_are_no_part_of_a_template(void **state)
{
    (void)state;
    static const char *const of[][2] = {
        { "query sql=\"select a from b\" done", "query sql=<*> done" },
        { "query sql=\"say \\\"a b\\\" twice\" done", "query sql=<*> done" },
        { "note=\"a b\" kept", "note=<*> kept" },
        { "msg=opened by hand", "msg=<*> by hand" },                              /* without quotes it ends at the blank */
        { "msg = opened by hand", "msg = <*> by hand" },
        { "sql=(select (a) from \"b)\") done", "sql=<*> done" },
        { "sql=, note= uid=0 done", "sql=<*>, note=<*> uid=<*> done" },
        { "note= kept until now", "note= <*> until now" },
        { "{\"level\":\"info\",\"msg\":\"it was opened\",\"by\":\"hand\"}", "{\"level\":<*>,\"msg\":<*>,\"by\":<*>}" },
        { "{\"msg\": {\"a\": \"it was opened}\", \"b\": [1]}, \"closed\": true}", "{\"msg\": <*>, \"closed\": <*>}" },
        { "{\"msg\":\"it was op", "{\"msg\":<*>" },                                /* cut */
        { "sqls=\"left as it is\" msgs=\"two words\"", "sqls=<*> msgs=<*>" },
        { "msg says: sql note", "msg says: sql note" },                           /* words are not keys */
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        must_read_without(of[i][0], of[i][1]);
    must_read("msg=opened by hand", "msg=opened by hand");
    must_read("{\"msg\":\"it was opened\"}", "{\"msg\":\"it was opened\"}");
    struct mask_ignore full = { .n = MASK_IGNORE_MAX };
    assert_false(mask_ignore_add(&full, SLICE("one more")));
}

static void looking_does_not_learn(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100);
    assert_null(patterns_match(p, SLICE("job 7 done")));
    uint64_t id = take(p, "job 8 done");
    assert_int_equal(patterns_match(p, SLICE("job 7 done"))->id, id);
    assert_int_equal(patterns_find(p, id)->count, 1);
    assert_null(patterns_match(p, SLICE("job 7 failed")));
    assert_int_equal(patterns_match(p, SLICE(""))->id, 0);
    patterns_free(p);
}

static void a_change_is_said_until_it_is_settled(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100);
    uint64_t id = take(p, "value from host alpha is missing");
    assert_true(patterns_find(p, id)->changed);
    patterns_settled(p, id);
    assert_false(patterns_find(p, id)->changed);
    (void)take(p, "value from host alpha is missing");
    assert_false(patterns_find(p, id)->changed);
    (void)take(p, "value from host beta is missing");
    (void)take(p, "value from host gamma is missing");
    (void)take(p, "value from host delta is missing");
    assert_string_equal(patterns_find(p, id)->text, "value from host <*> is missing");
    assert_true(patterns_find(p, id)->changed);
    patterns_free(p);
}

/* A word that no other number has, without digits. */
static const char *word(char *to, unsigned n)
{
    for (int i = 0; i < 6; i++, n /= 20)
        to[i] = "bcdfghjklmnpqrstvwxz"[n % 20];
    to[6] = '\0';
    return to;
}

static void memory_has_a_bound_and_the_one_not_seen_for_longest_goes(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(50);
    char             line[100], a[8], b[8], c[8];
    uint64_t         kept = take(p, "this one is seen again and again");
    uint64_t         lost = take(p, "once upon a time");
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(line, sizeof line, "%s %s %s", word(a, i * 7 + 1), word(b, i * 11 + 2), word(c, i * 13 + 3));
        (void)take(p, line);
        assert_int_equal(take(p, "this one is seen again and again"), kept);
        assert_true(patterns_count(p) <= 50);
    }
    assert_true(patterns_evicted(p) > 4000);
    assert_null(patterns_find(p, lost));
    assert_true(take(p, "once upon a time") > lost);         /* an id is never used for another one */
    patterns_free(p);
}

static void a_line_whose_template_went_is_not_taken_for_the_one_in_its_place(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(2);
    static const char *const line[] = { "starting up", "ready to serve", "config was read", "going down" };
    for (int i = 0; i < 40; i++)
        assert_string_equal(patterns_take(p, slice_of(line[i * 7 % 4]), 1)->text, line[i * 7 % 4]);
    assert_true(patterns_evicted(p) > 30);
    patterns_free(p);
}

static void bytes_have_a_bound_too(void **state)
{
    (void)state;
    struct patterns_options o = patterns_options_default();
    struct patterns *p;
    struct fault     f;
    char             line[2000], a[8];
    o.patterns_max = 5000;
    o.bytes_max = 4u << 20;
    assert_ok(patterns_new(&o, &p, &f), &f);
    for (unsigned i = 0; i < 5000; i++) {
        size_t n = 0;
        for (unsigned k = 0; k < 100; k++)
            n += (size_t)snprintf(line + n, sizeof line - n, "%s ", word(a, i * 977 + k * 31));
        (void)take(p, line);
        assert_true(patterns_bytes(p) <= o.bytes_max);
    }
    assert_true(patterns_count(p) > 10 && patterns_evicted(p) > 0);
    patterns_free(p);
    o.bytes_max = 1000;
    assert_int_equal(patterns_new(&o, &p, &f), ERR_INPUT);
    assert_null(p);
}

static void any_bytes_may_come(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100);
    assert_int_equal(take(p, ""), 0);
    assert_int_equal(take(p, " \t "), 0);
    assert_int_equal(patterns_take(p, (struct slice){ NULL, 0 }, 1)->id, 0);
    assert_int_equal(patterns_take(p, (struct slice){ "a\0b", 3 }, 1)->id, 0);
    assert_int_equal(patterns_unfit(p), 4);
    assert_string_equal(patterns_find(p, 0)->text, "<other>");
    const struct pattern *t = patterns_take(p, SLICE("bad \xff\xc3 utf \xed\xa0\x80 here"), 1);
    assert_string_equal(t->text, "bad ?? utf ??? here");
    assert_string_equal(t->sample, "bad ?? utf ??? here");

    size_t n = 1 << 20;
    char  *huge = malloc(n);
    assert_non_null(huge);
    for (size_t i = 0; i < n; i++)
        huge[i] = i % 3 ? 'x' : ' ';
    t = patterns_take(p, (struct slice){ huge, n }, 1);
    assert_true(t->id && strlen(t->text) < PATTERN_TEXT_MAX && strlen(t->sample) < PATTERN_SAMPLE_MAX);
    memset(huge, 'x', n);
    t = patterns_take(p, (struct slice){ huge, n }, 1);
    assert_true(t->id && strlen(t->text) < PATTERN_TEXT_MAX);
    memset(huge, ',', n);
    (void)patterns_take(p, (struct slice){ huge, n }, 1);
    memset(huge, '(', n);
    (void)patterns_take(p, (struct slice){ huge, n }, 1);
    for (size_t k = 0; k < 8; k++) {
        for (size_t i = 0; i < n; i++)
            huge[i] = i < k ? ';' : " ()"[(i - k) % 3];
        (void)patterns_take(p, (struct slice){ huge, n }, 1);
    }
    for (size_t i = 0; i < n; i++)
        huge[i] = i % 2 ? '"' : '\'';
    (void)patterns_take(p, (struct slice){ huge, n }, 1);
    free(huge);
    patterns_free(p);
}

struct seen { char text[32][200]; uint64_t id[32], count[32]; int n; };

static bool see(void *ctx, const struct pattern *t)
{
    struct seen *s = ctx;
    snprintf(s->text[s->n], sizeof *s->text, "%s", t->text);
    s->id[s->n] = t->id;
    s->count[s->n++] = t->count;
    return s->n < 32;
}

static const char *const story[] = {
    "worker 1 got 17 jobs", "open /etc/passwd: no such file", "", "clock set to 10.0.0.1, stratum 2", "clock set to LOCAL(0), stratum 10",
    "value from host alpha is missing", "value from host beta is missing", "value from host gamma is missing", "once",
};

static void what_was_learned_comes_back_from_a_snapshot(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100), *q = new_patterns(100);
    struct fault     f;
    struct seen      before = { 0 }, after = { 0 };
    char            *bytes, *again;
    size_t           n, m;
    for (size_t i = 0; i < sizeof story / sizeof *story; i++)
        (void)take(p, story[i]);
    (void)take(q, "forgotten");
    assert_ok(patterns_save(p, &bytes, &n, &f), &f);
    assert_ok(patterns_load(q, (struct slice){ bytes, n }, &f), &f);
    patterns_each(p, see, &before);
    patterns_each(q, see, &after);
    assert_int_equal(before.n, after.n);
    assert_memory_equal(&before, &after, sizeof before);
    assert_ok(patterns_save(q, &again, &m, &f), &f);
    assert_int_equal(n, m);
    assert_memory_equal(bytes, again, n);
    assert_int_equal(take(q, "value from host omega is missing"), take(p, "value from host omega is missing"));
    assert_int_equal(take(q, "clock set to LOCAL(7), stratum 1"), take(p, "clock set to LOCAL(7), stratum 1"));
    assert_int_equal(take(q, "a new one"), take(p, "a new one"));
    free(bytes);
    free(again);
    patterns_free(p);
    patterns_free(q);
}

static void what_was_learned_when_lines_were_masked_otherwise_stays_beside_what_is_learned_now(void **state)
{
    (void)state;
    static const char *const line[] = { "{\"event\":\"login\",\"n\":1}", "{\"event\":\"logout\",\"n\":2}", "{\"n\":3,\"event\":\"was seen\"}" };
    struct patterns_options  o = patterns_options_default();
    struct patterns *before, *now = new_patterns(100);
    struct fault     f;
    char            *bytes;
    size_t           n;
    assert_true(mask_ignore_add(&o.ignore, SLICE("event")));
    assert_ok(patterns_new(&o, &before, &f), &f);
    for (size_t i = 0; i < 3; i++)
        (void)take(before, line[i]);
    assert_ok(patterns_save(before, &bytes, &n, &f), &f);
    assert_ok(patterns_load(now, (struct slice){ bytes, n }, &f), &f);
    assert_int_equal(patterns_count(now), 2);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(take(now, line[i]), i + 3);                                 /* 1 and 2 were there */
    assert_string_equal(patterns_find(now, 1)->text, "{\"event\":<*>,\"n\":<*>}");
    assert_int_equal(patterns_find(now, 1)->count, 2);
    assert_string_equal(patterns_find(now, 5)->text, "{\"n\":<*>,\"event\":\"was seen\"}");
    assert_int_equal(take(now, "{\"event\":\"\",\"n\":4}"), 1);                       /* which it still stands for */
    free(bytes);
    patterns_free(before);
    patterns_free(now);
}

static void a_damaged_snapshot_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100), *q = new_patterns(100);
    struct fault     f;
    char            *bytes;
    size_t           n;
    for (size_t i = 0; i < sizeof story / sizeof *story; i++)
        (void)take(p, story[i]);
    uint64_t id = take(q, "job 7 done");
    assert_ok(patterns_save(p, &bytes, &n, &f), &f);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (char)(bytes[i] ^ 0x10);
        assert_int_equal(patterns_load(q, (struct slice){ bytes, n }, &f), ERR_INPUT);
        bytes[i] = (char)(bytes[i] ^ 0x10);
        assert_int_equal(patterns_load(q, (struct slice){ bytes, i }, &f), ERR_INPUT);
    }
    assert_int_equal(patterns_count(q), 1);
    assert_int_equal(take(q, "job 8 done"), id);
    free(bytes);
    patterns_free(p);
    patterns_free(q);
}

static void a_smaller_memory_keeps_what_was_seen_last(void **state)
{
    (void)state;
    struct patterns *p = new_patterns(100), *q = new_patterns(3);
    struct fault     f;
    char            *bytes, line[64], a[8], b[8];
    size_t           n;
    for (unsigned i = 0; i < 20; i++) {
        snprintf(line, sizeof line, "%s %s", word(a, i * 3 + 1), word(b, i * 5 + 2));
        (void)take(p, line);
    }
    uint64_t last = take(p, line);
    assert_ok(patterns_save(p, &bytes, &n, &f), &f);
    assert_ok(patterns_load(q, (struct slice){ bytes, n }, &f), &f);
    assert_int_equal(patterns_count(q), 3);
    assert_int_equal(take(q, line), last);
    free(bytes);
    patterns_free(p);
    patterns_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_varies_by_its_shape_is_masked_at_once),
        cmocka_unit_test(scripts_without_blanks_end_a_word_where_numbers_and_other_letters_begin),
        cmocka_unit_test(numbers_alone_do_not_make_another_template),
        cmocka_unit_test(a_word_that_often_differs_is_a_variable_and_the_merge_is_told),
        cmocka_unit_test(what_happened_is_not_taken_for_a_variable),
        cmocka_unit_test(lines_whose_words_all_differ_stay_apart),
        cmocka_unit_test(a_value_of_several_parts_is_one_variable),
        cmocka_unit_test(what_a_structured_line_says_is_no_variable_though_it_be_one_word),
        cmocka_unit_test(so_many_kinds_of_it_that_they_must_be_data_are_one_variable),
        cmocka_unit_test(members_of_json_vary_whatever_is_in_them),
        cmocka_unit_test(lines_of_web_servers_are_one_template_for_each_method),
        cmocka_unit_test(escaped_blanks_in_what_json_says_end_a_word),
        cmocka_unit_test(a_stack_trace_is_its_exceptions_and_not_how_it_was_called),
        cmocka_unit_test(a_value_in_quotes_may_have_several_words_where_it_had_one),
        cmocka_unit_test(a_line_too_long_is_cut_before_a_word),
        cmocka_unit_test(the_values_can_be_had),
        cmocka_unit_test(the_fields_of_a_template_are_told_with_names_and_examples),
        cmocka_unit_test(fields_and_their_examples_have_a_bound_that_is_told),
        cmocka_unit_test(values_of_ignored_keys_are_no_part_of_a_template),
        cmocka_unit_test(looking_does_not_learn),
        cmocka_unit_test(a_change_is_said_until_it_is_settled),
        cmocka_unit_test(memory_has_a_bound_and_the_one_not_seen_for_longest_goes),
        cmocka_unit_test(a_line_whose_template_went_is_not_taken_for_the_one_in_its_place),
        cmocka_unit_test(bytes_have_a_bound_too),
        cmocka_unit_test(any_bytes_may_come),
        cmocka_unit_test(what_was_learned_comes_back_from_a_snapshot),
        cmocka_unit_test(what_was_learned_when_lines_were_masked_otherwise_stays_beside_what_is_learned_now),
        cmocka_unit_test(a_damaged_snapshot_is_refused_and_changes_nothing),
        cmocka_unit_test(a_smaller_memory_keeps_what_was_seen_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
