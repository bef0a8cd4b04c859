/* receive/journald_map.c - see journald_map.h. */
#include "receive/journald_map.h"

#include "receive/lines.h"
#include "wire/syslog.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

static const char *const names[] = {
#define X(name, field) [JOURNALD_##name] = field,
    JOURNALD_FIELD_MAP(X)
#undef X
};

const char *journald_field_name(enum journald_field f) { return names[f]; }

void journald_log_init(struct journald_log *l)
{
    *l = (struct journald_log){ 0 };
    for (int i = 0; i < JOURNALD_FIELDS; i++)
        text_init(&l->scratch[i], 4 * JOURNALD_TEXT_MAX);
}

void journald_log_done(struct journald_log *l)
{
    for (int i = 0; i < JOURNALD_FIELDS; i++)
        text_done(&l->scratch[i]);
}

/* Digits only; -1: it is no number. */
static int64_t number(struct slice s)
{
    int64_t n = 0;
    if (!s.n || s.n > 18)
        return -1;
    for (size_t i = 0; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '9')
            return -1;
        n = n * 10 + (s.s[i] - '0');
    }
    return n;
}

static struct slice utf8(const struct journald_entry *e, enum journald_field f, struct journald_log *l)
{
    struct slice s = e->field[f];
    if (s.n > JOURNALD_TEXT_MAX) {
        s.n = JOURNALD_TEXT_MAX;
        l->cut = true;
    }
    return lines_utf8(s, &l->scratch[f]);
}

static void put_text(struct journald_log *l, const struct journald_entry *e, const char *key, enum journald_field f)
{
    if (e->field[f].n)
        l->attrs[l->attrs_n++] = (struct attr){ slice_of(key), { .kind = VALUE_TEXT, .as.text = utf8(e, f, l) } };
}

static void put_number(struct journald_log *l, const struct journald_entry *e, const char *key, enum journald_field f)
{
    int64_t n = number(e->field[f]);
    if (n >= 0)
        l->attrs[l->attrs_n++] = (struct attr){ slice_of(key), { .kind = VALUE_INT, .as.integer = n } };
}

static struct slice service_of(const struct journald_entry *e, struct journald_log *l)
{
    static const struct slice ending = { ".service", 8 };
    struct slice              unit = utf8(e, JOURNALD_UNIT, l);
    if (unit.n > ending.n && slice_same((struct slice){ unit.s + unit.n - ending.n, ending.n }, ending))
        unit.n -= ending.n;
    return unit.n ? unit : e->field[JOURNALD_IDENTIFIER].n ? utf8(e, JOURNALD_IDENTIFIER, l) : utf8(e, JOURNALD_COMM, l);
}

void journald_map(const struct journald_entry *e, int64_t observed_us, struct journald_log *l)
{
    int64_t       priority = number(e->field[JOURNALD_PRIORITY]), source_us = number(e->field[JOURNALD_SOURCE_US]);
    int           severity = priority >= 0 && priority <= 7 ? (int)priority : -1;
    XXH128_hash_t uid = XXH3_128bits(e->cursor, strlen(e->cursor));
    l->attrs_n = l->origin_n = 0;
    l->cut = false;
    (void)snprintf(l->uid, sizeof l->uid, "%016" PRIx64 "%016" PRIx64, (uint64_t)uid.high64, (uint64_t)uid.low64);
    l->log = (struct log_event){ .time_ns = (source_us > 0 && source_us < INT64_MAX / 1000 ? source_us : e->realtime_us) * 1000, .observed_ns = observed_us * 1000, .severity = syslog_severity_number(severity),
                                 .severity_text = slice_of(syslog_severity_name(severity)), .body = { .kind = VALUE_TEXT, .as.text = utf8(e, JOURNALD_MESSAGE, l) } };
    put_text(l, e, "systemd.unit", JOURNALD_UNIT);
    put_text(l, e, "syslog.identifier", JOURNALD_IDENTIFIER);
    put_number(l, e, "process.pid", number(e->field[JOURNALD_PID]) >= 0 ? JOURNALD_PID : JOURNALD_SYSLOG_PID);
    put_text(l, e, "code.file.path", JOURNALD_FILE);
    put_number(l, e, "code.line.number", JOURNALD_LINE);
    put_text(l, e, "code.function.name", JOURNALD_FUNCTION);
    put_text(l, e, "journald.message_id", JOURNALD_MESSAGE_ID);
    put_text(l, e, "journald.transport", JOURNALD_TRANSPORT);
    l->attrs[l->attrs_n++] = (struct attr){ SLICE("log.record.uid"), { .kind = VALUE_TEXT, .as.text = { l->uid, JOURNALD_UID } } };
    struct slice service = service_of(e, l);
    if (service.n)
        l->origin[l->origin_n++] = (struct attr){ SLICE("service.name"), { .kind = VALUE_TEXT, .as.text = service } };
    if (e->field[JOURNALD_HOST].n)
        l->origin[l->origin_n++] = (struct attr){ SLICE("host.name"), { .kind = VALUE_TEXT, .as.text = utf8(e, JOURNALD_HOST, l) } };
}
