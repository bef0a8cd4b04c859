/* cli/client.c - see client.h. libcurl does the work. */
#include "cli/client_inside.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "cli/print.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { RETRY_AFTER_MAX_S = 24 * 3600 };

/* ---- opening ---- */

enum err client_open(struct cli *cli, struct client **out, struct fault *fault)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        return fail(fault, ERR_LIMIT, "no memory for a connection");
    c->cli = cli;
    enum err e = where_find(&cli->o, &c->where, fault);
    if (e == OK && (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(c->curl = curl_easy_init())))
        e = fail(fault, ERR_LIMIT, "no memory for a connection");
    if (e != OK) {
        client_close(c);
        return e;
    }
    *out = c;
    return OK;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    if (c->curl)
        curl_easy_cleanup(c->curl);
    where_done(&c->where);
    free(c);
}

void client_answer_done(struct client_answer *a)
{
    json_decref(a->json);
    free(a->text);
    *a = (struct client_answer){ 0 };
}

/* ---- one exchange ---- */

struct receiving { struct client *client; struct text body; struct client_answer *answer; };

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct receiving *r = ctx;
    text_add_n(&r->body, data, size * n);
    return r->body.cut ? 0 : size * n;
}

/* "Name: value" without the end of the line, when the header is that one. */
bool client_header_is(const char *line, size_t n, const char *name, char *out, size_t size)
{
    size_t k = strlen(name);
    if (n <= k || strncasecmp(line, name, k) != 0 || line[k] != ':')
        return false;
    const char *from = line + k + 1, *end = line + n;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    while (end > from && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    (void)snprintf(out, size, "%.*s", (int)(end - from), from);
    return true;
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
    struct client_answer *a = ((struct receiving *)ctx)->answer;
    char                  value[64];
    (void)client_header_is(data, size * n, "ETag", a->etag, sizeof a->etag);
    if (client_header_is(data, size * n, "Idempotent-Replayed", value, sizeof value))
        a->replayed = strcmp(value, "true") == 0;
    if (client_header_is(data, size * n, "Retry-After", value, sizeof value)) {
        long said = strtol(value, NULL, 10);
        a->retry_after_s = said < 0 ? 0 : said > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (int)said;
    }
    return size * n;
}

static int on_time(void *ctx, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
    struct client *c = ctx;
    cli_progress_tick(&c->progress, c->standing);
    return 0;
}

bool client_add_header(struct curl_slist **list, const char *format, ...)
{
    char    line[1200];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    struct curl_slist *more = n > 0 && (size_t)n < sizeof line ? curl_slist_append(*list, line) : NULL;
    explicit_bzero(line, sizeof line);
    if (more)
        *list = more;
    return more != NULL;
}

/* Options that every exchange has. A failure of one of these is a failure of memory. */
bool client_prepare(struct client *c, const char *url, struct curl_slist *headers)
{
    CURL *h = c->curl;
    curl_easy_reset(h);
    bool fine = curl_easy_setopt(h, CURLOPT_URL, url) == CURLE_OK && curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
                curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK &&
                curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK && curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, 10000L) == CURLE_OK &&
                curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->why) == CURLE_OK && curl_easy_setopt(h, CURLOPT_USERAGENT, "homeostat-cli") == CURLE_OK &&
                curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers) == CURLE_OK && curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
                curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_time) == CURLE_OK && curl_easy_setopt(h, CURLOPT_XFERINFODATA, c) == CURLE_OK;
    if (fine && *c->where.ca_file)
        fine = curl_easy_setopt(h, CURLOPT_CAINFO, c->where.ca_file) == CURLE_OK;
    return fine;
}

bool client_make_headers(struct client *c, const struct client_request *r, const char *key, const char *accept, struct curl_slist **list)
{
    bool fine = client_add_header(list, "Accept: %s", accept);
    if (fine && *c->where.token)
        fine = client_add_header(list, "Authorization: Bearer %s", c->where.token);
    if (fine && r->body)
        fine = client_add_header(list, "Content-Type: application/json");
    if (fine && *key)
        fine = client_add_header(list, "Idempotency-Key: \"%s\"", key);
    if (fine && *key && c->cli->o.if_version > 0)
        fine = client_add_header(list, "If-Match: \"v%lld\"", (long long)c->cli->o.if_version);
    if (fine && r->wait_us > 0)
        fine = client_add_header(list, "Prefer: wait=%lld", (long long)(r->wait_us / US_PER_S));
    return fine;
}

