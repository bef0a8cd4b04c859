/* The store keeps a whole turn or nothing of it, refuses what is newer than itself, and loses nothing when the disk is full. */
#include "unit.h"

#include "base/clock.h"
#include "store/db.h"
#include "store/inside.h"
#include "store/read.h"
#include "store/store.h"
#include "store/telemetry.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/homeostat-store-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static struct casefile a_case(void)
{
    struct casefile c = { .state = CASE_NEW, .version = 1, .deadline_us = 5, .created_us = 1, .updated_us = 1, .in_force_is_proven = true };
    id_new(clock_wall_us(&clock_real), c.id);
    strcpy(c.title, "p95 spike");
    strcpy(c.tenant, "t-001");
    return c;
}

static const struct principal alice = { "alice", ROLE_OPERATOR };

static void a_case_reads_back_as_it_was_written(void **state)
{
    (void)state;
    struct fault     f = { 0 };
    struct store    *s = NULL;
    struct casefile  c = a_case(), d;
    struct principal who;
    assert_ok(store_open(folder, &s, &f), &f);
    c.phase = RUN_WATCHING, c.step = 2, c.steps = 3, c.actions = 7, c.action = 6, c.put_back = true;
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &c, &alice, &f), &f);
    assert_ok(store_commit(s, &f), &f);
    assert_ok(store_case_get(s, c.id, &d, &who, &f), &f);
    assert_int_equal(d.phase, RUN_WATCHING);
    assert_int_equal(d.actions, 7);
    assert_true(d.put_back);
    assert_string_equal(d.title, c.title);
    assert_string_equal(who.name, "alice");
    c.state = CASE_CLOSED, c.version = 2;
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_update(s, &c, &f), &f);
    assert_ok(store_commit(s, &f), &f);
    char (*open)[ID_SIZE];
    int n = -1;
    assert_ok(store_case_open(s, &open, &n, &f), &f);
    assert_int_equal(n, 0);
    free(open);
    store_close(s);
}

static void a_turn_that_is_rolled_back_leaves_nothing(void **state)
{
    (void)state;
    struct fault    f = { 0 };
    struct store   *s = NULL;
    struct casefile c = a_case(), d;
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &c, &alice, &f), &f);
    store_rollback(s);
    assert_int_equal(store_case_get(s, c.id, &d, NULL, &f), ERR_MISSING);
    store_close(s);
}

static void after_a_write_that_took_the_turn_with_it_nothing_more_of_the_turn_is_written(void **state)
{
    (void)state;
    static char     much[400000];
    struct fault    f = { 0 };
    struct store   *s = NULL;
    struct casefile a = a_case(), b = a_case(), d;
    memset(much, 'x', sizeof much - 1);
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &a, &alice, &f), &f);
    assert_int_equal(sqlite3_exec(db_handle(s->db), "PRAGMA max_page_count = 100", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_event_add(s, a.id, "INFO", "remark", "t", much, NULL, NULL, 1, &f), ERR_LIMIT);
    assert_int_not_equal(store_case_insert(s, &b, &alice, &f), OK);      /* whoever did not mind that one goes on */
    assert_int_not_equal(store_savepoint(s, &f), OK);
    assert_non_null(strstr(f.text, "full"));
    assert_int_not_equal(store_commit(s, &f), OK);
    store_rollback(s);
    assert_int_equal(store_case_get(s, b.id, &d, NULL, &f), ERR_MISSING);
    assert_int_equal(store_case_get(s, a.id, &d, NULL, &f), ERR_MISSING);
    assert_int_equal(sqlite3_exec(db_handle(s->db), "PRAGMA max_page_count = 100000", NULL, NULL, NULL), SQLITE_OK);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &b, &alice, &f), &f);
    assert_ok(store_commit(s, &f), &f);
    assert_ok(store_case_get(s, b.id, &d, NULL, &f), &f);
    store_close(s);
}

static void one_bad_request_does_not_take_the_others_with_it(void **state)
{
    (void)state;
    struct fault    f = { 0 };
    struct store   *s = NULL;
    struct casefile good = a_case(), bad = a_case(), d;
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_savepoint(s, &f), &f);
    assert_ok(store_case_insert(s, &good, &alice, &f), &f);
    assert_ok(store_release(s, &f), &f);
    assert_ok(store_savepoint(s, &f), &f);
    assert_ok(store_case_insert(s, &bad, &alice, &f), &f);
    assert_int_equal(store_case_insert(s, &bad, &alice, &f), ERR_CONFLICT);
    store_rollback_to(s);
    assert_ok(store_commit(s, &f), &f);
    assert_ok(store_case_get(s, good.id, &d, NULL, &f), &f);
    assert_int_equal(store_case_get(s, bad.id, &d, NULL, &f), ERR_MISSING);
    store_close(s);
}

