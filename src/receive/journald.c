/* receive/journald.c - see journald.h. */
#include "receive/journald.h"

#include "base/file.h"
#include "base/log.h"
#include "receive/journald_map.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <xxhash.h>

enum { SAVE_US = 1000 * 1000, OPEN_AGAIN_US = 60 * 1000 * 1000, TURN_ENTRIES = 2000, CURSOR_MAX = BATCH_NOTE_SIZE - 1 };

struct journald {
    struct batcher      batcher;
    struct lane         lane;
    char                cursor_path[PATH_MAX];
    char                cursor[BATCH_NOTE_SIZE], saved[BATCH_NOTE_SIZE];      /* durable in our journal; and on disk */
    char               *folder, *tenant;
    char              **units;
    size_t              units_n;
    enum journald_from  from;
    sd_journal         *sd;
    bool                more, at_entry, ending, told, lost_told;      /* at_entry: where we stand is still to be taken */
    atomic_bool         missing;
    atomic_ullong       cut;
    int64_t             saved_us, opened_us;
    struct journald_log log;
};

static void settled(void *ctx, const struct batch *b)
{
    struct journald *d = ctx;
    (void)text_copy(d->cursor, sizeof d->cursor, b->note);
}

enum err journald_new(const struct conf *conf, struct journal *j, const char *folder, int wake, struct journald **out, struct fault *fault)
{
    const struct journald_conf *c = conf_of(conf, &journald_section);
    const struct inputs_conf   *all = conf_of(conf, &inputs_section);
    struct journald *d = calloc(1, sizeof *d);
    char            *text = NULL;
    struct fault     why = { 0 };
    *out = NULL;
    if (!d)
        return fail(fault, ERR_LIMIT, "no memory to read journald");
    batcher_init(&d->batcher, j, all->delay_us, wake, settled, d);
    journald_log_init(&d->log);
    d->from = c->from;
    d->folder = strdup(c->folder);
    d->tenant = strdup(c->tenant);
    d->units = calloc(c->units.count + 1, sizeof *d->units);
    bool fine = d->folder && d->tenant && d->units && (size_t)snprintf(d->cursor_path, sizeof d->cursor_path, "%s/journald", folder) < sizeof d->cursor_path;
    for (; fine && d->units_n < c->units.count; d->units_n++)
        fine = (d->units[d->units_n] = strdup(c->units.item[d->units_n])) != NULL;
    if (!fine) {
        journald_free(d);
        return fail(fault, ERR_LIMIT, "no memory to read journald");
    }
    d->lane = (struct lane){ .owner = &d->batcher, .tenant = slice_of(d->tenant), .source = SLICE("journald"), .scope = SLICE("journald") };
    enum err e = file_read(d->cursor_path, CURSOR_MAX, &text, NULL, &why);
    if (e == OK) {
        text[strcspn(text, "\n")] = '\0';
        (void)text_copy(d->cursor, sizeof d->cursor, text);
        (void)text_copy(d->saved, sizeof d->saved, text);
        free(text);
    } else if (e != ERR_MISSING)
        log_fault(LOG_ERROR, "the cursor of journald cannot be read; it is read from its beginning", &why);
    if (e != OK && e != ERR_MISSING)
        d->from = JOURNALD_FROM_START;
    *out = d;
    return OK;
}

/* ---- opening ---- */

static bool nothing_there(struct journald *d, const char *what, int error)
{
    if (!d->told) {
        d->told = true;
        batcher_trouble(&d->batcher, "%s%s%s", what, error ? ": " : "", error ? strerror(error) : "");
        log_warn("journald cannot be read here; it is looked for again every minute", F("why", what), F("error", error ? strerror(error) : "none"));
    }
    if (d->sd)
        sd_journal_close(d->sd);
    d->sd = NULL;
    atomic_store(&d->missing, true);
    return false;
}

static int match(struct journald *d)
{
    char text[512];
    int  e = 0;
    for (size_t i = 0; i < d->units_n && e >= 0; i++) {
        (void)snprintf(text, sizeof text, "_SYSTEMD_UNIT=%s", d->units[i]);
        e = sd_journal_add_match(d->sd, text, 0);
        if (e >= 0)
            e = sd_journal_add_disjunction(d->sd);
        (void)snprintf(text, sizeof text, "UNIT=%s", d->units[i]);      /* what the manager says of it */
        if (e >= 0)
            e = sd_journal_add_match(d->sd, text, 0);
        if (e >= 0)
            e = sd_journal_add_disjunction(d->sd);
    }
    return e;
}

