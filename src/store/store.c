/* store/store.c - opening, transactions, cases, timeline, outbox, idempotency. */
#include "store/store.h"

#include "base/crash.h"
#include "base/file.h"
#include "base/text.h"
#include "store/inside.h"
#include "store/lock.h"
#include "store/lossy.h"
#include "store/migrations.h"
#include "store/sql.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum err store_open(const char *folder, struct store **out, struct fault *fault)
{
    enum err e = file_make_dirs(folder, 0700, fault);
    if (e == OK)
        e = lossy_from_environment(fault);
    struct store *s = e == OK ? calloc(1, sizeof *s) : NULL;
    if (e != OK)
        return e;
    if (!s)
        return fail(fault, ERR_LIMIT, "no memory to open the store");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/cases.db", folder);
    s->lock_fd = -1;
    e = store_lock_take(folder, &s->lock_fd, fault);
    if (e == OK)
        e = db_open(path, DB_FULL, &s->db, fault);
    if (e == OK)
        e = db_migrate(s->db, migration_statements, migration_statement_count, path, fault);
    if (e == OK)
        e = db_prepare(s->db, store_statements, store_statement_count, fault);
    if (e != OK) {
        store_close(s);
        return e;
    }
    *out = s;
    return OK;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    db_close(s->db);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s);
}

bool store_is_fatal(struct store *s) { return db_is_fatal(s->db); }

enum err store_begin(struct store *s, struct fault *fault)
{
    CRASH_POINT(CRASH_BEFORE_BEGIN);
    enum err e = db_exec(s->db, "BEGIN IMMEDIATE", fault);
    if (e == OK)
        db_turn_begins(s->db);
    return e;
}

enum err store_commit(struct store *s, struct fault *fault)
{
    CRASH_POINT(CRASH_BEFORE_COMMIT);
    enum err e = db_turn_lost(s->db, fault);
    if (e == OK)
        e = db_exec(s->db, "COMMIT", fault);
    if (e != OK)
        return e;
    db_turn_ends(s->db);
    CRASH_POINT(CRASH_AFTER_COMMIT);
    return OK;
}

void store_rollback(struct store *s)
{
    (void)sqlite3_exec(db_handle(s->db), "ROLLBACK", NULL, NULL, NULL);
    db_turn_ends(s->db);
}

/* A savepoint that has no transaction around it would begin one, and its release would commit it. */
enum err store_savepoint(struct store *s, struct fault *fault)
{
    enum err e = db_turn_lost(s->db, fault);
    return e == OK ? db_exec(s->db, "SAVEPOINT request", fault) : e;
}

enum err store_release(struct store *s, struct fault *fault)
{
    enum err e = db_turn_lost(s->db, fault);
    return e == OK ? db_exec(s->db, "RELEASE request", fault) : e;
}

void     store_rollback_to(struct store *s)                    { (void)sqlite3_exec(db_handle(s->db), "ROLLBACK TO request; RELEASE request", NULL, NULL, NULL); }

/* ---- cases ---- */

enum err store_case_insert(struct store *s, const struct casefile *c, const struct principal *opener, struct fault *fault)
{
    enum err e = db_run(s->db, sql_case_insert, fault, "tttttiItIiibiiiibbIIttII", c->id, c->tenant, c->title, c->target, opener->name,
                        (int)opener->roles, c->created_us, case_state_name(c->state), c->version, (int)c->driver, c->plans_tried,
                        c->in_force_is_proven, (int)c->phase, c->step, c->steps, c->attempts, c->candidate_in_force, c->put_back,
                        c->action, c->actions, c->plan_id, c->plan_hash, c->deadline_us, c->updated_us);
    CRASH_POINT(CRASH_AFTER_CASE);
    return e;
}

enum err store_case_update(struct store *s, const struct casefile *c, struct fault *fault)
{
    enum err e = db_run(s->db, sql_case_update, fault, "ttIiibiiiibbIIttIIt", c->id, case_state_name(c->state), c->version, (int)c->driver,
                        c->plans_tried, c->in_force_is_proven, (int)c->phase, c->step, c->steps, c->attempts, c->candidate_in_force,
                        c->put_back, c->action, c->actions, c->plan_id, c->plan_hash, c->deadline_us, c->updated_us, c->target);
    if (e == OK && db_changes(s->db) != 1)
        e = fail(fault, ERR_MISSING, "there is no case %s", c->id);
    CRASH_POINT(CRASH_AFTER_CASE);
    return e;
}

