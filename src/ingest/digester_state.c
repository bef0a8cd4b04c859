/*
 * ingest/digester_state.c - what the digest goes on with: how far it has come and in which journal, what is open, its circuit.
 *
 * digest.db is what counts.  Memory is made from it at the start and after whatever went wrong; when it is damaged it makes room for a
 * fresh one, and the journal is read from its beginning.  A disk that is full, slow or failing is no damage: then what is there stays.
 */
#include "base/log.h"
#include "ingest/digester_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- how far it has come ---- */

enum err digester_keep(struct digester *d, struct fault *fault)
{
    struct pack p;
    pack_init(&p, 4096);
    pack_u(&p, 3);
    pack_u(&p, d->read);
    pack_i(&p, d->now_us);
    pack_i(&p, d->upper_us);
    pack_i(&p, d->last.received_us);
    pack_u(&p, d->last.bytes);
    pack_u(&p, d->replaced);
    pack_u(&p, d->noted);
    pack_u(&p, d->identity);
    enum err e = p.full ? fail(fault, ERR_LIMIT, "no memory to store how far the digest is") : feed_save(d->feed, d->store, fault);
    if (e == OK)
        e = digest_state_put(d->store, "progress", pack_bytes(&p), fault);
    pack_done(&p);
    return e;
}

static enum err load_progress(struct digester *d, struct fault *fault)
{
    char    *bytes;
    size_t   size;
    enum err e = digest_state_get(d->store, "progress", &bytes, &size, fault);
    d->read = 0;
    d->now_us = d->upper_us = INT64_MIN;
    d->last = (struct digester_last){ 0 };
    d->replaced = d->noted = false;
    d->identity = 0;
    if (e != OK || !bytes)
        return e;
    struct unpack u = unpack_of((struct slice){ bytes, size });
    uint64_t      version = unpack_u(&u);
    d->read = unpack_u(&u);
    d->now_us = unpack_i(&u);
    d->upper_us = unpack_i(&u);
    if (version >= 2) {
        d->last.received_us = unpack_i(&u);
        d->last.bytes = unpack_u(&u);
        d->replaced = unpack_u(&u) != 0;
        d->noted = unpack_u(&u) != 0;
    }
    if (version == 3)
        d->identity = unpack_u(&u);
    free(bytes);
    return version >= 1 && version <= 3 && !u.bad ? OK : fail(fault, ERR_DAMAGED, "digest.db does not say how far it is");
}

/* ---- which journal ---- */

/* Whether the record that was read last is still the same one. What cannot be told is taken for a yes. */
static bool same_record(struct digester *d)
{
    struct record r;
    struct fault  unheard;
    if (!d->read || !d->last.received_us || journal_seek(d->consumer, d->read, false, &unheard) != OK || journal_read(d->consumer, &r, &unheard) != OK || r.id != d->read)
        return true;
    return r.received_us == d->last.received_us && r.body.n == d->last.bytes;
}

/* Read on behind the last record, or, in a journal that is another one, from its beginning. */
static enum err find_place(struct digester *d, struct fault *fault)
{
    struct journal_stats s;
    journal_stats(d->o.journal, &s);
    /* How long it is tells nothing of a journal that is known: its end may have been destroyed, and what was read of it is in the windows. */
    bool other = d->identity ? d->identity != s.identity : d->read > s.last_id;
    d->identity = s.identity;
    if (other || !same_record(d)) {
        log_warn("the journal is another one than the digest knew: it is read from its beginning", F("known", (int64_t)d->read), F("last", (int64_t)s.last_id));
        d->read = 0;
        d->last = (struct digester_last){ 0 };
        d->replaced = true;
    }
    /* One that begins anew holds what it has not read, although it had been let go. */
    return journal_seek(d->consumer, d->read + 1 > s.first_id ? d->read + 1 : s.first_id, d->read == 0, fault);
}

/* ---- memory from digest.db ---- */

