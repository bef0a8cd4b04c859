/* link: a conninfo keeps what a person wrote, gets our bounds, and never carries a password. */
#include "unit.h"

#include "link/http.h"
#include "link/pg.h"

#include <stdlib.h>
#include <string.h>

static void what_the_person_wrote_stays_and_our_bounds_are_added(void **state)
{
    struct pg_link_conf conf = { .dsn = "host=db port=6432 dbname=shop user=h options='-c statement_timeout=0' keepalives_idle=99", .passfile = "/etc/pass",
                                 .statement_timeout_ms = 900, .lock_timeout_ms = 200, .connect_timeout_ms = 3100, .keepalives = true };
    struct pg_params p;
    struct fault     fault = { 0 };
    assert_ok(pg_params_init(&p, &conf, &fault), &fault);
    assert_string_equal(pg_params_get(&p, "host"), "db");
    assert_string_equal(pg_params_get(&p, "port"), "6432");
    assert_string_equal(pg_params_get(&p, "passfile"), "/etc/pass");
    assert_string_equal(pg_params_get(&p, "application_name"), "homeostat");
    assert_string_equal(pg_params_get(&p, "keepalives_idle"), "99");
    assert_string_equal(pg_params_get(&p, "keepalives"), "1");
    assert_string_equal(pg_params_get(&p, "connect_timeout"), "4");
    assert_string_equal(pg_params_get(&p, "options"), "-c statement_timeout=0 -c statement_timeout=900 -c lock_timeout=200 -c jit_above_cost=-1");   /* the last one counts */
    assert_null(p.keyword[p.count]);
    assert_null(p.value[p.count]);
    pg_params_done(&p);
    conf = (struct pg_link_conf){ .dsn = "postgresql://h@[::1]:6432/shop?application_name=mine" };
    assert_ok(pg_params_init(&p, &conf, &fault), &fault);
    assert_string_equal(pg_params_get(&p, "host"), "::1");
    assert_string_equal(pg_params_get(&p, "application_name"), "mine");
    assert_string_equal(pg_params_get(&p, "options"), "-c jit_above_cost=-1");      /* all that we ask is ours: never worth compiling */
    pg_params_done(&p);
}

static void a_password_is_refused_in_every_form_and_never_repeated(void **state)
{
    static const char *const bad[] = {
        "host=db password=geheim", "postgresql://h:geheim@db/shop", "postgres://db/shop?password=geheim", "host=db password='ge heim", "host=db password=ge heim",
        "postgresql://h:geheim@db:port/shop?bad", "sslpassword=geheim",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pg_link_conf conf = { .dsn = bad[i] };
        struct pg_params    p;
        struct fault        fault = { 0 };
        assert_int_equal(pg_params_init(&p, &conf, &fault), ERR_INPUT);
        assert_null(strstr(fault.text, "heim"));
        assert_null(strstr(fault.hint, "heim"));
        assert_true(*fault.hint != '\0');
        assert_int_equal(p.count, 0);
    }
}

static void a_malformed_conninfo_says_what_is_wrong_with_it(void **state)
{
    struct pg_link_conf conf = { .dsn = "hots=db" };
    struct pg_params    p;
    struct fault        fault = { 0 };
    assert_int_equal(pg_params_init(&p, &conf, &fault), ERR_INPUT);
    assert_non_null(strstr(fault.text, "hots"));
}

static void addresses_are_https_or_on_this_machine_and_without_credentials(void **state)
{
    static const char *const good[] = { "http://127.0.0.1:8080/x", "http://127.9.9.9/", "http://localhost:1/latency", "http://[::1]:9/x", "https://example.org/x" };
    static const char *const bad[] = { "http://example.org/", "http://10.0.0.1/", "file:///etc/passwd", "ftp://127.0.0.1/", "nonsense", "", "http://127.0.0.1.example.org/",
                                       "https://u:p@example.org/", "http://0.0.0.0/", "http://[::]/" };
    struct fault fault = { 0 };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_ok(http_url_check(good[i], &fault), &fault);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(http_url_check(bad[i], &fault), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_person_wrote_stays_and_our_bounds_are_added),
        cmocka_unit_test(a_password_is_refused_in_every_form_and_never_repeated),
        cmocka_unit_test(a_malformed_conninfo_says_what_is_wrong_with_it),
        cmocka_unit_test(addresses_are_https_or_on_this_machine_and_without_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