static void read_casefile(struct db_rows *r, struct casefile *c, struct principal *opener)
{
    *c = (struct casefile){ .created_us = db_int(r, 6), .version = db_int(r, 8), .driver = (enum case_driver)db_int(r, 9),
                            .plans_tried = (int)db_int(r, 10), .in_force_is_proven = db_int(r, 11) != 0, .phase = (enum run_phase)db_int(r, 12),
                            .step = (int)db_int(r, 13), .steps = (int)db_int(r, 14), .attempts = (int)db_int(r, 15),
                            .candidate_in_force = db_int(r, 16) != 0, .put_back = db_int(r, 17) != 0, .action = db_int(r, 18),
                            .actions = db_int(r, 19), .deadline_us = db_int(r, 22), .updated_us = db_int(r, 23) };
    (void)text_copy(c->id, sizeof c->id, db_text(r, 0));
    (void)text_copy(c->tenant, sizeof c->tenant, db_text(r, 1));
    (void)text_copy(c->title, sizeof c->title, db_text(r, 2));
    (void)text_copy(c->target, sizeof c->target, db_text(r, 3));
    (void)text_copy(c->opened_by, sizeof c->opened_by, db_text(r, 4));
    (void)text_copy(c->plan_id, sizeof c->plan_id, db_text(r, 20));
    (void)text_copy(c->plan_hash, sizeof c->plan_hash, db_text(r, 21));
    if (!case_state_parse(db_text(r, 7), &c->state))
        c->state = CASE_PARKED;   /* a state this version does not know never acts */
    if (opener) {
        (void)text_copy(opener->name, sizeof opener->name, db_text(r, 4));
        opener->roles = (unsigned)db_int(r, 5);
    }
}

enum err store_case_get(struct store *s, const char *id, struct casefile *c, struct principal *opener, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_case_get, &r, fault, "t", id);
    if (e != OK)
        return e;
    bool found = db_next(&r);
    if (found)
        read_casefile(&r, c, opener);
    e = db_end(s->db, &r, fault);
    return e == OK && !found ? fail(fault, ERR_MISSING, "there is no case %.40s", id) : e;
}

/* Run out a question for ids that is bound already. */
static enum err collect_ids(struct store *s, struct db_rows *r, char (**ids)[ID_SIZE], int *n, struct fault *fault)
{
    enum err e = OK;
    size_t   count = 0, room = 0;
    char   (*list)[ID_SIZE] = NULL;
    while (e == OK && db_next(r)) {
        if (count == room) {
            room = room ? 2 * room : 32;
            void *more = realloc(list, room * sizeof *list);
            if (!more) {
                e = fail(fault, ERR_LIMIT, "no memory to list cases");
                break;
            }
            list = more;
        }
        (void)text_copy(list[count++], ID_SIZE, db_text(r, 0));
    }
    struct fault second = { 0 };
    enum err     end = db_end(s->db, r, &second);
    if (e == OK && end != OK) {
        e = end;
        if (fault)
            *fault = second;
    }
    if (e != OK) {
        free(list);
        return e;
    }
    *ids = list;
    *n = (int)count;
    return OK;
}

enum err store_case_open(struct store *s, char (**ids)[ID_SIZE], int *n, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_case_open, &r, fault, "");
    return e == OK ? collect_ids(s, &r, ids, n, fault) : e;
}

enum err store_case_due(struct store *s, int64_t now_us, char (**ids)[ID_SIZE], int *n, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_case_due, &r, fault, "I", now_us);
    return e == OK ? collect_ids(s, &r, ids, n, fault) : e;
}

enum err store_case_clock_back(struct store *s, int64_t now_us, int64_t slack_us, int *cases, struct fault *fault)
{
    enum err e = db_run(s->db, sql_case_clock_back, fault, "II", now_us, slack_us);
    *cases = e == OK ? db_changes(s->db) : 0;
    return e;
}

enum err store_case_driven(struct store *s, char (**ids)[ID_SIZE], int *n, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_case_driven, &r, fault, "");
    return e == OK ? collect_ids(s, &r, ids, n, fault) : e;
}

enum err store_case_unlearned(struct store *s, char (**ids)[ID_SIZE], int *n, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_case_unlearned, &r, fault, "");
    return e == OK ? collect_ids(s, &r, ids, n, fault) : e;
}

