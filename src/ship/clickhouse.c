/*
 * ship/clickhouse.c - the sink `clickhouse`: logs become rows of a table, by HTTP and RowBinary.
 *
 * A batch that comes again is known by its token (made of its events) and left out; one that comes again cut differently leaves rows twice until
 * ClickHouse merges, for the table is a ReplacingMergeTree whose order ends with the identity of the event: SELECT ... FINAL sees each once.
 */
#include "ship/kinds.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "ship/clickhouse_layout.h"
#include "ship/clickhouse_sql.h"
#include "ship/conf.h"
#include "ship/http.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 512 * 1024 * 1024, SCRATCH_MAX = 64 * 1024 * 1024, STATEMENT_MAX = 8192, SMALL = 512 };

struct clickhouse {
    const struct sink_conf *conf;
    struct http_client     *http;
    bool                    missing;             /* the table was not there when we wrote; only then is it made: a user who may insert need not be one who may create */
    bool                    kept;                /* `keep` was said to it */
    bool                    denied;              /* and was refused, which was told */
    long                    code;                /* of its last answer */
    struct text             body, scratch, path;
};

/* ---- statements ---- */

/* With the names put in. They are checked: letters, digits and _. */
static void statement(const struct clickhouse *k, const char *sql, struct text *out)
{
    const char *table = *k->conf->table ? k->conf->table : "logs_events";
    for (const char *p = sql; *p; ) {
        if (strncmp(p, "@table@", 7) == 0) {
            text_add(out, table);
            p += 7;
        } else if (strncmp(p, "@ttl@", 5) == 0) {
            text_printf(out, "%" PRId64, k->conf->keep_us / US_PER_S);
            p += 5;
        } else {
            text_add_n(out, p++, 1);
        }
    }
}

static void escaped(struct text *out, const char *s)
{
    for (; *s; s++)
        if (isalnum((unsigned char)*s) || strchr("-_.~", *s))
            text_add_n(out, s, 1);
        else
            text_printf(out, "%%%02X", (unsigned)(unsigned char)*s);
}

static void begin_path(struct clickhouse *k)
{
    text_clear(&k->path);
    text_add(&k->path, "/?database=");
    escaped(&k->path, *k->conf->database ? k->conf->database : "default");
}

/* ---- answers ---- */

/* "Code: 241. DB::Exception: ..." -> 241; 0: none. */
static long exception_of(struct slice body)
{
    static const char mark[] = "Code: ";
    const char       *at = body.n ? memmem(body.s, body.n, mark, sizeof mark - 1) : NULL;
    return at ? strtol(at + sizeof mark - 1, NULL, 10) : 0;      /* the body ends with a NUL */
}

enum { UNKNOWN_TABLE = 60, UNKNOWN_DATABASE = 81, TIMEOUT_EXCEEDED = 159, MEMORY_LIMIT_EXCEEDED = 241, ACCESS_DENIED = 497 };

/*
 * What the data itself is to blame for; all else (memory, parts, timeouts, names, rights, ...) can become better. So can 27, 33, 53 and 117, by which a table
 * says that its columns are of other types than ours: no row would be taken then, and it is the table that is to be mended.
 */
static bool is_of_the_data(long code)
{
    static const short codes[] = { 6 /* CANNOT_PARSE_TEXT */, 26 /* ..QUOTED_STRING */, 38 /* ..DATE */, 41 /* ..DATETIME */,
        69 /* ARGUMENT_OUT_OF_BOUND */, 72 /* ..NUMBER */, 128 /* TOO_LARGE_ARRAY_SIZE */, 131 /* TOO_LARGE_STRING_SIZE */,
        321 /* VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE */, 469 /* VIOLATED_CONSTRAINT */ };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i] == code)
            return true;
    return false;
}

static enum sent verdict(struct clickhouse *k, const struct http_reply *r, struct sent_answer *a)
{
    enum sent sent = http_verdict(r, a);
    long      code = exception_of(r->body);
    k->code = code;
    a->timed_out = a->timed_out || code == TIMEOUT_EXCEEDED || code == MEMORY_LIMIT_EXCEEDED;
    k->missing = code == UNKNOWN_TABLE || code == UNKNOWN_DATABASE;
    if (sent == SENT_ALL && code == 0)
        return SENT_ALL;
    if (code == 0)
        return sent == SENT_REFUSED ? SENT_LATER : sent;     /* no word of ClickHouse's own: something between us and it */
    if (sent == SENT_ALL)
        (void)snprintf(a->why, sizeof a->why, "answered %ld, and then: %.200s", r->status, r->body.s);
    return is_of_the_data(code) ? SENT_REFUSED : SENT_LATER;
}

/* ---- sending ---- */

static enum sent say(struct clickhouse *k, const char *sql, struct sent_answer *a)
{
    struct http_reply r;
    text_clear(&k->scratch);
    statement(k, sql, &k->scratch);
    begin_path(k);
    text_add(&k->path, "&materialize_ttl_after_modify=0");
    (void)http_client_ask(k->http, &(struct http_ask){ .path = k->path.s, .type = "text/plain", .body = { k->scratch.s, k->scratch.used } }, &r);
    enum sent sent = verdict(k, &r, a);
    return sent == SENT_ALL ? SENT_ALL : SENT_LATER;          /* whatever is wrong with the table, the events are not to blame */
}