static void a_version_has_one_timeline_row_only(void **state)
{
    (void)state;
    struct fault    f = { 0 };
    struct store   *s = NULL;
    struct casefile c = a_case();
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &c, &alice, &f), &f);
    struct timeline_row row = { .case_id = c.id, .event = "created", .actor = "alice", .version = 1, .moved = true };
    assert_ok(store_timeline_add(s, &row, &f), &f);
    assert_int_equal(store_timeline_add(s, &row, &f), ERR_CONFLICT);
    row.moved = false;
    assert_ok(store_timeline_add(s, &row, &f), &f);
    assert_ok(store_commit(s, &f), &f);
    store_close(s);
}

static void who_asked_first_for_the_current_plan_to_be_given_up_is_found(void **state)
{
    (void)state;
    struct fault             f = { 0 };
    struct store            *s = NULL;
    struct casefile          c = a_case();
    struct stored_giving_up  g;
    static const struct { const char *event, *actor; enum case_state from; } rows[] = {
        { "plan_ready", "anna", CASE_PLANNING }, { "gate_rejected", "otto", CASE_WAIT_GATE }, { "resume", "anna", CASE_PARKED }, { "plan_ready", "anna", CASE_PLANNING },
        { "gate_approved", "otto", CASE_WAIT_GATE }, { "cancel", "anna", CASE_EXECUTING }, { "deadline", "clock", CASE_EXECUTING }, { "deadline", "clock", CASE_PARKED },
    };
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &c, &alice, &f), &f);
    for (int i = 0; i < 8; i++) {
        struct timeline_row row = { .case_id = c.id, .event = rows[i].event, .actor = rows[i].actor, .from = rows[i].from, .to = rows[i].from, .version = i + 1, .moved = true };
        assert_ok(store_timeline_add(s, &row, &f), &f);
        if (i == 3) {                                      /* a word that moved nothing */
            row.event = "cancel";
            row.from = row.to = CASE_WAIT_GATE;
            row.version = 0;
            row.moved = false;
            assert_ok(store_timeline_add(s, &row, &f), &f);
        }
        if (i == 4)
            assert_int_equal(store_case_given_up(s, c.id, &g, &f), ERR_MISSING);   /* the refusal was of the plan before */
    }
    assert_ok(store_case_given_up(s, c.id, &g, &f), &f);
    assert_string_equal(g.event, "cancel");
    assert_string_equal(g.actor, "anna");
    assert_int_equal(g.from, CASE_EXECUTING);
    assert_ok(store_commit(s, &f), &f);
    store_close(s);
}

static void word(struct store *s, const struct casefile *c, const char *who, bool granted, char plan, int64_t given_us)
{
    struct fault           f = { 0 };
    struct stored_approval a = { .by = { .roles = ROLE_APPROVER }, .granted = granted, .plan_hash = { plan }, .case_version = 2, .given_us = given_us, .expires_us = given_us + 5 };
    char                   id[ID_SIZE];
    id_new(given_us, id);
    strcpy(a.by.name, who);
    assert_ok(store_approval_add(s, id, c->id, &a, "", &f), &f);
}

static void a_refusal_is_not_pushed_out_by_what_others_say_and_each_persons_last_word_on_a_plan_is_told(void **state)
{
    (void)state;
    struct fault           f = { 0 };
    struct store          *s = NULL;
    struct casefile        c = a_case();
    struct stored_approval list[8];
    int                    n = 0;
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &c, &alice, &f), &f);
    word(s, &c, "anna", true, 'a', 1000);
    word(s, &c, "anna", false, 'a', 500);                  /* later, by a clock that was set back */
    word(s, &c, "anna", true, 'b', 501);
    for (int i = 0; i < 20; i++)
        word(s, &c, "bob", true, 'a', 600 + i);
    assert_ok(store_approvals(s, c.id, list, 8, &n, &f), &f);
    assert_int_equal(n, 3);
    assert_string_equal(list[0].by.name, "anna");
    assert_false(list[0].granted);
    for (int i = 0; i < 20; i++) {
        char who[16];
        (void)snprintf(who, sizeof who, "p%d", i);
        word(s, &c, who, true, 'a', 700);
    }
    assert_ok(store_approvals(s, c.id, list, 8, &n, &f), &f);
    assert_int_equal(n, 8);
    assert_string_equal(list[0].by.name, "anna");
    assert_false(list[0].granted);
    assert_string_equal(list[7].by.name, "p19");
    assert_ok(store_commit(s, &f), &f);
    store_close(s);
}

