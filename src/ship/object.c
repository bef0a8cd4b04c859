/*
 * ship/object.c - the sink `object`: a store that speaks S3. Each batch becomes an object for each type and hour of reception that is in it, or
 * for each folder that the setting `path` makes of them (ship/folder.h):
 *
 *     prefix/logs/yyyy=2026/mm=01/dd=31/hh=23/SINK.000000000017-3.000000000020-5.1769903999000001.jsonl.gz
 *
 * first and last event and when the first was received are the name, so a batch that comes again puts the same object again. After a crash
 * events may come again in a batch that is cut differently, and then lie in two objects; the ids of the lines tell.
 */
#include "ship/kinds.h"

#include "base/clock.h"
#include "base/text.h"
#include "event/encode.h"
#include "ship/conf.h"
#include "ship/folder.h"
#include "ship/http.h"
#include "ship/json.h"
#include "ship/route.h"
#include "ship/s3.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECT_MAX = 1024 * 1024 * 1024 };

struct object {
    struct sink_conf        conf;
    struct s3              *s3;
    struct text             body;
    struct ship_folder      now;                  /* of the event looked at last */
    const struct event    **picked;
    size_t                  room;
};

/* ---- names ---- */

static bool packs(const struct object *o) { return o->conf.compress != COMPRESS_NONE; }

static bool key_of(const struct object *o, const struct event *first, const struct event *last, char *out, size_t size)
{
    char   folder[SHIP_FOLDER_MAX];
    size_t p = strlen(o->conf.prefix);
    if (!ship_folder_write(o->conf.path, first->type, first->received_us, folder, sizeof folder))
        return false;
    int    n = snprintf(out, size, "%s%s%s/%s.%012" PRIu64 "-%" PRIu32 ".%012" PRIu64 "-%" PRIu32 ".%" PRId64 ".%s%s", o->conf.prefix, p && o->conf.prefix[p - 1] != '/' ? "/" : "",
                        folder, o->conf.name, first->record, first->index, last->record, last->index, first->received_us,
                        o->conf.format == FORMAT_OTLP ? "otlp" : "jsonl", packs(o) ? ".gz" : "");
    return n > 0 && (size_t)n < size;
}

/* ---- a request ---- */

static enum sent verdict(const struct http_reply *r, struct sent_answer *a)
{
    enum sent sent = http_verdict(r, a);
    if (sent == SENT_REFUSED)                     /* it does not look into what it keeps, so it is never the events' fault */
        sent = r->body.n && strstr(r->body.s, "EntityTooLarge") ? SENT_TOO_LARGE : SENT_LATER;
    return sent;
}

static enum sent put(struct object *o, const char *key, struct slice body, struct sent_answer *a)
{
    struct http_reply r;
    if (s3_ask(o->s3, &(struct s3_ask){ .method = "PUT", .key = key, .type = o->conf.format == FORMAT_OTLP ? "application/x-protobuf" : "application/x-ndjson", .body = body }, &r))
        return verdict(&r, a);
    (void)snprintf(a->why, sizeof a->why, "cannot sign a request");
    return SENT_LATER;
}

/* ---- a batch ---- */

static enum err write_body(struct object *o, size_t n, struct fault *fault)
{
    text_clear(&o->body);
    if (o->conf.format == FORMAT_OTLP)
        return event_encode(o->picked, n, &o->body, fault);
    for (size_t i = 0; i < n; i++) {
        ship_json_event(&o->body, o->picked[i]);
        text_add_n(&o->body, "\n", 1);
    }
    return o->body.cut ? fail(fault, ERR_LIMIT, "the object is larger than %d bytes", OBJECT_MAX) : OK;
}

/* picked[0 .. n): of one type and folder. */
static enum sent put_object(struct object *o, size_t n, struct sent_answer *a)
{
    char         key[S3_KEY_MAX];
    struct fault fault = { 0 };
    enum err     e = write_body(o, n, &fault);
    if (e == OK && !key_of(o, o->picked[0], o->picked[n - 1], key, sizeof key))
        e = fail(&fault, ERR_BUSY, "the name of an object is too long");
    if (e != OK) {
        (void)snprintf(a->why, sizeof a->why, "%.239s", fault.text);
        return e == ERR_LIMIT ? SENT_TOO_LARGE : e == ERR_BUSY ? SENT_LATER : SENT_REFUSED;
    }
    struct slice body = { o->body.s, o->body.used };
    size_t       size = 0;
    char        *packed = packs(o) ? http_gzip(body, &size) : NULL;
    if (packs(o) && !packed) {                    /* its name says that it is packed */
        (void)snprintf(a->why, sizeof a->why, "no memory to pack an object");
        return SENT_LATER;
    }
    if (packed)
        body = (struct slice){ packed, size };
    enum sent sent = put(o, key, body, a);
    free(packed);
    return sent;
}