static enum sent get_ready(struct clickhouse *k, struct sent_answer *a)
{
    if (k->missing) {
        enum sent sent = say(k, sql_clickhouse_create, a);
        if (sent != SENT_ALL)
            return k->missing = true, sent;
        k->kept = false;
    }
    if (k->kept || !k->conf->keep_us)
        return SENT_ALL;
    enum sent sent = say(k, sql_clickhouse_ttl, a);
    k->kept = sent == SENT_ALL || k->code == ACCESS_DENIED;
    if (k->code == ACCESS_DENIED && !k->denied)
        log_warn("ClickHouse does not let a sink say how long its table keeps rows; they go there all the same", F("sink", k->conf->name), F("why", a->why));
    k->denied = k->denied || k->code == ACCESS_DENIED;
    return k->kept ? SENT_ALL : sent;
}

/* The first and the last event, and how many: the same events in the same order are the same insertion, whenever it comes. */
static void insert_path(struct clickhouse *k, const struct batch *b)
{
    const struct event *first = b->event[0], *last = b->event[b->count - 1];
    begin_path(k);
    text_add(&k->path, "&max_partitions_per_insert_block=0&async_insert=0&wait_for_async_insert=1&insert_deduplicate=1&insert_deduplication_token=");
    escaped(&k->path, k->conf->name);
    text_printf(&k->path, "-%" PRIu64 "-%" PRIu32 "-%" PRIu64 "-%" PRIu32 "-%zu-%016" PRIx64 "-%" PRId64, first->record, first->index, last->record, last->index, b->count, last->resource->id,
                first->received_us);
    text_add(&k->path, "&query=");
    text_clear(&k->scratch);
    statement(k, sql_clickhouse_insert, &k->scratch);
    escaped(&k->path, k->scratch.s);
}

static enum sent insert(struct clickhouse *k, const struct batch *b, struct sent_answer *a)
{
    struct http_reply r;
    char             *packed = NULL;
    size_t            n = 0;
    text_clear(&k->body);
    for (size_t i = 0; i < b->count; i++)
        click_row(&k->body, b->event[i], &k->scratch);
    if (k->body.cut) {
        (void)snprintf(a->why, sizeof a->why, "the batch is larger than %d bytes as rows", BODY_MAX);
        return SENT_TOO_LARGE;
    }
    insert_path(k, b);
    struct http_ask q = { .path = k->path.s, .type = "application/octet-stream", .body = { k->body.s, k->body.used } };
    if (k->conf->compress != COMPRESS_NONE && k->body.used >= SMALL && (packed = http_gzip(q.body, &n))) {
        q.body = (struct slice){ packed, n };
        q.encoding = "gzip";
    }
    (void)http_client_ask(k->http, &q, &r);
    free(packed);
    return verdict(k, &r, a);
}

static enum sent clickhouse_send(void *self, const struct batch *b, struct sent_answer *a)
{
    struct clickhouse *k = self;
    enum sent          sent = SENT_ALL;
    for (int i = 0; i < 2 && b->count; i++) {      /* the second time when it turns out that there is no table */
        if ((sent = get_ready(k, a)) == SENT_ALL)
            sent = insert(k, b, a);
        if (!k->missing)
            break;
    }
    return sent;
}

/* ---- open and close ---- */

static void clickhouse_close(void *self)
{
    struct clickhouse *k = self;
    http_client_close(k->http);
    text_done(&k->body);
    text_done(&k->scratch);
    text_done(&k->path);
    free(k);
}

static enum err clickhouse_open(const struct sink_conf *conf, void **self, struct fault *fault)
{
    struct clickhouse *k = calloc(1, sizeof *k);
    if (!k)
        return fail(fault, ERR_LIMIT, "no memory for a sink");
    k->conf = conf;
    text_init(&k->body, BODY_MAX);
    text_init(&k->scratch, SCRATCH_MAX);
    text_init(&k->path, STATEMENT_MAX);
    enum err e = http_client_open(conf, &k->http, fault);
    if (e == OK)
        *self = k;
    else
        clickhouse_close(k);
    return e;
}

static void clickhouse_cancel(void *self) { http_client_cancel(((struct clickhouse *)self)->http); }

static void clickhouse_check(const struct sink_conf *conf, struct conf_checker *c)
{
    http_conf_check(conf, c);
    for (const char *p = conf->table; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_') {
            conf_refuse(c, "table", "Use letters, digits and _.", "the name of a table with other characters in it");
            break;
        }
    if (isdigit((unsigned char)*conf->table))
        conf_refuse(c, "table", "Begin with a letter.", "the name of a table begins with a digit");
    if (conf->compress != COMPRESS_AUTO && conf->compress != COMPRESS_NONE && conf->compress != COMPRESS_GZIP)
        conf_refuse(c, "compress", "Use auto, gzip or none.", "not a way of packing that this sink knows");
}

const struct sink_kind sink_clickhouse = {
    .name = "clickhouse", .takes = 1u << EVENT_LOG, .why = "ClickHouse by HTTP: logs in a table logs_events, made when it is not there.",
    .open = clickhouse_open, .send = clickhouse_send, .close = clickhouse_close, .cancel = clickhouse_cancel, .check = clickhouse_check,
    .settings = "!url user password tls.ca tls.certificate tls.key headers compress database table keep",
};