static void only_steps_of_the_plan_at_hand_count_as_begun(void **state)
{
    (void)state;
    struct fault    f = { 0 };
    struct store   *s = NULL;
    struct casefile c = a_case();
    static const struct { const char *kind; int step, begun; } rows[] = {
        { "prepare", 0, 0 }, { "probe", 0, 0 }, { "do", 0, 1 }, { "do", 1, 2 }, { "recover", 1, 2 }, { "undo", 2, 2 }, { "prepare", 0, 0 }, { "probe", 0, 0 }, { "do", 0, 1 }, { "undo", 0, 1 },
    };
    int begun = -1;
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &c, &alice, &f), &f);
    assert_ok(store_action_begun(s, c.id, &begun, &f), &f);
    assert_int_equal(begun, 0);
    for (int i = 0; i < 10; i++) {
        assert_ok(store_action_begin(s, c.id, i + 1, rows[i].kind, rows[i].step, NULL, 1, &f), &f);
        assert_ok(store_action_begun(s, c.id, &begun, &f), &f);
        assert_int_equal(begun, rows[i].begun);
    }
    assert_ok(store_commit(s, &f), &f);
    store_close(s);
}

static void a_case_keeps_the_time_it_had_left_when_the_clock_is_set_back(void **state)
{
    (void)state;
    struct fault    f = { 0 };
    struct store   *s = NULL;
    struct casefile open = a_case(), over = a_case(), now = a_case(), back;
    int             cases = -1;
    open.updated_us = over.updated_us = 1000000, open.deadline_us = 1000300, over.deadline_us = 0, over.state = CASE_CLOSED;
    now.updated_us = 110, now.deadline_us = 150;
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &open, &alice, &f), &f);
    assert_ok(store_case_insert(s, &over, &alice, &f), &f);
    assert_ok(store_case_insert(s, &now, &alice, &f), &f);
    assert_ok(store_case_clock_back(s, 100, 10, &cases, &f), &f);
    assert_int_equal(cases, 1);
    assert_ok(store_case_get(s, open.id, &back, NULL, &f), &f);
    assert_int_equal(back.deadline_us, 400);
    assert_int_equal(back.updated_us, 100);
    assert_ok(store_case_get(s, over.id, &back, NULL, &f), &f);
    assert_int_equal(back.updated_us, 1000000);
    assert_ok(store_case_get(s, now.id, &back, NULL, &f), &f);
    assert_int_equal(back.deadline_us, 150);
    assert_ok(store_commit(s, &f), &f);
    store_close(s);
}

static void a_case_that_was_asked_about_all_day_still_tells_how_it_began_and_how_it_ended(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct store        *s = NULL;
    struct store_reader *r = NULL;
    struct telemetry    *t = NULL;
    struct casefile      c = a_case();
    json_t              *told = NULL, *verdict = json_object();
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(telemetry_open(folder, &t, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &c, &alice, &f), &f);
    struct timeline_row moved = { .case_id = c.id, .event = "plan_ready", .actor = "alice", .version = 2, .at_us = 1, .from = CASE_PLANNING, .to = CASE_WAIT_GATE, .moved = true };
    struct timeline_row waits = { .case_id = c.id, .event = "gate_waits", .actor = "alice", .version = 2, .at_us = 1, .from = CASE_WAIT_GATE, .to = CASE_WAIT_GATE };
    assert_ok(store_timeline_add(s, &moved, &f), &f);
    for (int i = 0; i < 3000; i++) {
        char id[ID_SIZE];
        id_new(clock_wall_us(&clock_real), id);
        assert_ok(store_timeline_add(s, &waits, &f), &f);
        assert_ok(store_decision_add(s, id, c.id, "a-plan", verdict, i < 2999 ? "wait" : "approve", i, &f), &f);
    }
    moved.version = 3, moved.event = "gate_approved";
    assert_ok(store_timeline_add(s, &moved, &f), &f);
    assert_ok(store_commit(s, &f), &f);
    assert_ok(store_reader_open(folder, &r, &f), &f);
    assert_ok(read_case_file(r, c.id, &told, &f), &f);
    json_t *rows = json_object_get(told, "timeline"), *decisions = json_object_get(told, "decisions");
    size_t  n = json_array_size(rows);
    assert_int_equal(n, 2000);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "event")), "plan_ready");
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, n - 1), "event")), "gate_approved");
    assert_int_equal(json_array_size(decisions), 200);
    assert_string_equal(json_string_value(json_object_get(json_array_get(decisions, 199), "answer")), "approve");
    json_decref(told);
    json_decref(verdict);
    store_reader_close(r);
    telemetry_close(t);
    store_close(s);
}

