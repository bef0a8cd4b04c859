/* conf: the daemon's own settings refuse what would be unsafe, and the sample that is shipped only watches. */
#include "unit.h"

#include "base/file.h"
#include "conf/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct conf          *conf;
static struct fault          fault;
static struct text           said;

static int tear_down(void **state)
{
    (void)state;
    conf_free(conf);
    conf = NULL;
    text_done(&said);
    return 0;
}

static enum err load(const char *yaml)
{
    struct conf_complaints all;
    conf_complaints_init(&all);
    conf_free(conf);
    conf = NULL;
    enum err e = conf_load_text("t.yaml", yaml, strlen(yaml), daemon_sections, daemon_sections_count, &conf, &all, &fault);
    text_done(&said);
    text_init(&said, 64 * 1024);
    conf_complaints_text(&all, &said);
    conf_complaints_done(&all);
    return e;
}

static void must_say(const char *yaml, const char *says)
{
    if (load(yaml) == OK)
        fail_msg("accepted: %s", yaml);
    if (!strstr(said.s, says))
        fail_msg("%s\nsays: %s\nwanted: %s", yaml, said.s, says);
}

static void the_tables_are_in_order(void **state)
{
    (void)state;
    assert_ok(conf_tables_check(daemon_sections, daemon_sections_count, &fault), &fault);
}

static void the_sample_watches_and_nothing_else(void **state)
{
    (void)state;
    struct conf *c = NULL;
    assert_ok(conf_load(HOMEOSTAT_SAMPLE, daemon_sections, daemon_sections_count, &c, NULL, &fault), &fault);
    struct daemon_conf d = daemon_conf_of(c);
    assert_int_equal(d.targets, 1);
    assert_int_equal(d.target[0].mode, DAEMON_WATCH);
    assert_int_equal(d.target[0].restart, DAEMON_RESTART_NEVER);
    assert_true(d.web->listen.loopback);
    conf_free(c);
}

static void a_target_is_cautious_by_default(void **state)
{
    (void)state;
    assert_ok(load("targets: {shop: {dsn: service=shop}}\n"), &fault);
    struct daemon_conf d = daemon_conf_of(conf);
    assert_string_equal(d.target[0].name, "shop");
    assert_int_equal(d.target[0].mode, DAEMON_SUGGEST);
    assert_int_equal(d.target[0].restart, DAEMON_RESTART_NEVER);
    assert_int_equal(d.target[0].sample_interval_us, 1000000);
    assert_int_equal(d.log->level, LOG_INFO);
    assert_int_equal(d.log->format, LOG_AUTO);
    assert_int_equal(d.tune->window_us, 60000000);
    assert_true(d.tune->alpha == 0.05);
    assert_int_equal(d.web->listen.port, 7433);
    assert_string_equal(d.store->folder, "/var/lib/homeostat");
}

static void what_holds_for_a_tenant_needs_its_yes_and_that_of_all(void **state)
{
    (void)state;
    assert_ok(load("targets: {shop: {dsn: service=shop}, bank: {dsn: service=bank, tenant: bank}}\n"
                   "tenants: {bank: {knowledge: {share: false}}, lab: {knowledge: {use: false}}}\n"), &fault);
    struct daemon_conf d = daemon_conf_of(conf);
    assert_string_equal(d.target[0].tenant, "default");
    assert_string_equal(d.target[1].tenant, "bank");
    assert_true(daemon_knowledge_of(&d, "default").share && daemon_knowledge_of(&d, "default").use);
    assert_true(!daemon_knowledge_of(&d, "bank").share && daemon_knowledge_of(&d, "bank").use);
    assert_true(daemon_knowledge_of(&d, "lab").share && !daemon_knowledge_of(&d, "lab").use);
    assert_ok(load("targets: {shop: {dsn: service=shop}}\nknowledge: {share: false}\ntenants: {bank: {knowledge: {share: true}}}\n"), &fault);
    d = daemon_conf_of(conf);
    assert_false(daemon_knowledge_of(&d, "default").share);
    assert_false(daemon_knowledge_of(&d, "bank").share);
    must_say("tenants: {bank: {knowledge: {shares: false}}}\n", "tenants.bank.knowledge");
}

static void a_password_in_a_dsn_is_refused_and_never_repeated(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "host=x password=hush", "host=x PASSWORD = 'hu sh'", "password=hush", "host='a b' password=hush", "host=a\\\\ b password=hush", "sslpassword=hush host=x",
        "postgresql://bob:hush@db/shop", "postgres://bob:hush@db", "postgresql://bob@db/shop?password=hush", "postgresql://db?sslmode=require&password=hush",
        "postgresql://bob:hu/hush@db/shop", "postgresql://bob:1hu?hush@db/shop", "postgresql://bob@db:54a/hush",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char yaml[200];
        (void)snprintf(yaml, sizeof yaml, "targets: {shop: {dsn: \"%s\"}}\n", bad[i]);
        must_say(yaml, "targets.shop.dsn: a password must not stand in the configuration");
        assert_non_null(strstr(said.s, "passfile"));
        assert_null(strstr(said.s, "hush"));
    }
    static const char *const good[] = { "host=x dbname=y", "service=shop", "postgresql://bob@db:5432/shop?sslmode=require", "host='a\\\\'b' user=x", "postgresql:///shop",
                                        "passfile=/x/password host=x", "postgresql://[::1]:5432/shop", "postgresql://a:1,[::1]:2,c/shop", "postgresql://bob@%2Frun%2Fpg:5433/a@b" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char yaml[200];
        (void)snprintf(yaml, sizeof yaml, "targets: {shop: {dsn: \"%s\"}}\n", good[i]);
        assert_ok(load(yaml), &fault);
    }
    must_say("targets: {shop: {dsn: my database}}\n", "the text is no conninfo");
    must_say("targets: {shop: {dsn: \"host='x\"}}\n", "a quote is not closed");
}