/* Whether the next event goes into another folder than the ones before it. */
static bool other_folder(struct object *o, const struct event *before, const struct event *next)
{
    char        here[SHIP_FOLDER_MAX] = "";
    const char *folder = ship_folder_of(&o->now, o->conf.path, before->type, before->received_us);
    if (folder && before->received_us / (60 * US_PER_S) == next->received_us / (60 * US_PER_S))
        return false;
    (void)snprintf(here, sizeof here, "%s", folder ? folder : "");
    folder = ship_folder_of(&o->now, o->conf.path, next->type, next->received_us);
    return !folder || strcmp(folder, here) != 0;
}

static enum sent object_send(void *self, const struct batch *b, struct sent_answer *a)
{
    struct object *o = self;
    enum sent      sent = SENT_ALL;
    if (b->count > o->room) {
        const struct event **more = realloc(o->picked, b->count * sizeof *more);
        if (!more) {
            (void)snprintf(a->why, sizeof a->why, "no memory for a batch of %zu events", b->count);
            return SENT_LATER;
        }
        o->picked = more;
        o->room = b->count;
    }
    for (enum event_type t = EVENT_LOG; t <= EVENT_SPAN; t++) {
        size_t n = 0;
        for (size_t i = 0; sent == SENT_ALL && i < b->count; i++) {
            if (b->event[i]->type != t)
                continue;
            if (n && other_folder(o, o->picked[n - 1], b->event[i])) {
                sent = put_object(o, n, a);
                n = 0;
            }
            o->picked[n++] = b->event[i];
        }
        if (sent == SENT_ALL && n)
            sent = put_object(o, n, a);
    }
    return sent;
}

/* ---- open and close ---- */

static void object_close(void *self)
{
    struct object *o = self;
    s3_close(o->s3);
    text_done(&o->body);
    free(o->picked);
    free(o);
}

static enum err object_open(const struct sink_conf *conf, void **self, struct fault *fault)
{
    struct object *o = calloc(1, sizeof *o);
    if (!o)
        return fail(fault, ERR_LIMIT, "no memory for a sink");
    text_init(&o->body, OBJECT_MAX);
    o->conf = *conf;
    enum err e = s3_open(conf, &o->s3, fault);
    if (e == OK)
        *self = o;
    else
        object_close(o);
    return e;
}

static void object_cancel(void *self) { s3_cancel(((struct object *)self)->s3); }

static void object_check(const struct sink_conf *conf, struct conf_checker *c)
{
    struct sink_conf unsaid = *conf;              /* the secret key signs and is not sent, so plain http gives it to nobody */
    unsaid.password.path = "";
    http_conf_check(&unsaid, c);
    if (conf->compress != COMPRESS_AUTO && conf->compress != COMPRESS_NONE && conf->compress != COMPRESS_GZIP)
        conf_refuse(c, "compress", "Use auto, gzip or none.", "objects are packed by gzip only");
    for (const char *p = conf->bucket; *p; p++)
        if (!(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9') && !strchr("-._", *p)) {
            conf_refuse(c, "bucket", "Use the name of a bucket.", "a bucket has letters, digits, -, . and _ in its name");
            break;
        }
    if (*conf->user && !*conf->password.path)
        conf_refuse(c, "user", "Set password: the file with the secret key.", "the id of a key without its secret");
}

const struct sink_kind sink_object = {
    .name = "object", .takes = 1u << EVENT_LOG | 1u << EVENT_POINT | 1u << EVENT_SPAN, .why = "An object store that speaks S3. Each batch is an object: make batch.events, batch.bytes and batch.delay large.",
    .open = object_open, .send = object_send, .close = object_close, .cancel = object_cancel, .check = object_check,
    .settings = "!url !bucket region prefix path path_style user password tls.ca tls.certificate tls.key headers compress format",
};