/* How many minutes are left of those that were written. */
static size_t minutes_left(int64_t day)
{
    struct fault         f = { 0 };
    struct store_reader *r = NULL;
    json_t              *told = NULL;
    assert_ok(store_reader_open(folder, &r, &f), &f);
    assert_ok(read_metric(r, "main", "tps", 0, 10 * day, &told, &f), &f);
    size_t n = json_array_size(json_object_get(told, "bucket"));
    json_decref(told);
    store_reader_close(r);
    return n;
}

static void a_clock_that_is_far_ahead_for_a_moment_costs_no_telemetry(void **state)
{
    (void)state;
    struct fault      f = { 0 };
    struct store     *s = NULL;
    struct telemetry *t = NULL;
    const int64_t     hour = 3600 * US_PER_S, day = 24 * hour, year = 365 * day;
    int64_t           wall = 3 * day, mono = hour;
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(telemetry_open(folder, &t, &f), &f);
    assert_ok(telemetry_resource(t, "urn:main", "db", "main", wall, &f), &f);
    for (int i = 1; i <= 3; i++) {
        struct metric_row row = { .bucket_us = i * day, .urn = "urn:main", .metric = "tps", .avg = 1, .max = 1, .p95 = 1, .samples = 60 };
        assert_ok(telemetry_write(t, &row, 1, &f), &f);
    }
    for (int i = 0; i < 59; i++, wall += 60 * US_PER_S, mono += 60 * US_PER_S)
        assert_ok(telemetry_keep(t, day, wall, mono, &f), &f);
    assert_int_equal(minutes_left(day), 3);                                  /* not before an hour has gone by */
    for (int i = 0; i < 5; i++, wall += 60 * US_PER_S, mono += 60 * US_PER_S)
        assert_ok(telemetry_keep(t, day, wall + year, mono, &f), &f);        /* somebody sets it, and sets it back */
    for (int i = 0; i < 59; i++, wall += 60 * US_PER_S, mono += 60 * US_PER_S)
        assert_ok(telemetry_keep(t, day, wall, mono, &f), &f);
    assert_int_equal(minutes_left(day), 3);
    for (int i = 0; i < 2; i++, wall += 60 * US_PER_S, mono += 60 * US_PER_S)
        assert_ok(telemetry_keep(t, day, wall, mono, &f), &f);
    assert_int_equal(minutes_left(day), 1);                                  /* an hour of a clock that goes: what is older than a day goes */
    telemetry_close(t);
    store_close(s);
}

static void telemetry_that_is_damaged_hides_no_case_and_is_begun_anew(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct store        *s = NULL;
    struct store_reader *r = NULL;
    struct telemetry    *t = NULL;
    struct casefile      c = a_case();
    json_t              *told = NULL;
    int64_t              version;
    char                 path[96], text[64] = "";
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &c, &alice, &f), &f);
    assert_ok(store_commit(s, &f), &f);
    (void)snprintf(path, sizeof path, "%s/telemetry.db", folder);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", file);
    fclose(file);
    assert_ok(store_reader_open(folder, &r, &f), &f);
    assert_ok(read_case(r, c.id, &told, &version, &f), &f);
    json_decref(told);
    assert_int_not_equal(read_metric(r, "main", "tps", 0, 1, &told, &f), OK);
    assert_non_null(strstr(f.text, "telemetry.db"));
    assert_null(strstr(f.hint, "cases.db"));
    store_reader_close(r);

    assert_int_equal(telemetry_open(folder, &t, &f), ERR_DAMAGED);
    assert_ok(telemetry_put_aside(folder, &f), &f);
    assert_ok(telemetry_open(folder, &t, &f), &f);
    telemetry_close(t);
    (void)snprintf(path, sizeof path, "%s/telemetry.db.damaged", folder);
    assert_non_null(file = fopen(path, "r"));              /* whoever wants to know why finds it */
    assert_non_null(fgets(text, sizeof text, file));
    assert_string_equal(text, "this is no database\n");
    fclose(file);
    store_close(s);
}

