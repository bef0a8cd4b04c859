/* receive/syslog_map.c - see syslog_map.h. */
#include "receive/syslog_map.h"

#include "receive/lines.h"

#include <stdlib.h>

enum { TEXT_MAX = 1024 * 1024, KEYS_MAX = 256 * 1024 };

void syslog_log_init(struct syslog_log *l)
{
    text_init(&l->scratch, TEXT_MAX);
    arena_init(&l->keys, KEYS_MAX);
}

void syslog_log_done(struct syslog_log *l)
{
    text_done(&l->scratch);
    arena_done(&l->keys);
}

static void put(struct syslog_log *l, const char *key, struct slice value)
{
    if (value.n)
        l->item[l->attrs.count++] = (struct attr){ slice_of(key), { .kind = VALUE_TEXT, .as.text = value } };
}

static void put_process(struct syslog_log *l, struct slice id)
{
    int64_t pid = 0;
    bool    number = id.n && id.n < 10;
    for (size_t i = 0; i < id.n && number; i++) {
        number = id.s[i] >= '0' && id.s[i] <= '9';
        pid = pid * 10 + (id.s[i] - '0');
    }
    if (number)
        l->item[l->attrs.count++] = (struct attr){ SLICE("process.pid"), { .kind = VALUE_INT, .as.integer = pid } };
    else
        put(l, "syslog.procid", id);
}

static void put_pairs(struct syslog_log *l)
{
    const struct syslog_message *m = &l->message;
    arena_reset(&l->keys);
    for (size_t i = 0; i < m->pairs_n; i++) {
        const struct syslog_pair *p = &m->pair[i];
        char *key = arena_printf(&l->keys, "syslog.%.*s%s%.*s", (int)p->id.n, p->id.s ? p->id.s : "", p->name.n ? "." : "", (int)p->name.n, p->name.s ? p->name.s : "");
        if (key)
            l->item[l->attrs.count++] = (struct attr){ slice_of(key), { .kind = VALUE_TEXT, .as.text = p->value } };
        else
            l->log.dropped++;
    }
}

static void put_origin(struct syslog_log *l, const char *key, struct slice value)
{
    if (value.n)
        l->origin_item[l->origin.count++] = (struct attr){ slice_of(key), { .kind = VALUE_TEXT, .as.text = value } };
}

/* What nanoseconds cannot hold (before 1678, after 2262) is a broken clock: then it is the time of reception. */
static int64_t when_ns(int64_t said_us, int64_t now_us)
{
    return (said_us && said_us > INT64_MIN / 1000 && said_us < INT64_MAX / 1000 ? said_us : now_us) * 1000;
}

bool syslog_map(struct slice in, const struct syslog_around *around, struct slice peer, struct syslog_log *l)
{
    struct syslog_message *m = &l->message;
    syslog_read(lines_utf8(in, &l->scratch), around, m);
    if (!m->text.n && !m->pairs_n && m->severity < 0)
        return false;      /* a message without a text says who, when and how bad it is */
    l->attrs = (struct attrs){ l->item, 0 };
    l->origin = (struct attrs){ l->origin_item, 0 };
    l->log = (struct log_event){ .time_ns = when_ns(m->time_us, around->now_us), .observed_ns = around->now_us * 1000, .severity = syslog_severity_number(m->severity),
                                 .severity_text = slice_of(syslog_severity_name(m->severity)), .dropped = (uint32_t)m->pairs_lost, .body = { .kind = VALUE_TEXT, .as.text = m->text } };
    put(l, "syslog.facility", slice_of(syslog_facility_name(m->facility)));
    put_process(l, m->procid);
    put(l, "syslog.msgid", m->msgid);
    if (m->pairs_n)
        put_pairs(l);
    put_origin(l, "service.name", m->app);
    put_origin(l, "host.name", m->host.n ? m->host : peer);
    return true;
}