void digester_drop(struct digester *d)
{
    pthread_mutex_lock(&d->open);
    feed_free(d->feed);
    d->feed = NULL;
    pthread_mutex_unlock(&d->open);
}

static enum err load(struct digester *d, struct feed **out, struct fault *fault)
{
    struct feed *f = NULL;
    enum err     e = OK;
    if (!d->store)
        e = digest_store_open(d->o.folder, &d->store, fault);
    if (e == OK)
        e = load_progress(d, fault);
    if (e == OK)
        e = feed_new(&d->o.feed, &d->arena, &f, fault);
    if (e == OK && (e = feed_load(f, d->store, fault)) != OK)
        feed_free(f);
    if (e != OK)
        return e;
    places_know_own(f->places);              /* so that the first window, which looks back, is noted as made */
    *out = f;
    return OK;
}

enum err digester_aside(struct digester *d, const struct fault *damage, struct fault *fault)
{
    char         name[80];
    struct fault said = *damage;                         /* fault may be the same */
    digester_drop(d);
    digest_store_close(d->store);
    d->store = NULL;
    enum err e = digest_store_aside(d->o.folder, clock_wall_us(digester_clock(d)), name, sizeof name, fault);
    if (e != OK)
        return e;
    fail_hint(&said, "%s/%s holds what was there; what is older than the journal is nowhere else", d->o.folder, name);
    log_fault(LOG_ERROR, "digest.db is damaged: it was put aside, and another one is made from what the journal still holds", &said);
    pthread_mutex_lock(&d->lock);
    d->stats.damaged++;
    pthread_mutex_unlock(&d->lock);
    return OK;
}

enum err digester_reload(struct digester *d, struct fault *fault)
{
    struct feed *f = NULL;
    struct fault own = { 0 }, *why = fault ? fault : &own;
    digester_drop(d);
    enum err e = load(d, &f, why);
    if (e == ERR_DAMAGED && (e = digester_aside(d, why, why)) == OK)
        e = load(d, &f, why);
    if (e == OK && d->o.journal)
        e = find_place(d, why);
    if (e != OK) {
        feed_free(f);
        return e;
    }
    pthread_mutex_lock(&d->open);
    d->feed = f;
    pthread_mutex_unlock(&d->open);
    d->committed = d->read;
    d->dirty = false;
    d->saved_us = clock_mono_us(digester_clock(d));
    return OK;
}

/* ---- its circuit ---- */

enum err digester_circuit_load(struct digester *d, struct fault *fault)
{
    struct digest_circuit c;
    int64_t               own;
    enum err              e = digest_tenant_find(d->store, "", &own, fault);
    if (e == OK)
        e = digest_circuit_get(d->store, DIGEST_JOB, own, &c, fault);
    if (e != OK)
        return e == ERR_MISSING ? OK : e;
    for (int i = 0; i < 3; i++)
        if (strcmp(c.state, circuit_name((enum circuit_state)i)) == 0)
            d->circuit.state = (enum circuit_state)i;
    d->circuit.failures = c.failures > 0 ? (uint32_t)c.failures : 0;
    d->circuit.until_us = c.until_us;
    d->circuit_told = d->circuit.state == CIRCUIT_CLOSED && d->circuit.failures == 0;
    return OK;
}

void digester_circuit_save(struct digester *d)
{
    struct digest_circuit c = { .failures = d->circuit.failures, .until_us = d->circuit.until_us };
    struct fault          unheard;
    (void)snprintf(c.state, sizeof c.state, "%s", circuit_name(d->circuit.state));
    int64_t  own, now = clock_wall_us(digester_clock(d));
    enum err e = digest_tenant(d->store, "", now, &own, &unheard);
    if (e == OK)
        e = digest_circuit_put(d->store, DIGEST_JOB, own, &c, now, &unheard);     /* the failure itself is what is told */
    d->circuit_told = e == OK && d->circuit.failures == 0;
}