static void what_is_shown_of_the_budgets_is_what_the_gate_counts(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct store        *s = NULL;
    struct store_reader *r = NULL;
    json_t              *told = NULL;
    int64_t              now = clock_wall_us(&clock_real), hour = 3600 * US_PER_S;
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_change_add(s, "main", "a-case", "restart", now - 25 * hour, &f), &f);
    assert_ok(store_change_add(s, "main", "a-case", "restart", now - hour, &f), &f);
    assert_ok(store_change_add(s, "main", "a-case", "restart", now + hour, &f), &f);          /* before the clock was set back */
    assert_ok(store_change_add(s, "main", "a-case", "restart", now + 365 * 24 * hour, &f), &f);
    assert_ok(store_commit(s, &f), &f);
    assert_ok(store_reader_open(folder, &r, &f), &f);
    assert_ok(read_budgets(r, &told, &f), &f);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(told, "last_day"), 0), "count")), 2);
    json_decref(told);
    store_reader_close(r);
    store_close(s);
}

static void a_database_of_a_newer_version_is_refused_and_left_alone(void **state)
{
    (void)state;
    struct fault  f = { 0 };
    struct store *s = NULL;
    struct db    *db = NULL;
    char          path[128];
    assert_ok(store_open(folder, &s, &f), &f);
    store_close(s);
    (void)snprintf(path, sizeof path, "%s/cases.db", folder);
    assert_ok(db_open(path, DB_FULL, &db, &f), &f);
    assert_ok(db_exec(db, "PRAGMA user_version = 999", &f), &f);
    db_close(db);
    assert_int_equal(store_open(folder, &s, &f), ERR_STATE);
    assert_non_null(strstr(f.text, "newer homeostat"));
    assert_true(f.hint[0] != '\0');
}

static void a_store_has_one_engine_at_a_time(void **state)
{
    (void)state;
    struct fault  f = { 0 };
    struct store *s = NULL, *other = NULL;
    assert_ok(store_open(folder, &s, &f), &f);
    assert_int_equal(store_open(folder, &other, &f), ERR_BUSY);
    assert_non_null(strstr(f.text, "another Homeostat"));
    store_close(s);
    assert_ok(store_open(folder, &other, &f), &f);
    store_close(other);
}

static void messages_wait_in_order_until_they_are_marked(void **state)
{
    (void)state;
    struct fault  f = { 0 };
    struct store *s = NULL;
    json_t       *payload = json_pack("{s:i}", "n", 1);
    int64_t       depth = 0, oldest = 0;
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_outbox_add(s, "evt.a", "k", payload, 10, &f), &f);
    assert_ok(store_outbox_add(s, "evt.b", "k", payload, 11, &f), &f);
    assert_ok(store_outbox_mark(s, 1, 12, &f), &f);
    assert_ok(store_outbox_depth(s, &depth, &oldest, &f), &f);
    assert_ok(store_commit(s, &f), &f);
    assert_int_equal(depth, 1);
    assert_int_equal(oldest, 11);
    json_decref(payload);
    store_close(s);
}