enum err store_case_counts(struct store *s, int counts[CASE_STATE_COUNT], struct fault *fault)
{
    struct db_rows  r;
    enum case_state state;
    enum err        e = db_ask(s->db, sql_case_counts, &r, fault, "");
    if (e != OK)
        return e;
    memset(counts, 0, CASE_STATE_COUNT * sizeof counts[0]);
    while (db_next(&r))
        if (case_state_parse(db_text(&r, 0), &state))
            counts[state] = (int)db_int(&r, 1);
    return db_end(s->db, &r, fault);
}

enum err store_timeline_add(struct store *s, const struct timeline_row *row, struct fault *fault)
{
    json_t  *empty = row->meta ? NULL : json_object();
    enum err e = db_run(s->db, sql_timeline_add, fault, "tItttiibtttjI", row->case_id, row->version, row->event, case_state_name(row->from),
                        case_state_name(row->to), row->rule, row->run_rule, row->moved, row->actor, row->reason ? row->reason : "",
                        row->trace_id ? row->trace_id : "", row->meta ? row->meta : empty, row->at_us);
    json_decref(empty);
    CRASH_POINT(CRASH_AFTER_TIMELINE);
    return e;
}

enum err store_case_given_up(struct store *s, const char *case_id, struct stored_giving_up *out, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_case_given_up, &r, fault, "t", case_id);
    if (e != OK)
        return e;
    *out = (struct stored_giving_up){ .from = CASE_NEW };
    bool found = db_next(&r) && case_state_parse(db_text(&r, 1), &out->from);
    if (found) {
        (void)text_copy(out->event, sizeof out->event, db_text(&r, 0));
        (void)text_copy(out->actor, sizeof out->actor, db_text(&r, 2));
    }
    e = db_end(s->db, &r, fault);
    return e == OK && !found ? fail(fault, ERR_MISSING, "nothing asked for the plan of case %.40s to be given up", case_id) : e;
}

/* ---- outbox and idempotency ---- */

enum err store_outbox_add(struct store *s, const char *topic, const char *key, const json_t *payload, int64_t now_us, struct fault *fault)
{
    enum err e = db_run(s->db, sql_outbox_add, fault, "ttjI", topic, key, payload, now_us);
    CRASH_POINT(CRASH_AFTER_OUTBOX);
    return e;
}

enum err store_outbox_waiting(struct store *s, int limit, store_outbox_row *row, void *ctx, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_outbox_waiting, &r, fault, "i", limit);
    if (e != OK)
        return e;
    while (db_next(&r))
        row(ctx, db_int(&r, 0), db_text(&r, 1), db_text(&r, 2), db_text(&r, 3));
    return db_end(s->db, &r, fault);
}

enum err store_outbox_mark(struct store *s, int64_t id, int64_t now_us, struct fault *fault)
{
    return db_run(s->db, sql_outbox_mark, fault, "II", id, now_us);
}

enum err store_outbox_depth(struct store *s, int64_t *depth, int64_t *oldest_us, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_outbox_depth, &r, fault, "");
    if (e != OK)
        return e;
    if (db_next(&r)) {
        *depth = db_int(&r, 0);
        *oldest_us = db_int(&r, 1);
    }
    return db_end(s->db, &r, fault);
}

enum err store_answer_get(struct store *s, const char *key, struct stored_answer *a, struct fault *fault)
{
    struct db_rows r;
    enum err       e = db_ask(s->db, sql_idempotency_get, &r, fault, "t", key);
    if (e != OK)
        return e;
    bool found = db_next(&r);
    if (found) {
        *a = (struct stored_answer){ .status = (int)db_int(&r, 1), .body = strdup(db_text(&r, 2)), .version = db_int(&r, 3) };
        (void)text_copy(a->fingerprint, sizeof a->fingerprint, db_text(&r, 0));
        (void)text_copy(a->location, sizeof a->location, db_text(&r, 4));
    }
    e = db_end(s->db, &r, fault);
    if (e == OK && !found)
        return fail(fault, ERR_MISSING, "the key is new");
    return e;
}

enum err store_answer_put(struct store *s, const char *key, const struct stored_answer *a, int64_t now_us, struct fault *fault)
{
    return db_run(s->db, sql_idempotency_put, fault, "ttitItI", key, a->fingerprint, a->status, a->body, a->version, a->location, now_us);
}

enum err store_forget(struct store *s, int64_t before_us, struct fault *fault)
{
    enum err e = db_run(s->db, sql_idempotency_forget, fault, "I", before_us);
    return e == OK ? db_run(s->db, sql_outbox_forget, fault, "I", before_us) : e;
}