enum client_attempt client_attempt_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK: return CLIENT_ANSWERED;
    case CURLE_COULDNT_CONNECT: case CURLE_COULDNT_RESOLVE_HOST: return CLIENT_NOBODY;
    case CURLE_SEND_ERROR: case CURLE_RECV_ERROR: case CURLE_GOT_NOTHING: case CURLE_PARTIAL_FILE: case CURLE_OPERATION_TIMEDOUT: return CLIENT_LOST;
    default: return CLIENT_BROKEN;
    }
}

enum err client_why_not(struct client *c, CURLcode code, const char *method, struct fault *fault)
{
    const char *said = *c->why ? c->why : curl_easy_strerror(code);
    enum err    e;
    if (code == CURLE_OPERATION_TIMEDOUT) {
        e = fail(fault, ERR_TIMEOUT, "%.200s did not answer in time", c->where.url);
        if (strcmp(method, "GET") != 0)
            fail_hint(fault, "whether it was done is not known; the timeline of the case tells");
    } else if (client_attempt_of(code) == CLIENT_NOBODY) {
        e = fail(fault, ERR_IO, "nobody answers at %.200s: %.120s", c->where.url, said);
        fail_hint(fault, "is `homeostat run` running? --url or --config say where");
    } else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
        e = fail(fault, ERR_DENIED, "%.200s cannot be trusted: %.160s", c->where.url, said);
        fail_hint(fault, "--url with the name in its certificate, and --ca-file with the certificate that signed it");
    } else {
        e = fail(fault, ERR_IO, "the connection to %.200s was lost: %.160s", c->where.url, said);
    }
    return e;
}

static CURLcode exchange(struct client *c, const struct client_request *r, const char *body, struct curl_slist *headers, struct client_answer *a, struct text *got)
{
    char url[WHERE_SIZE + CLIENT_PATH_MAX];
    (void)snprintf(url, sizeof url, "%s%s", c->where.url, r->path);
    struct receiving receiving = { .client = c, .answer = a };
    text_init(&receiving.body, CLIENT_ANSWER_MAX);
    int64_t  timeout_us = c->cli->o.timeout_us + r->wait_us;
    CURL    *h = c->curl;
    bool     fine = client_prepare(c, url, headers) && curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)(timeout_us / US_PER_MS)) == CURLE_OK &&
                curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK && curl_easy_setopt(h, CURLOPT_WRITEDATA, &receiving) == CURLE_OK &&
                curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK && curl_easy_setopt(h, CURLOPT_HEADERDATA, &receiving) == CURLE_OK &&
                curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK;
    if (fine && body)
        fine = curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) == CURLE_OK && curl_easy_setopt(h, CURLOPT_POSTFIELDS, body) == CURLE_OK;
    else if (fine && strcmp(r->method, "POST") == 0)
        fine = curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, 0L) == CURLE_OK && curl_easy_setopt(h, CURLOPT_POSTFIELDS, "") == CURLE_OK;
    if (fine && strcmp(r->method, "HEAD") == 0)
        fine = curl_easy_setopt(h, CURLOPT_NOBODY, 1L) == CURLE_OK;
    c->why[0] = '\0';
    CURLcode code = fine ? curl_easy_perform(h) : CURLE_OUT_OF_MEMORY;
    long     status = 0;
    (void)curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    a->status = (int)status;
    *got = receiving.body;
    return code;
}

void client_pause(struct client *c, int attempt, int retry_after_s, int64_t until_us)
{
    int64_t us = retry_after_s > 0 ? retry_after_s * US_PER_S : (US_PER_S / 4) << (attempt < 4 ? attempt : 4), until = clock_mono_us(&clock_real) + us;
    for (until = until < until_us ? until : until_us; clock_mono_us(&clock_real) < until;) {
        cli_progress_tick(&c->progress, c->standing);
        (void)nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000 * 1000 }, NULL);
    }
}

