/* ship/begin.c - see begin.h. */
#include "ship/begin.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err begin_cursor_name(const char *sink, char *out, struct fault *fault)
{
    int n = snprintf(out, JOURNAL_NAME_MAX + 1, "sink:%s", sink);
    return n > 0 && n <= JOURNAL_NAME_MAX ? OK : fail(fault, ERR_INPUT, "sink %.80s: the name is too long for a cursor, at most %d characters", sink, JOURNAL_NAME_MAX - 5);
}

/* ---- the cursor ---- */

static const struct journal_progress *find(const struct journal_progress *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

/* Letters under the old name that were sent again are not to be sent once more. */
static void take_over_replay(struct dead *d, const char *from, const char *to)
{
    struct dead_replay old, mine;
    struct fault       why = { 0 };
    if (dead_replay_read(d, from, &old, &why) == OK && dead_replay_read(d, to, &mine, &why) == OK && old.done > mine.done &&
        dead_replay_done(d, to, old.done, &why) != OK)
        log_fault(LOG_WARN, "how far dead letters of a renamed sink were sent again could not be taken over", &why);
}

static enum err open_as(struct journal *j, struct dead *d, const struct sink_conf *conf, const struct journal_progress *list, size_t n, struct journal_consumer **c,
                        uint64_t *committed, struct fault *fault)
{
    char                           name[JOURNAL_NAME_MAX + 1], old_name[JOURNAL_NAME_MAX + 1];
    enum err                       e = begin_cursor_name(conf->name, name, fault);
    uint64_t                       from = conf->when_new == SINK_FROM_NOW ? JOURNAL_FROM_NOW : JOURNAL_FROM_START;
    const struct journal_progress *mine = e == OK ? find(list, n, name) : NULL, *old = NULL;
    for (size_t i = 0; e == OK && i < conf->formerly.count; i++) {
        if ((e = begin_cursor_name(conf->formerly.item[i], old_name, fault)) != OK)
            break;
        const struct journal_progress *other = find(list, n, old_name);
        if (other && other->open) {
            e = fail(fault, ERR_BUSY, "sink %s: formerly %s, but a sink of that name is at work", conf->name, conf->formerly.item[i]);
            fail_hint(fault, "take the old one out of the configuration, or the name out of formerly");
        } else if (other) {
            take_over_replay(d, conf->formerly.item[i], conf->name);
            old = !old || other->committed > old->committed ? other : old;
        }
    }
    if (e == OK)
        e = journal_consumer_open(j, name, mine ? JOURNAL_FROM_START : old ? old->committed + 1 : from, c, fault);
    for (size_t i = 0; e == OK && i < conf->formerly.count; i++) {
        struct fault why = { 0 };
        if (begin_cursor_name(conf->formerly.item[i], old_name, &why) == OK && find(list, n, old_name) && journal_forget(j, old_name, &why) != OK)
            log_fault(LOG_WARN, "the cursor of a former name stays and holds the journal", &why);
    }
    *committed = mine ? mine->committed : old ? old->committed : 0;
    if (e == OK && old && !mine)
        log_info("sink goes on where its former name stopped", F("sink", conf->name), F("cursor", old->name), F("committed", (int64_t)old->committed));
    return e;
}

enum err begin_consumer(struct journal *j, struct dead *d, const struct sink_conf *conf, struct journal_consumer **c, uint64_t *committed, struct fault *fault)
{
    struct journal_progress *list = calloc(JOURNAL_CONSUMERS_MAX, sizeof *list);
    if (!list)
        return fail(fault, ERR_LIMIT, "no memory for cursors");
    enum err e = open_as(j, d, conf, list, journal_progress(j, list, JOURNAL_CONSUMERS_MAX), c, committed, fault);
    free(list);
    return e;
}

unsigned begin_types(const struct sink_conf *conf, const struct sink_kind *kind)
{
    unsigned types = 0;
    for (size_t i = 0; i < conf->types.count; i++)
        for (enum event_type t = EVENT_LOG; t <= EVENT_SPAN; t++)
            if (strcmp(conf->types.item[i], route_type_name(t)) == 0)
                types |= 1u << t;
    return conf->types.count ? types & kind->takes : kind->takes;
}

bool begin_is_ours(const struct sink_conf *conf, const char *sink)
{
    for (size_t i = 0; i < conf->formerly.count; i++)
        if (strcmp(conf->formerly.item[i], sink) == 0)
            return true;
    return strcmp(conf->name, sink) == 0;
}

/* ---- letters of before ---- */

static int by_place(const void *a, const void *b) { return place_order(((const struct seen *)a)->at, ((const struct seen *)b)->at); }

static enum err remember(struct sieve *s, size_t *room, struct place p, int64_t when_us, struct fault *fault)
{
    if (s->seen_n == *room) {
        size_t       more = *room ? *room * 2 : 64;
        struct seen *seen = more <= LOAD_SEEN_MAX ? realloc(s->seen, more * sizeof *seen) : NULL;
        if (!seen)
            return fail(fault, ERR_LIMIT, "more than %d dead letters behind the cursor", LOAD_SEEN_MAX);
        s->seen = seen;
        *room = more;
    }
    s->seen[s->seen_n++] = (struct seen){ p, when_us };
    return OK;
}

/* of: letters refused again behind id; else events behind id. */
static enum err collect(struct dead *d, const struct sink_conf *conf, uint64_t behind, bool of, struct sieve *s, struct fault *fault)
{
    struct dead_letter l CLEANUP(dead_letter_done) = { 0 };
    enum err           e = OK;
    size_t             room = 0;
    free(s->seen);
    s->seen = NULL;
    s->seen_n = 0;
    for (uint64_t from = of ? behind + 1 : 0; e == OK && (e = dead_next(d, from, &l, fault)) == OK; from = l.id + 1) {
        if (!l.known || !begin_is_ours(conf, l.sink))
            continue;
        if (of && l.of > behind)
            e = remember(s, &room, (struct place){ l.of, 0 }, l.when_us, fault);
        else if (!of && !l.of && l.record > behind)
            e = remember(s, &room, (struct place){ l.record, l.whole ? (uint32_t)LOAD_WHOLE : l.index }, l.when_us, fault);
    }
    if (s->seen_n)
        qsort(s->seen, s->seen_n, sizeof *s->seen, by_place);
    return e == ERR_MISSING ? OK : e;
}

enum err begin_seen_events(struct dead *d, const struct sink_conf *conf, uint64_t committed, struct sieve *s, struct fault *fault)
{
    return collect(d, conf, committed, false, s, fault);
}

enum err begin_seen_letters(struct dead *d, const struct sink_conf *conf, uint64_t done, struct sieve *s, struct fault *fault)
{
    return collect(d, conf, done, true, s, fault);
}

enum err begin_replay_read(struct dead *d, const struct sink_conf *conf, struct dead_replay *r, struct fault *fault)
{
    struct dead_replay old;
    enum err           e = dead_replay_read(d, conf->name, r, fault);
    for (size_t i = 0; e == OK && i < conf->formerly.count; i++)
        if ((e = dead_replay_read(d, conf->formerly.item[i], &old, fault)) == OK && old.until > r->until)
            r->until = old.until;
    return e;
}

enum err begin_replay_done(struct dead *d, const struct sink_conf *conf, uint64_t id, struct fault *fault)
{
    enum err e = dead_replay_done(d, conf->name, id, fault);
    for (size_t i = 0; e == OK && i < conf->formerly.count; i++)
        e = dead_replay_done(d, conf->formerly.item[i], id, fault);
    return e;
}

bool begin_was_seen(const struct sieve *s, uint64_t letter)
{
    return s->seen_n && bsearch(&(struct seen){ .at = { letter, 0 } }, s->seen, s->seen_n, sizeof *s->seen, by_place);
}