static void a_minute_that_came_in_two_parts_is_one_row_over_both(void **state)
{
    (void)state;
    struct telemetry *t;
    struct fault f = { 0 };
    assert_ok(telemetry_open(folder, &t, &f), &f);
    assert_ok(telemetry_resource(t, "urn:x", "db", "x", 1, &f), &f);
    const struct metric_row part[] = { { 60000000, "urn:x", "tps", 10, 20, 19, 30 }, { 60000000, "urn:x", "tps", 40, 90, 80, 10 } };
    for (int i = 0; i < 2; i++)
        assert_ok(telemetry_write(t, &part[i], 1, &f), &f);
    telemetry_close(t);
    char path[100];
    sqlite3 *db;
    sqlite3_stmt *row;
    (void)snprintf(path, sizeof path, "%s/telemetry.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT avg_val, max_val, p95_val, samples FROM metric_1m", -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_float_equal(sqlite3_column_double(row, 0), 17.5, 1e-9);
    assert_float_equal(sqlite3_column_double(row, 1), 90, 0);
    assert_float_equal(sqlite3_column_double(row, 2), 80, 0);
    assert_int_equal(sqlite3_column_int(row, 3), 40);
    assert_int_equal(sqlite3_step(row), SQLITE_DONE);
    sqlite3_finalize(row);
    sqlite3_close(db);
}

static void what_is_no_text_does_not_keep_the_rest_from_being_read(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct store        *s = NULL;
    struct telemetry    *t = NULL;
    struct store_reader *r = NULL;
    json_t              *stops = NULL;
    struct stored_stop   stop = { .scope = "main", .why = "f\xc3\xbcr immer\xc3", .actor = "\xfc", .created_us = 1 };
    assert_ok(telemetry_open(folder, &t, &f), &f);
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_stop_put(s, &stop, &f), &f);
    assert_ok(store_commit(s, &f), &f);
    assert_ok(store_reader_open(folder, &r, &f), &f);
    assert_ok(read_stops(r, &stops, &f), &f);
    char *told = json_dumps(stops, 0);
    assert_non_null(told);
    assert_string_equal(json_string_value(json_object_get(json_array_get(stops, 0), "why")), "f\xc3\xbcr immer?");
    free(told);
    json_decref(stops);
    store_reader_close(r);
    store_close(s);
    telemetry_close(t);
}

static bool add_knowledge(struct store *s, const char *id, const char *tenant, int n, struct fault *f)
{
    bool    added = false;
    json_t *record = json_pack("{s:s,s:i}", "id", id, "n", n);
    struct stored_knowledge k = { .id = id, .source = *id == 'b' ? "elsewhere" : "s", .tenant = tenant, .database = "d", .result = "better", .shared = true, .effect = 0.25, .happened_us = n, .record = record };
    assert_ok(store_knowledge_add(s, &k, 100 + n, &added, f), f);
    json_decref(record);
    return added;
}

static char heard[200];
static void hear(void *ctx, const json_t *record, bool shared)
{
    (void)ctx;
    size_t used = strlen(heard);
    (void)snprintf(heard + used, sizeof heard - used, "%s%s ", json_string_value(json_object_get(record, "id")), shared ? "" : "(own)");
}

static void what_a_trial_taught_is_kept_once_and_only_shared_while_its_tenant_does(void **state)
{
    (void)state;
    struct fault         f = { 0 };
    struct store        *s = NULL;
    struct telemetry    *t = NULL;
    struct store_reader *r = NULL;
    json_t              *page = NULL;
    int                  n = 0;
    assert_ok(telemetry_open(folder, &t, &f), &f);
    assert_ok(store_open(folder, &s, &f), &f);
    assert_true(add_knowledge(s, "a", "one", 1, &f));
    assert_true(add_knowledge(s, "b", "two", 2, &f));
    assert_false(add_knowledge(s, "a", "one", 1, &f));
    assert_true(add_knowledge(s, "c", "one", 3, &f));
    assert_ok(store_knowledge_share(s, "one", false, &f), &f);
    heard[0] = '\0';
    assert_ok(store_knowledge(s, hear, NULL, &f), &f);
    assert_string_equal(heard, "a(own) b c(own) ");
    assert_ok(store_reader_open(folder, &r, &f), &f);
    assert_ok(read_knowledge(r, true, NULL, 10, &page, &f), &f);
    assert_int_equal(json_array_size(json_object_get(page, "data")), 1);
    assert_true(json_is_null(json_object_get(page, "next_cursor")));
    json_decref(page);
    assert_ok(read_knowledge(r, false, NULL, 2, &page, &f), &f);         /* the newest first, page by page */
    char cursor[24];
    (void)snprintf(cursor, sizeof cursor, "%s", json_string_value(json_object_get(page, "next_cursor")));
    json_decref(page);
    assert_ok(read_knowledge(r, false, cursor, 2, &page, &f), &f);
    const json_t *last = json_object_get(json_array_get(json_object_get(page, "data"), 0), "record");
    assert_string_equal(json_string_value(json_object_get(last, "id")), "a");
    json_decref(page);
    assert_int_equal(read_knowledge(r, false, "x", 2, &page, &f), ERR_INPUT);
    store_reader_close(r);
    assert_ok(store_knowledge_forget(s, "s", 3, &f), &f);                /* there is room for all */
    assert_ok(store_knowledge_count(s, &n, &f), &f);
    assert_int_equal(n, 3);
    assert_ok(store_knowledge_share_none(s, &f), &f);
    assert_ok(store_knowledge_forget(s, "s", 1, &f), &f);                /* our own go first */
    heard[0] = '\0';
    assert_ok(store_knowledge(s, hear, NULL, &f), &f);
    assert_string_equal(heard, "b(own) ");
    store_close(s);
    telemetry_close(t);
}