/* Behind the last entry there is, which is noted: what comes while we are down is read, also when nothing had come before. */
static int seek_now(struct journald *d)
{
    char *cursor = NULL;
    int   e = sd_journal_seek_tail(d->sd);
    if (e >= 0 && (e = sd_journal_previous(d->sd)) > 0 && sd_journal_get_cursor(d->sd, &cursor) >= 0) {
        (void)text_copy(d->cursor, sizeof d->cursor, cursor);
        free(cursor);
    }
    return e;
}

/* Behind what we had. What was thrown away meanwhile, by journald's own limits, is told. */
static int seek(struct journald *d)
{
    if (!*d->cursor)
        return d->from == JOURNALD_FROM_START ? sd_journal_seek_head(d->sd) : seek_now(d);
    int e = sd_journal_seek_cursor(d->sd, d->cursor);
    if (e < 0)
        return e;
    e = sd_journal_next(d->sd);
    if (e <= 0)
        return e;
    e = sd_journal_test_cursor(d->sd, d->cursor);
    if (e == 0) {      /* another entry, the next that is there: to be read */
        if (!d->lost_told)
            log_warn("journald no longer has the entry behind which to go on; it goes on with the next one there is");
        d->lost_told = d->at_entry = true;
    }
    return e;
}

static bool open_it(struct journald *d, int64_t now_us)
{
    if (d->sd)
        return true;
    if (d->opened_us && now_us - d->opened_us < OPEN_AGAIN_US)
        return false;
    d->opened_us = now_us ? now_us : 1;
    int e = *d->folder ? sd_journal_open_directory(&d->sd, d->folder, 0) : sd_journal_open(&d->sd, SD_JOURNAL_LOCAL_ONLY);
    if (e < 0) {
        d->sd = NULL;
        return nothing_there(d, "the journal of systemd cannot be opened", -e);
    }
    if (!*d->folder && sd_journal_has_persistent_files(d->sd) <= 0 && sd_journal_has_runtime_files(d->sd) <= 0)
        return nothing_there(d, "there is no journal of systemd on this machine, or it may not be read (group systemd-journal)", 0);
    (void)sd_journal_set_data_threshold(d->sd, JOURNALD_TEXT_MAX + 64);
    if ((e = match(d)) < 0 || (e = seek(d)) < 0)
        return nothing_there(d, "the journal of systemd cannot be searched", -e);
    (void)sd_journal_get_fd(d->sd);
    d->more = true;
    d->told = false;
    atomic_store(&d->missing, false);
    return true;
}

/* ---- reading ---- */

/* Or its file is gone by now. There are others behind it. */
static void unreadable(struct journald *d, int error)
{
    batcher_trouble(&d->batcher, "an entry of journald cannot be read and is left out: %s", strerror(error));
    (void)pthread_mutex_lock(&d->batcher.lock);
    d->batcher.counts.lost++;
    (void)pthread_mutex_unlock(&d->batcher.lock);
}

/* False: there is no memory. */
static bool take(struct journald *d, int64_t now_us)
{
    struct journald_entry e = { 0 };
    char                 *cursor = NULL, *copies[JOURNALD_FIELDS] = { NULL };
    uint64_t              us = 0;
    bool                  kept = true;
    (void)sd_journal_get_realtime_usec(d->sd, &us);
    int error = sd_journal_get_cursor(d->sd, &cursor);
    if (error == -ENOMEM)
        return false;
    if (error < 0) {
        unreadable(d, -error);
        return true;
    }
    e.realtime_us = (int64_t)us;
    e.cursor = cursor;
    for (int i = 0; i < JOURNALD_FIELDS; i++) {
        const char *name = journald_field_name((enum journald_field)i);
        const void *data;
        size_t      n, skip = strlen(name) + 1;
        if (sd_journal_get_data(d->sd, name, &data, &n) < 0 || n < skip)
            continue;
        /* The next call may let go of this one. */
        if ((copies[i] = malloc(n - skip + 1)))
            e.field[i] = (struct slice){ memcpy(copies[i], (const char *)data + skip, n - skip), n - skip };
    }
    journald_map(&e, clock_wall_us(&clock_real), &d->log);
    if (d->log.log.body.as.text.n) {
        struct batch_origin origin = { .attrs = { d->log.origin, d->log.origin_n } };
        struct attrs        attrs = { d->log.attrs, d->log.attrs_n };
        origin.id = attrs_id(&origin.attrs);
        kept = lane_add(&d->lane, &origin, &d->log.log, &attrs, NULL, cursor, now_us);
        if (kept && d->log.cut)
            atomic_fetch_add(&d->cut, 1);
    }
    for (int i = 0; i < JOURNALD_FIELDS; i++)
        free(copies[i]);
    free(cursor);
    return kept;
}