static bool problem_is(const struct client_answer *a, const char *suffix)
{
    const char *type = print_text(a->json, "type"), *last = strrchr(type, ':');
    return last && strcmp(last + 1, suffix) == 0;
}

/* Is this an answer, or a reason to ask again? */
static bool final(const struct client_request *r, const struct client_answer *a, int attempts)
{
    if (r->health)
        return true;
    if (a->status == 503 || a->status == 429 || a->status == 502 || a->status == 504)
        return false;
    return !(a->status == 409 && attempts > 1 && problem_is(a, "in-flight"));   /* our own first attempt still runs */
}

enum err client_ask(struct client *c, const struct client_request *r, struct client_answer *a, struct fault *fault)
{
    char  key[260] = "";
    char *body = r->body ? json_dumps(r->body, JSON_COMPACT) : NULL;
    bool  writes = strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0;
    if (strlen(r->path) >= CLIENT_PATH_MAX || (r->body && !body)) {
        free(body);
        return fail(fault, ERR_INPUT, "the request is too long");
    }
    if (writes && *c->cli->o.key)
        (void)text_copy(key, sizeof key, c->cli->o.key);
    else if (writes)
        id_new(clock_wall_us(&clock_real), key);
    struct curl_slist *headers = NULL;
    enum err           e = OK;
    if (!client_make_headers(c, r, key, "application/json, application/problem+json;q=0.9, */*;q=0.1", &headers))
        e = fail(fault, ERR_LIMIT, "no memory for a request");
    cli_progress_begin(&c->progress, c->cli, r->what ? r->what : r->path);
    int64_t give_up_us = clock_mono_us(&clock_real) + c->cli->o.retry_us;
    bool    sent = false;
    c->nobody = false;
    for (int attempt = 1; e == OK; attempt++) {
        struct text got;
        *a = (struct client_answer){ 0 };
        CURLcode     code = exchange(c, r, body, headers, a, &got);
        enum client_attempt was = client_attempt_of(code);
        bool         too_large = got.cut;
        a->text = text_take(&got);
        a->json = was == CLIENT_ANSWERED ? json_loads(a->text, JSON_DECODE_ANY, NULL) : NULL;
        if (too_large) {
            client_answer_done(a);
            e = fail(fault, ERR_LIMIT, "the answer is longer than %d bytes", CLIENT_ANSWER_MAX);
            break;
        }
        if (was == CLIENT_ANSWERED && (final(r, a, attempt) || clock_mono_us(&clock_real) >= give_up_us))
            break;
        sent |= was != CLIENT_NOBODY;
        if (was == CLIENT_BROKEN || !sent || (was != CLIENT_ANSWERED && clock_mono_us(&clock_real) >= give_up_us)) {
            client_answer_done(a);
            c->nobody = !sent;
            e = client_why_not(c, code, r->method, fault);
            break;
        }
        c->standing = was == CLIENT_ANSWERED ? "it is busy, trying again" : "the connection was lost, trying again";
        int after_s = a->retry_after_s;
        client_answer_done(a);
        client_pause(c, attempt, after_s, give_up_us);
    }
    c->standing = NULL;
    cli_progress_end(&c->progress);
    curl_slist_free_all(headers);
    free(body);
    return e;
}

/* ---- what answers mean ---- */

int client_exit_of(const struct client_answer *a)
{
    if (a->status >= 200 && a->status <= 299)
        return CLI_DONE;
    if (problem_is(a, "guard-failed"))
        return CLI_GATED;
    return a->status == 409 || a->status == 412 || a->status == 428 ? CLI_CONFLICT : CLI_FAILED;
}

/* A refusal that is no problem document: of a proxy, say, or of something else that has the port. */
static int complain_of_stranger(struct cli *cli, const struct client *c, const struct client_answer *a)
{
    struct fault fault = { 0 };
    (void)fail(&fault, ERR_IO, "%.200s answered %d, and not as Homeostat does", c ? c->where.url : "the server", a->status);
    fail_hint(&fault, "is that its address, or does a proxy stand between, which cannot reach it?");
    (void)cli_complain(cli, &fault);
    return client_exit_of(a);
}

