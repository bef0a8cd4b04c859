/* Tokens: kept as digests, told once, refused when the file is not as it should be; and where the web may listen. */
#include "web_fixture.h"

#include "base/file.h"
#include "base/id.h"
#include "base/text.h"
#include "conf/daemon.h"
#include "web/token.h"
#include "web/throttle.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int setup(void **state)
{
    fixture_open();
    return 0;
}

static int teardown(void **state)
{
    fixture_close();
    return 0;
}

static void a_new_token_is_told_once_and_kept_as_a_digest(void **state)
{
    char        *text;
    struct fault fault = { 0 };
    struct stat  st;
    assert_int_equal(strncmp(fx.viewer, "hst_", 4), 0);
    assert_int_equal(strlen(fx.viewer), 68);
    assert_ok(file_read(fx.tokens_file, 100000, &text, NULL, &fault), &fault);
    assert_null(strstr(text, fx.viewer + 4));
    char digest[DIGEST_SIZE];
    digest_hex(fx.viewer, strlen(fx.viewer), digest);
    assert_non_null(strstr(text, digest));
    assert_int_equal(stat(fx.tokens_file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    free(text);
}

static void what_is_in_the_file_is_read_as_it_was_written(void **state)
{
    struct tokens    t;
    struct fault     fault = { 0 };
    struct principal who;
    assert_ok(tokens_open(&t, fx.tokens_file, fx.folder, &fault), &fault);
    assert_int_equal(tokens_find(&t, fx.operator, 1, &who, NULL), TOKEN_GOOD);
    assert_string_equal(who.name, "token:olga");
    assert_int_equal(who.roles, ROLE_OPERATOR);
    assert_int_equal(tokens_find(&t, "hst_", 1, &who, NULL), TOKEN_UNKNOWN);
    assert_int_equal(tokens_find(&t, "", 1, &who, NULL), TOKEN_UNKNOWN);
    tokens_done(&t);
}

static void a_table_may_have_comments_many_roles_an_end_and_an_old_token_beside_the_new(void **state)
{
    struct token_entry *e;
    size_t              n;
    struct fault        fault = { 0 };
    const char *text = "# comment\n\n"
                       "operator,approver  alice sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  2026-12-31T00:00:00Z # why\r\n"
                       "viewer alice sha256:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB never\n"
                       "\tadmin\tbob\t0123456789012345678901234567890123456789";
    assert_ok(tokens_parse("t", text, &e, &n, &fault), &fault);
    assert_int_equal(n, 3);
    assert_int_equal(e[0].roles, ROLE_OPERATOR | ROLE_APPROVER);
    assert_int_equal(e[0].expires_us, INT64_C(1798675200000000));
    assert_int_equal(e[1].expires_us, 0);
    assert_int_equal(e[1].digest[0], 'b');
    assert_true(e[2].in_clear && !e[1].in_clear);
    struct daemon_token again[3];
    assert_ok(daemon_tokens_parse(text, again, 3, &n, &fault), &fault);       /* the next start must not find a mistake in what a running one took */
    assert_int_equal(n, 3);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(again[i].digest, e[i].digest);
        assert_string_equal(again[i].name, e[i].name);
        assert_true(again[i].expires_us == e[i].expires_us);
    }
    free(e);
}

static void what_a_running_homeostat_takes_the_next_start_takes(void **state)
{
    struct text         t CLEANUP(text_done);
    struct fault        fault = { 0 };
    struct token_entry *e;
    size_t              n;
    struct daemon_token *again = calloc(DAEMON_TOKENS_MAX, sizeof *again);
    text_init(&t, TOKEN_FILE_MAX);
    for (int i = 0; i < TOKENS_MAX; i++)
        text_printf(&t, "viewer,operator  %048d  sha256:%064d  2026-12-31T00:00:00.000Z\n", i, i);
    assert_ok(tokens_parse("t", t.s, &e, &n, &fault), &fault);
    free(e);
    assert_ok(daemon_tokens_parse(t.s, again, DAEMON_TOKENS_MAX, &n, &fault), &fault);
    assert_int_equal(n, TOKENS_MAX);
    assert_true(t.used <= KNOB_SECRET_MAX && TOKEN_FILE_MAX <= KNOB_SECRET_MAX);
    free(again);
    static const char twice[] = "viewer a 0123456789abcdef0123456789abcdef\nadmin b 0123456789abcdef0123456789abcdef\n";
    assert_int_equal(tokens_parse("t", twice, &e, &n, &fault), ERR_INPUT);
    assert_string_equal(fault.text, "t:2: this is the token of a, too");
}

static void a_wrong_line_is_named_and_its_token_never_quoted(void **state)
{
    static const struct { const char *text, *where; } rows[] = {
        { "viewer alice\n", "t:1:" },
        { "\nviewer alice a b c\n", "t:2:" },
        { "king alice sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", "t:1:1:" },
        { "viewer a/b sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", "t:1:8:" },
        { "viewer alice my-secret\n", "t:1:14:" },
        { "viewer alice sha256:my-secret\n", "t:1:14:" },
        { "viewer, alice sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", "t:1:1:" },
        { "viewer alice sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa soon\n", "t:1:86:" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token_entry *e;
        size_t              n;
        struct fault        fault = { 0 };
        assert_int_equal(tokens_parse("t", rows[i].text, &e, &n, &fault), ERR_INPUT);
        if (strncmp(fault.text, rows[i].where, strlen(rows[i].where)) != 0)
            fail_msg("%s does not begin with %s", fault.text, rows[i].where);
        assert_null(strstr(fault.text, "my-secret"));
        assert_null(e);
    }
}

static void a_file_that_others_may_write_is_refused(void **state)
{
    struct tokens t;
    struct fault  fault = { 0 };
    assert_int_equal(chmod(fx.tokens_file, 0620), 0);
    assert_int_equal(tokens_open(&t, fx.tokens_file, fx.folder, &fault), ERR_DENIED);
    assert_non_null(strstr(fault.hint, "chmod 600"));
    assert_int_equal(chmod(fx.tokens_file, 0640), 0);
    assert_ok(tokens_open(&t, fx.tokens_file, fx.folder, &fault), &fault);
    tokens_done(&t);
}

static void a_missing_file_is_an_error_when_it_was_named(void **state)
{
    struct tokens t;
    struct fault  fault = { 0 };
    char          path[128];
    (void)snprintf(path, sizeof path, "%s/other", fx.folder);
    assert_int_equal(tokens_open(&t, path, fx.folder, &fault), ERR_MISSING);
    assert_non_null(strstr(fault.hint, "homeostat token new"));
}

static void the_token_of_this_machine_is_for_its_owner_alone(void **state)
{
    struct tokens t;
    struct fault  fault = { 0 };
    struct stat   st;
    char          path[128];
    (void)snprintf(path, sizeof path, "%s/token", fx.folder);
    assert_ok(tokens_open(&t, "", fx.folder, &fault), &fault);
    tokens_done(&t);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(tokens_open(&t, NULL, fx.folder, &fault), ERR_DENIED);
}

static void another_file_is_taken_up_whole_or_not_at_all(void **state)
{
    struct tokens    t;
    struct fault     fault = { 0 };
    struct principal who;
    char             other[128], token[WEB_TOKEN_SIZE];
    (void)snprintf(other, sizeof other, "%s/other", fx.folder);
    assert_ok(tokens_open(&t, fx.tokens_file, fx.folder, &fault), &fault);
    assert_int_equal(tokens_move(&t, other, fx.folder, &fault), ERR_MISSING);
    assert_int_equal(tokens_find(&t, fx.viewer, 1, &who, NULL), TOKEN_GOOD);
    assert_ok(web_token_new(other, "zoe", ROLE_VIEWER, 0, token, &fault), &fault);
    assert_ok(tokens_move(&t, other, fx.folder, &fault), &fault);
    assert_int_equal(tokens_find(&t, fx.viewer, 1, &who, NULL), TOKEN_UNKNOWN);
    assert_int_equal(tokens_find(&t, token, 1, &who, NULL), TOKEN_GOOD);
    tokens_done(&t);
}

static void a_file_that_is_added_to_is_still_read_by_whom_it_was_read(void **state)
{
    char         other[120], token[WEB_TOKEN_SIZE];
    struct stat  st;
    struct fault fault = { 0 };
    gid_t        group = geteuid() == 0 ? 7 : getegid();
    (void)snprintf(other, sizeof other, "%s/group", fx.folder);
    assert_ok(web_token_new(other, "zoe", ROLE_VIEWER, 0, token, &fault), &fault);
    assert_int_equal(stat(other, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chown(other, geteuid(), group), 0);
    assert_int_equal(chmod(other, 0640), 0);
    assert_ok(web_token_new(other, "max", ROLE_VIEWER, 0, token, &fault), &fault);
    assert_int_equal(stat(other, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(st.st_gid, group);
}

static void names_and_roles_are_checked_before_a_token_is_made(void **state)
{
    char         token[WEB_TOKEN_SIZE];
    struct fault fault = { 0 };
    assert_int_equal(web_token_new(fx.tokens_file, "a b", ROLE_VIEWER, 0, token, &fault), ERR_INPUT);
    assert_int_equal(web_token_new(fx.tokens_file, "", ROLE_VIEWER, 0, token, &fault), ERR_INPUT);
    assert_int_equal(web_token_new(fx.tokens_file, "a", 0, 0, token, &fault), ERR_INPUT);
}

static void beyond_this_machine_it_listens_only_with_tls_and_tokens(void **state)
{
    static const struct { const char *host, *tokens, *cert; enum err code; } rows[] = {
        { "127.0.0.1", "", "", OK },       { "127.9.9.9", "", "", OK },  { "::1", "", "", OK },  { "localhost", "", "", OK },
        { "0.0.0.0", "", "", ERR_DENIED }, { "0.0.0.0", "t", "", ERR_DENIED }, { "0.0.0.0", "", "c", ERR_DENIED }, { "0.0.0.0", "t", "c", OK },
        { "::", "t", "", ERR_DENIED },     { "192.0.2.1", "", "", ERR_DENIED }, { "::ffff:127.0.0.1", "", "", ERR_DENIED },
        { "example.org", "t", "c", ERR_INPUT }, { "", "", "", ERR_INPUT },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct web_options o = web_options_default();
        struct fault       fault = { 0 };
        o.host = rows[i].host;
        o.tokens_file = rows[i].tokens;
        o.certificate_file = o.key_file = rows[i].cert;
        if (web_check(&o, &fault) != rows[i].code)
            fail_msg("%s with <%s> <%s>: %s", rows[i].host, rows[i].tokens, rows[i].cert, err_name(fault.code));
    }
}

static void failures_are_counted_for_each_address(void **state)
{
    static struct throttle t;
    struct sockaddr_in     one = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001) }, two = one;
    two.sin_addr.s_addr = htonl(0x0a000002);
    throttle_init(&t);
    for (int i = 0; i < THROTTLE_BURST; i++)
        assert_int_equal(throttle_failed(&t, (struct sockaddr *)&one, 1000000), 0);
    assert_true(throttle_failed(&t, (struct sockaddr *)&one, 1000000) > 0);
    assert_int_equal(throttle_failed(&t, (struct sockaddr *)&two, 1000000), 0);
    assert_int_equal(throttle_failed(&t, (struct sockaddr *)&one, 1000000 + THROTTLE_REFILL_MS * 1000), 0);
    assert_true(throttle_failed(&t, (struct sockaddr *)&one, 1000000 + THROTTLE_REFILL_MS * 1000) > 0);
    throttle_done(&t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_token_is_told_once_and_kept_as_a_digest),
        TEST(what_is_in_the_file_is_read_as_it_was_written),
        TEST(a_table_may_have_comments_many_roles_an_end_and_an_old_token_beside_the_new),
        TEST(what_a_running_homeostat_takes_the_next_start_takes),
        TEST(a_wrong_line_is_named_and_its_token_never_quoted),
        TEST(a_file_that_others_may_write_is_refused),
        TEST(a_missing_file_is_an_error_when_it_was_named),
        TEST(the_token_of_this_machine_is_for_its_owner_alone),
        TEST(another_file_is_taken_up_whole_or_not_at_all),
        TEST(a_file_that_is_added_to_is_still_read_by_whom_it_was_read),
        TEST(names_and_roles_are_checked_before_a_token_is_made),
        TEST(beyond_this_machine_it_listens_only_with_tls_and_tokens),
        TEST(failures_are_counted_for_each_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