static void the_web_is_never_open_without_tls_and_tokens(void **state)
{
    (void)state;
    must_say("web: {listen: '0.0.0.0:7433'}\n", "it needs TLS");
    must_say("web: {listen: '0.0.0.0:7433'}\n", "it needs tokens");
    must_say("web: {listen: '[::]:7433'}\n", "it needs TLS");
    must_say("web: {listen: '192.0.2.1:1'}\n", "it needs TLS");
    must_say("web: {listen: '127.evil.example:1'}\n", "it needs TLS");
    must_say("web: {allow_insecure: true}\n", "unknown key `allow_insecure` in web");
    assert_ok(load("web: {listen: 'localhost:0'}\n"), &fault);
}

static void settings_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    must_say("targets: {a: {dsn: service=x, restart: window}}\n", "targets.a.restart: restarts are allowed, and nobody knows how to do one");
    must_say("targets: {a: {dsn: service=x, owner: patroni, mode: auto}}\n", "targets.a.mode: a server that is managed elsewhere is not changed from here");
    must_say("tune: {windows_min: 50}\n", "tune.windows_min: windows_min is 50 and windows_max 40");
    must_say("tune: {windows_min: 300, windows_max: 400}\n", "windows_min");      /* more than a trial keeps of each configuration */
    must_say("targets: {a: {dsn: service=x, load_endpoint: localhost:80}}\n", "this is no URL");
    must_say("targets: {a: {dsn: service=x, load_endpoint: 'http://u:p@h/'}}\n", "must not stand in a URL");
}

static void tokens_are_kept_as_digests(void **state)
{
    (void)state;
    struct daemon_token t[4];
    size_t              n;
    char                digest[DIGEST_SIZE];
    const char         *long_one = "0123456789abcdef0123456789abcdef";
    assert_ok(daemon_tokens_parse("# who\n\noperator,approver  alice 0123456789abcdef0123456789abcdef\r\n"
                                  "admin root sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", t, 4, &n, &fault), &fault);
    digest_hex(long_one, strlen(long_one), digest);
    assert_int_equal(n, 2);
    assert_int_equal(t[0].roles, DAEMON_OPERATOR | DAEMON_APPROVER);
    assert_string_equal(t[0].name, "alice");
    assert_string_equal(t[0].digest, digest);
    assert_int_equal(t[1].roles, DAEMON_ADMIN);
}

static void a_bad_token_line_is_named_and_not_quoted(void **state)
{
    (void)state;
    static const struct { const char *text, *says; } cases[] = {
        { "viewer bob short-one\n",                                            "line 1 of the tokens: the token is shorter than 32 characters" },
        { "\nboss bob 0123456789abcdef0123456789abcdef\n",                     "line 2 of the tokens begins with no role" },
        { "viewer 0123456789abcdef0123456789abcdef\n",                         "line 1 of the tokens does not have three or four words" },
        { "viewer bob 0123456789abcdef 0123456789abcdef\n",                    "the fourth word is a time" },
        { "viewer b/b 0123456789abcdef0123456789abcdef\n",                     "a name has at most" },
        { ", bob 0123456789abcdef0123456789abcdef\n",                          "has no role beside a comma" },
        { "viewer bob sha256:123\n",                                           "64 hex digits" },
        { "viewer, bob 0123456789abcdef0123456789abcdef\n",                    "has no role beside a comma" },
        { "viewer a 0123456789abcdef0123456789abcdef\nadmin b 0123456789abcdef0123456789abcdef\n", "line 2 of the tokens has the token of a" },
        { "# nobody\n",                                                        "there is no token" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct daemon_token t[4];
        size_t              n;
        assert_int_equal(daemon_tokens_parse(cases[i].text, t, 4, &n, &fault), ERR_INPUT);
        if (!strstr(fault.text, cases[i].says))
            fail_msg("says: %s\nwanted: %s", fault.text, cases[i].says);
        assert_null(strstr(fault.text, "0123"));
        assert_null(strstr(fault.text, "short-one"));
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_tables_are_in_order),
        TEST(the_sample_watches_and_nothing_else),
        TEST(a_target_is_cautious_by_default),
        TEST(what_holds_for_a_tenant_needs_its_yes_and_that_of_all),
        TEST(a_password_in_a_dsn_is_refused_and_never_repeated),
        TEST(the_web_is_never_open_without_tls_and_tokens),
        TEST(settings_that_do_not_go_together_are_refused),
        TEST(tokens_are_kept_as_digests),
        TEST(a_bad_token_line_is_named_and_not_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