int client_complain(struct cli *cli, const struct client *c, const struct client_answer *a)
{
    const char *title = print_text(a->json, "title"), *detail = print_text(a->json, "detail"), *hint = print_text(a->json, "hint");
    size_t      i;
    json_t     *one;
    FILE       *f = cli->err;
    if (!*title)
        return complain_of_stranger(cli, c, a);
    if (cli_put_json(cli, a->json))
        return client_exit_of(a);
    fputs("homeostat: ", f);
    print_safe(f, title, false);
    if (*detail) {
        fputs(": ", f);
        print_safe(f, detail, false);
    }
    fputc('\n', f);
    json_array_foreach(print_member(a->json, "errors"), i, one) {
        fputs("  ", f);
        print_safe(f, print_text(one, "pointer"), false);
        fputs(": ", f);
        print_safe(f, print_text(one, "detail"), false);
        fputc('\n', f);
    }
    if (json_array_size(print_member(a->json, "allowed_transitions")) > 0) {
        fputs("  possible now:", f);
        json_array_foreach(print_member(a->json, "allowed_transitions"), i, one) {
            fputc(' ', f);
            print_safe(f, json_string_value(one) ? json_string_value(one) : "", false);
        }
        fputc('\n', f);
    }
    if (*hint) {
        fputs("  ", f);
        print_safe(f, hint, false);
        fputc('\n', f);
    }
    if (a->status == 401 && c && c->where.no_token.text[0])
        fprintf(f, "  %s\n  %s\n", c->where.no_token.text, c->where.no_token.hint);
    return client_exit_of(a);
}

static int no_homeostat(struct cli *cli, const struct client *c)
{
    struct fault fault;
    (void)fail(&fault, ERR_STATE, "what answers at %.200s is not Homeostat", c->where.url);
    return cli_complain(cli, &fault);
}

json_t *client_data_or(struct cli *cli, struct client *c, const struct client_request *r, struct fault *nobody, int *exit_code)
{
    struct client_answer a CLEANUP(client_answer_done) = { 0 };
    struct fault         fault = { 0 };
    if (client_ask(c, r, &a, &fault) != OK) {
        if (nobody && c->nobody)
            *nobody = fault;
        else
            *exit_code = cli_complain(cli, &fault);
        return NULL;
    }
    *exit_code = client_exit_of(&a);
    if (*exit_code != CLI_DONE) {
        (void)client_complain(cli, c, &a);
        return NULL;
    }
    json_t *data = json_object_get(a.json, "data");
    if (!data)
        *exit_code = no_homeostat(cli, c);
    return json_incref(data);
}

json_t *client_list(struct cli *cli, struct client *c, const struct client_answer *a, int *exit_code)
{
    json_t *list = json_object_get(a->json, "data");
    *exit_code = client_exit_of(a) != CLI_DONE ? client_complain(cli, c, a) : json_is_array(list) ? CLI_DONE : no_homeostat(cli, c);
    return *exit_code == CLI_DONE ? list : NULL;
}

json_t *client_data(struct cli *cli, struct client *c, const struct client_request *r, int *exit_code) { return client_data_or(cli, c, r, NULL, exit_code); }

json_t *client_once_or(struct cli *cli, const struct client_request *r, struct fault *nobody, int *exit_code)
{
    struct client *c = NULL;
    struct fault   fault = { 0 };
    if (client_open(cli, &c, &fault) != OK) {
        *exit_code = cli_complain(cli, &fault);
        return NULL;
    }
    json_t *data = client_data_or(cli, c, r, nobody, exit_code);
    client_close(c);
    return data;
}

json_t *client_once(struct cli *cli, const struct client_request *r, int *exit_code) { return client_once_or(cli, r, NULL, exit_code); }

/* ---- paths ---- */

bool client_encode(char *path, size_t size, const char *text)
{
    size_t used = strlen(path);
    for (; *text; text++) {
        bool plain = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", *text) != NULL;
        if (used + (plain ? 2 : 4) > size)
            return false;
        used += (size_t)snprintf(path + used, size - used, plain ? "%c" : "%%%02X", (unsigned char)*text);
    }
    return true;
}

bool client_query(char *path, size_t size, const char *name, const char *text)
{
    size_t used = strlen(path);
    if (!*text)
        return true;
    int n = snprintf(path + used, size - used, "%c%s=", strchr(path, '?') ? '&' : '?', name);
    return n > 0 && (size_t)n < size - used && client_encode(path, size, text);
}
