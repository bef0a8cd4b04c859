/* tests/unit/web_fixture.c */
#include "web_fixture.h"

#include "base/log.h"
#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture fx;

static json_t *rules(void *ctx) { return json_pack("[{s:i}]", "number", 101); }

static void token(const char *name, unsigned roles, char out[WEB_TOKEN_SIZE])
{
    struct fault fault = { 0 };
    assert_ok(web_token_new(fx.tokens_file, name, roles, 0, out, &fault), &fault);
}

void fixture_open(void)
{
    memset(&fx, 0, sizeof fx);
    (void)text_copy(fx.folder, sizeof fx.folder, "/tmp/homeostat-web-XXXXXX");
    assert_non_null(mkdtemp(fx.folder));
    (void)snprintf(fx.tokens_file, sizeof fx.tokens_file, "%s/tokens", fx.folder);
    token("vera", ROLE_VIEWER, fx.viewer);
    token("olga", ROLE_OPERATOR, fx.operator);
    token("anna", ROLE_APPROVER, fx.approver);
    token("adam", ROLE_ADMIN, fx.admin);
    fx.options = web_options_default();
    fx.options.port = 0;
    fx.options.threads = 2;
    fx.options.folder = fx.folder;
    fx.options.tokens_file = fx.tokens_file;
    fx.sources.rules = rules;
    double_reset();
    log_setup(LOG_LOGFMT, LOG_ERROR, NULL);
}

void fixture_start(void)
{
    struct fault fault = { 0 };
    assert_ok(web_start(&fx.options, NULL, &fx.sources, &fx.web, &fault), &fault);
    fx.port = web_port(fx.web);
    assert_true(fx.port > 0);
}

void fixture_stop(void)
{
    web_stop(fx.web);
    fx.web = NULL;
    assert_int_equal(double_readers_open(), 0);
}

void fixture_close(void)
{
    static const char *const left[] = { "tokens", "token", "log", "cert.pem", "key.pem", "other", "" };
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        char path[160];
        (void)snprintf(path, sizeof path, "%s/%s", fx.folder, left[i]);
        (void)(*left[i] ? unlink(path) : rmdir(fx.folder));
    }
}

int fixture_setup(void **state)
{
    fixture_open();
    fixture_start();
    return 0;
}

int fixture_teardown(void **state)
{
    double_release();
    fixture_stop();
    fixture_close();
    double_reset();
    return 0;
}

struct answer ask(const char *tok, const char *method, const char *path, const char *headers, const char *body, int want_status)
{
    struct answer a;
    client_ask(fx.port, tok, method, path, headers, body, &a);
    if (a.status != want_status)
        fail_msg("%s %s: %d, not %d: %s", method, path, a.status, want_status, a.body ? a.body : "");
    return a;
}

void expect(const char *tok, const char *method, const char *path, const char *headers, const char *body, int want_status)
{
    struct answer a = ask(tok, method, path, headers, body, want_status);
    answer_done(&a);
}

void assert_header(const struct answer *a, const char *name, const char *value)
{
    const char *has = answer_header(a, name);
    if (!value) {
        assert_null(has);
        return;
    }
    if (!has)
        fail_msg("the answer has no %s:\n%s", name, a->head);
    assert_string_equal(has, value);
}

void assert_member(const struct answer *a, const char *path, const char *value)
{
    json_error_t error;
    json_t      *all = json_loads(a->body, 0, &error), *at = all;
    if (!all)
        fail_msg("not JSON: %s: %s", error.text, a->body);
    for (const char *s = path; at && *s;) {
        char   name[64];
        size_t n = strcspn(s, ".");
        (void)snprintf(name, sizeof name, "%.*s", (int)n, s);
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(name)) : json_object_get(at, name);
        s += n + (s[n] == '.');
    }
    char *text = json_is_string(at) ? strdup(json_string_value(at)) : at ? json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("(absent)");
    json_decref(all);
    if (strcmp(text, value) != 0)
        fail_msg("%s is %s, not %s, in %s", path, text, value, a->body);
    free(text);
}
