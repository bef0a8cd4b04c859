/* With a certificate the web speaks TLS 1.2 and 1.3 and nothing older, and nothing in clear. */
#include "web_fixture.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char certificate[128], key[128];

/* A certificate for 127.0.0.1, made by the openssl command. */
static void make_certificate(void)
{
    (void)snprintf(certificate, sizeof certificate, "%s/cert.pem", fx.folder);
    (void)snprintf(key, sizeof key, "%s/key.pem", fx.folder);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(126);
        execlp("openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int setup(void **state)
{
    fixture_open();
    make_certificate();
    fx.options.certificate_file = certificate;
    fx.options.key_file = key;
    fixture_start();
    return 0;
}

static int teardown(void **state)
{
    fixture_stop();
    fixture_close();
    return 0;
}

static size_t keep(char *data, size_t size, size_t n, void *out)
{
    strncat(out, data, size * n < 2000 ? size * n : 2000);
    return size * n;
}

static CURLcode get(const char *path, const char *token, long version, long *status, char head[4096])
{
    char  url[128], authorization[128];
    CURL *c = curl_easy_init();
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%d%s", fx.port, path);
    (void)snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", token);
    struct curl_slist *headers = curl_slist_append(NULL, authorization);
    char               body[4096] = "";
    head[0] = '\0';
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_CAINFO, certificate);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, version);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, keep);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, head);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 10L);
    CURLcode code = curl_easy_perform(c);
    *status = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    return code;
}

static void what_is_asked_over_tls_is_answered(void **state)
{
    long status;
    char head[4096];
    assert_int_equal(get("/case/case-1", fx.viewer, CURL_SSLVERSION_TLSv1_2, &status, head), CURLE_OK);
    assert_int_equal(status, 200);
    assert_non_null(strstr(head, "Strict-Transport-Security:"));
    assert_int_equal(get("/case/case-1", fx.viewer, CURL_SSLVERSION_TLSv1_3, &status, head), CURLE_OK);
    assert_int_equal(status, 200);
    assert_int_equal(get("/case/case-1", "hst_wrong", CURL_SSLVERSION_TLSv1_2, &status, head), CURLE_OK);
    assert_int_equal(status, 401);
}

static void older_protocols_are_refused(void **state)
{
    long status;
    char head[4096];
    assert_int_not_equal(get("/livez", "", CURL_SSLVERSION_TLSv1_1 | CURL_SSLVERSION_MAX_TLSv1_1, &status, head), CURLE_OK);
}

static void nothing_is_answered_in_clear(void **state)
{
    struct answer a;
    client_ask(fx.port, NULL, "GET", "/livez", NULL, NULL, &a);
    assert_int_equal(a.status, 0);
    answer_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_asked_over_tls_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(older_protocols_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_answered_in_clear, setup, teardown),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