static void what_comes_from_elsewhere_pushes_out_no_more_than_half_of_what_was_learned_here(void **state)
{
    (void)state;
    struct fault  f = { 0 };
    struct store *s = NULL;
    assert_ok(store_open(folder, &s, &f), &f);
    static const char *const ids[] = { "a1", "b1", "a2", "b2", "b3", "a3" };      /* b: of elsewhere */
    for (int i = 0; i < 6; i++)
        assert_true(add_knowledge(s, ids[i], "one", i, &f));
    assert_ok(store_knowledge_forget(s, "s", 4, &f), &f);
    heard[0] = '\0';
    assert_ok(store_knowledge(s, hear, NULL, &f), &f);
    assert_string_equal(heard, "a2 b2 b3 a3 ");
    for (int i = 0; i < 4; i++) {
        char id[8];
        (void)snprintf(id, sizeof id, "b%d", 4 + i);
        assert_true(add_knowledge(s, id, "two", 6 + i, &f));
    }
    assert_ok(store_knowledge_forget(s, "s", 4, &f), &f);
    heard[0] = '\0';
    assert_ok(store_knowledge(s, hear, NULL, &f), &f);
    assert_string_equal(heard, "a2 a3 b6 b7 ");
    store_close(s);
}

/* As it was before there was knowledge: the first migration only. */
static void an_older_store_is_brought_up_to_date_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct fault    f = { 0 };
    struct store   *s = NULL;
    struct db      *db = NULL;
    struct casefile c = a_case(), d;
    char            path[128], secret[DIGEST_SIZE] = "", again[DIGEST_SIZE] = "";
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_begin(s, &f), &f);
    assert_ok(store_case_insert(s, &c, &alice, &f), &f);
    assert_ok(store_commit(s, &f), &f);
    store_close(s);
    (void)snprintf(path, sizeof path, "%s/cases.db", folder);
    assert_ok(db_open(path, DB_FULL, &db, &f), &f);
    assert_ok(db_exec(db, "DROP TABLE knowledge; DROP TABLE installation; PRAGMA user_version = 1", &f), &f);
    db_close(db);
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_case_get(s, c.id, &d, NULL, &f), &f);
    assert_true(add_knowledge(s, "a", "one", 1, &f));
    assert_ok(store_secret(s, secret, &f), &f);
    assert_int_equal(strlen(secret), DIGEST_SIZE - 1);
    store_close(s);
    assert_ok(store_open(folder, &s, &f), &f);
    assert_ok(store_secret(s, again, &f), &f);
    assert_string_equal(secret, again);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_case_reads_back_as_it_was_written, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_turn_that_is_rolled_back_leaves_nothing, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(after_a_write_that_took_the_turn_with_it_nothing_more_of_the_turn_is_written, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(one_bad_request_does_not_take_the_others_with_it, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_version_has_one_timeline_row_only, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(who_asked_first_for_the_current_plan_to_be_given_up_is_found, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_refusal_is_not_pushed_out_by_what_others_say_and_each_persons_last_word_on_a_plan_is_told, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(only_steps_of_the_plan_at_hand_count_as_begun, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_case_keeps_the_time_it_had_left_when_the_clock_is_set_back, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_case_that_was_asked_about_all_day_still_tells_how_it_began_and_how_it_ended, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_clock_that_is_far_ahead_for_a_moment_costs_no_telemetry, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(telemetry_that_is_damaged_hides_no_case_and_is_begun_anew, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_shown_of_the_budgets_is_what_the_gate_counts, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_database_of_a_newer_version_is_refused_and_left_alone, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_store_has_one_engine_at_a_time, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_a_trial_taught_is_kept_once_and_only_shared_while_its_tenant_does, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_comes_from_elsewhere_pushes_out_no_more_than_half_of_what_was_learned_here, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(an_older_store_is_brought_up_to_date_and_keeps_what_it_has, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_no_text_does_not_keep_the_rest_from_being_read, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_minute_that_came_in_two_parts_is_one_row_over_both, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(messages_wait_in_order_until_they_are_marked, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