static void read_some(struct journald *d, int64_t now_us)
{
    for (int i = 0; i < TURN_ENTRIES; i++) {
        if (i % 256 == 0 && !batcher_room(&d->batcher))
            return;
        int e = d->at_entry ? 1 : sd_journal_next(d->sd);
        d->at_entry = false;
        if (e == 0) {
            d->more = false;
            return;
        }
        if (e < 0) {
            batcher_trouble(&d->batcher, "journald cannot be read: %s", strerror(-e));
            d->more = false;
            return;
        }
        if (!take(d, now_us)) {
            d->at_entry = true;
            return;
        }
    }
}

static void save(struct journald *d, int64_t now_us)
{
    struct fault why = { 0 };
    d->saved_us = now_us;
    if (file_write(d->cursor_path, d->cursor, strlen(d->cursor), 0600, &why) == OK)
        (void)text_copy(d->saved, sizeof d->saved, d->cursor);
    else
        batcher_trouble(&d->batcher, "journald's cursor cannot be saved, entries may come again after a restart: %s", why.text);
}

int64_t journald_turn(struct journald *d, int64_t now_us)
{
    int64_t wait = -1;
    if (!d->ending && open_it(d, now_us)) {
        int e = sd_journal_process(d->sd);
        if (e == SD_JOURNAL_APPEND || e == SD_JOURNAL_INVALIDATE)
            d->more = true;
        if (d->more)
            read_some(d, now_us);
        if (d->more)
            wait = batcher_room(&d->batcher) ? 0 : BATCH_RETRY_US;
        uint64_t at;
        if (sd_journal_get_timeout(d->sd, &at) >= 0 && at != UINT64_MAX) {
            int64_t left = (int64_t)at - now_us;
            wait = wait < 0 || left < wait ? (left > 0 ? left : 0) : wait;
        }
    } else if (!d->ending)
        wait = OPEN_AGAIN_US;
    int64_t turn = batcher_turn(&d->batcher, now_us);
    wait = wait < 0 || (turn >= 0 && turn < wait) ? turn : wait;
    if (strcmp(d->cursor, d->saved) == 0)
        return wait;
    if (now_us - d->saved_us >= SAVE_US)
        save(d, now_us);
    return wait < 0 || wait > SAVE_US ? SAVE_US : wait;
}

int  journald_fd(const struct journald *d) { return d->sd ? sd_journal_get_fd(d->sd) : -1; }
bool journald_settled(struct journald *d) { return batcher_empty(&d->batcher); }
bool journald_missing(struct journald *d) { return atomic_load(&d->missing); }

void journald_end(struct journald *d, int64_t now_us)
{
    d->ending = true;
    batcher_flush(&d->batcher, now_us);
}

void journald_free(struct journald *d)
{
    if (!d)
        return;
    (void)batcher_give_up(&d->batcher);      /* what the journal did not take is read again */
    if (strcmp(d->cursor, d->saved) != 0)
        save(d, d->saved_us);
    batcher_done(&d->batcher);
    if (d->sd)
        sd_journal_close(d->sd);
    for (size_t i = 0; d->units && i < d->units_n; i++)
        free(d->units[i]);
    free(d->units);
    free(d->folder);
    free(d->tenant);
    journald_log_done(&d->log);
    free(d);
}

void journald_count(struct journald *d, struct batch_counts *counts, uint64_t *cut)
{
    batcher_count(&d->batcher, counts);
    *cut = atomic_load(&d->cut);
}
