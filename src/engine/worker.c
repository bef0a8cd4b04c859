/*
 * engine/worker.c - the threads that touch the world.
 *
 * One worker per target, one for cases without a target.  A worker takes a job,
 * calls the adapters, and sends the job back with its answer; it never sees the
 * store or a case.
 */
#include "base/crash.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void job_free(struct job *j)
{
    if (!j)
        return;
    json_decref(j->plan);
    json_decref(j->units);
    json_decref(j->snapshot);
    json_decref(j->found);
    json_decref(j->witness);
    free(j->output);
    free(j);
}

/* The stop switch holds back what has not begun; an undo is never held back. */
static bool is_stopped(void *ctx) { return atomic_load((atomic_int *)ctx) != 0; }
static bool never(void *ctx) { (void)ctx; return false; }

static struct act_context context_for(struct engine *e, struct job *j, int step, int timeout_s)
{
    (void)snprintf(j->action_id, sizeof j->action_id, "%s.%d.%d", j->case_id, j->plans_tried, step + 1);
    bool may_stop = j->target >= 0 && j->kind == JOB_ACTION && (j->order == ORDER_PROBE || j->order == ORDER_DO || j->order == ORDER_CANDIDATE);
    return (struct act_context){
        .target = j->target >= 0 ? atomic_load(&e->target[j->target].act) : NULL, .state_folder = e->folder,
        .deadline_us = clock_mono_us(&clock_real) + (int64_t)timeout_s * US_PER_S, .action_id = j->action_id,
        .cancelled = may_stop ? is_stopped : never, .cancelled_ctx = may_stop ? &e->target[j->target].stopped : NULL,
    };
}

static int first_of(const json_t *unit) { return (int)json_integer_value(json_object_get(unit, "first")); }

/* A unit is stored as JSON; adapters want a step. The step borrows from json. */
static bool step_from(json_t *json, struct plan_step *step)
{
    const char *action = json_string_value(json_object_get(json, "action"));
    if (!action || !plan_action_parse(action, &step->action))
        return false;
    step->params = json_object_get(json, "params");
    step->timeout_s = (int)json_integer_value(json_object_get(json, "timeout_s"));
    step->retry = step->watch_s = 0;
    return true;
}

static void take_report(struct job *j, struct act_report *r)
{
    static const enum run_input inputs[] = { [ACT_DONE] = RUN_ON_DONE, [ACT_UNTOUCHED] = RUN_ON_UNTOUCHED, [ACT_PARTIAL] = RUN_ON_PARTIAL, [ACT_UNKNOWN] = RUN_ON_LOST };
    /* Of several units the worst answer counts: DONE < UNTOUCHED < PARTIAL < LOST. */
    if (inputs[r->outcome] > j->answer || j->answer < RUN_ON_DONE) {
        j->answer = inputs[r->outcome];
        j->outcome = act_outcome_name(r->outcome);
        if (r->outcome != ACT_DONE)
            j->fault = r->fault;
    }
    if (r->witness) {
        json_decref(j->witness);
        j->witness = json_incref(r->witness);
    }
    if (r->output.used && !j->output)
        j->output = strdup(r->output.s);
}

static void refuse(struct job *j, enum err code)
{
    /* No answer is not a refusal: it could not be looked at. */
    j->answer = code == ERR_IO || code == ERR_TIMEOUT || code == ERR_BUSY || code == ERR_UNKNOWN ? RUN_ON_LOST : RUN_ON_REFUSED;
    j->outcome = j->answer == RUN_ON_LOST ? ACTION_UNSEEN : code == ERR_CONFLICT ? ACTION_IN_THE_WAY : "refused";
}

enum { UNITS_MAX = PLAN_STEPS_MAX };

static void prepare(struct engine *e, struct job *j, const struct plan *plan)
{
    json_t              *units = units_of(plan), *u;
    struct plan_step     step[UNITS_MAX];
    struct act_done_step undo[UNITS_MAX];
    size_t               i;
    int                  n = 0;
    struct act_context   c = context_for(e, j, 0, 60);
    enum err             err = OK;
    json_array_foreach(units, i, u) {
        json_t *snapshot = NULL;
        if (!step_from(json_object_get(u, "step"), &step[n]))
            continue;
        const struct act_adapter *a = act_adapter_for(step[n].action);
        c = context_for(e, j, first_of(u), step[n].timeout_s);
        err = a ? a->probe(&c, &step[n], &snapshot, &j->fault) : fail(&j->fault, ERR_INPUT, "no adapter handles %s", plan_action_info[step[n].action].name);
        json_object_set_new(u, "snapshot", snapshot ? snapshot : json_null());
        if (err != OK)
            break;
        undo[n] = (struct act_done_step){ &step[n], snapshot };
        n++;
    }
    if (err == OK) {
        CRASH_POINT(CRASH_BEFORE_UNDO_FILE);
        err = act_undo_script_write(&c, j->case_id, undo, n, j->undo_path, sizeof j->undo_path, &j->fault);
        CRASH_POINT(CRASH_AFTER_UNDO_FILE);
    }
    if (err != OK) {
        refuse(j, err);
        json_decref(units);
        return;
    }
    j->answer = RUN_ON_PREPARED;
    j->outcome = "prepared";
    j->found = units;
}

static void probe(struct engine *e, struct job *j, const struct plan *plan)
{
    const struct plan_step   *step = &plan->step[j->step];
    const struct act_adapter *a = act_adapter_for(step->action);
    struct act_context        c = context_for(e, j, j->step, step->timeout_s);
    enum err err = a ? a->probe(&c, step, &j->found, &j->fault) : fail(&j->fault, ERR_INPUT, "no adapter handles %s", plan_action_info[step->action].name);
    if (err != OK) {
        refuse(j, err);
        return;
    }
    j->answer = RUN_ON_PROBED;
    j->outcome = "probed";
}

static void one_step(struct engine *e, struct job *j, const struct plan *plan, bool look_only)
{
    const struct plan_step   *step = &plan->step[j->step];
    const struct act_adapter *a = act_adapter_for(step->action);
    struct act_context        c = context_for(e, j, j->step, step->timeout_s);
    struct act_report         r;
    act_report_init(&r);
    if (look_only)
        a->recover(&c, step, j->snapshot, &r);
    else
        a->act(&c, step, j->snapshot, &r);
    take_report(j, &r);
    act_report_done(&r);
}

enum unit_work { UNIT_APPLY, UNIT_UNDO, UNIT_LOOK };

/* The unit's step and its adapter; NULL for one of which no step was ever begun: a program's undo would act on what nobody has done. */
static const struct act_adapter *adapter_of(const struct job *j, json_t *unit, struct plan_step *step)
{
    if ((j->begun > 0 && first_of(unit) >= j->begun) || !step_from(json_object_get(unit, "step"), step))
        return NULL;
    return act_adapter_for(step->action);
}

/* Is there one that leaves something to put back? Then only those tell which configuration is in force. */
static bool some_can_tell(const struct job *j)
{
    size_t  i;
    json_t *u;
    json_array_foreach(j->units, i, u) {
        struct plan_step          step = { 0 };
        const struct act_adapter *a = adapter_of(j, u, &step);
        if (a && a->undo_script)
            return true;
    }
    return false;
}

/* Undoing goes backwards. */
static void all_units(struct engine *e, struct job *j, enum unit_work work)
{
    size_t n = json_array_size(j->units);
    bool   choosy = work == UNIT_LOOK && some_can_tell(j), seen[ACT_UNKNOWN + 1] = { false }, any = false;
    j->answer = RUN_ON_DONE;
    j->outcome = "done";
    for (size_t i = 0; i < n; i++) {
        json_t                   *u = json_array_get(j->units, work == UNIT_UNDO ? n - 1 - i : i);
        struct plan_step          step = { 0 };
        const struct act_adapter *a = adapter_of(j, u, &step);
        if (a && (!choosy || a->undo_script)) {
            struct act_context c = context_for(e, j, first_of(u), step.timeout_s + 60);
            struct act_report  r;
            act_report_init(&r);
            (work == UNIT_APPLY ? a->act : work == UNIT_UNDO ? a->undo : a->recover)(&c, &step, json_object_get(u, "snapshot"), &r);
            seen[r.outcome] = any = true;
            take_report(j, &r);
            act_report_done(&r);
        }
        if (j->answer == RUN_ON_LOST && work != UNIT_UNDO)
            break;
    }
    if (!any) {      /* nothing was looked at, and nothing put back */
        j->answer = RUN_ON_LOST;
        j->outcome = act_outcome_name(ACT_UNKNOWN);
        (void)fail(&j->fault, ERR_UNKNOWN, "it is not known what the plan has to put in force or back");
    }
    /* The worst of "done" and "untouched" is neither: one unit's new values beside another's old ones are no configuration that anybody knows. */
    if (work == UNIT_LOOK && j->answer == RUN_ON_UNTOUCHED && seen[ACT_DONE]) {
        j->answer = RUN_ON_PARTIAL;
        j->outcome = act_outcome_name(ACT_PARTIAL);
        (void)fail(&j->fault, ERR_STATE, "some steps of the plan are in force, and some are not");
    }
}

static void recover(struct engine *e, struct job *j, const struct plan *plan)
{
    CRASH_POINT(CRASH_IN_RECOVERY);
    if (j->phase == RUN_DOING) {
        one_step(e, j, plan, true);
        return;
    }
    all_units(e, j, UNIT_LOOK);
    /* The adapters speak of the candidate; on the way to the incumbent the answer is the other way round. */
    if (j->phase == RUN_TO_INCUMBENT)
        j->answer = j->answer == RUN_ON_DONE ? RUN_ON_UNTOUCHED : j->answer == RUN_ON_UNTOUCHED ? RUN_ON_DONE : j->answer;
}

static void dry_run(struct engine *e, struct job *j, const struct plan *plan)
{
    struct text out;
    text_init(&out, 64 * 1024);
    json_t *units = units_of(plan), *u;
    size_t  i;
    json_array_foreach(units, i, u) {
        struct plan_step step;
        if (!step_from(json_object_get(u, "step"), &step))
            continue;
        const struct act_adapter *a = act_adapter_for(step.action);
        struct act_context        c = context_for(e, j, first_of(u), step.timeout_s);
        if (!a || a->dry_run(&c, &step, &out, &j->fault) != OK)
            text_printf(&out, "-- cannot be shown: %s\n", a ? j->fault.text : "no adapter");
    }
    json_decref(units);
    j->output = text_take(&out);
}

static bool is_waited_for(void *ctx) { return queue_length(ctx) > 0; }

static void work(struct worker *w, struct job *j)
{
    struct engine *e = w->engine;
    struct plan    plan;
    if (j->kind == JOB_CHECKPOINT) {
        struct act_context c = context_for(e, j, 0, 600);
        c.cancelled = is_waited_for;   /* a guard that has tripped is not kept waiting for a measurement's sake */
        c.cancelled_ctx = &w->jobs;
        j->answer = act_pg_checkpoint(&c, &j->fault) == OK ? RUN_ON_DONE : RUN_ON_LOST;
        j->outcome = j->answer == RUN_ON_LOST && j->fault.code == ERR_TIMEOUT && is_waited_for(&w->jobs) ? CHECKPOINT_GAVE_WAY : NULL;
        return;
    }
    if (plan_parse(j->plan, &plan, &j->fault) != OK) {   /* stored plans were parsed before: only a damaged store gets here */
        j->answer = RUN_ON_LOST;
        j->outcome = "unreadable plan";
        return;
    }
    if (j->kind == JOB_DRY_RUN) {
        dry_run(e, j, &plan);
    } else if (j->kind == JOB_LOOK) {
        all_units(e, j, UNIT_LOOK);
    } else {
        switch (j->order) {
        case ORDER_PREPARE:   prepare(e, j, &plan); break;
        case ORDER_PROBE:     probe(e, j, &plan); break;
        case ORDER_DO:        one_step(e, j, &plan, false); break;
        case ORDER_CANDIDATE: all_units(e, j, UNIT_APPLY); break;
        case ORDER_INCUMBENT: case ORDER_UNDO: all_units(e, j, UNIT_UNDO); break;
        case ORDER_RECOVER:   recover(e, j, &plan); break;
        default:              j->answer = RUN_ON_LOST; break;
        }
    }
    plan_done(&plan);
}

/* Waits as long as the job is to wait. false: the program ends, and what has not begun does not begin. */
static bool may_begin(struct engine *e, const struct job *j)
{
    int64_t from_us = clock_mono_us(&clock_real) + j->pause_ms * US_PER_MS;
    while (!atomic_load(&e->closing) && clock_mono_us(&clock_real) < from_us)
        nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000000L }, NULL);
    return !atomic_load(&e->closing);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    for (;;) {
        struct job *j = queue_wait(&w->jobs, -1);
        if (!j)
            return NULL;
        if (!may_begin(w->engine, j)) {   /* its intent is recorded; the next start recovers it */
            job_free(j);
            atomic_fetch_sub(&w->busy, 1);
            continue;
        }
        static const enum note_kind kinds[] = { [JOB_ACTION] = NOTE_RESULT, [JOB_DRY_RUN] = NOTE_DRY_RUN, [JOB_CHECKPOINT] = NOTE_CHECKPOINT, [JOB_LOOK] = NOTE_LOOK };
        enum note_kind kind = kinds[j->kind];
        int64_t        began_us = clock_mono_us(&clock_real);
        work(w, j);
        j->took_us = clock_mono_us(&clock_real) - began_us;
        CRASH_POINT(CRASH_BEFORE_RESULT);
        struct note *n = calloc(1, sizeof *n);
        struct fault fault;
        if (n) {
            *n = (struct note){ .kind = kind, .target = j->target, .as.job = j };
            /* A full queue is waited for: a result must not get lost while the engine lives. */
            enum err err;
            while ((err = engine_note(w->engine, n, &fault)) == ERR_BUSY)
                nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000000L }, NULL);
            if (err != OK)
                note_free(n);
        }
        atomic_fetch_sub(&w->busy, 1);
    }
}

enum err worker_start(struct engine *e, struct worker *w, struct fault *fault)
{
    w->engine = e;
    enum err err = queue_init(&w->jobs, 64, NULL, NULL, fault);
    if (err != OK)
        return err;
    if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
        return fail(fault, ERR_LIMIT, "cannot start an act worker");
    w->started = true;
    return OK;
}

bool worker_stop(struct worker *w, int64_t until_us)
{
    if (!w->started)
        return true;
    queue_close(&w->jobs);
    while (pthread_tryjoin_np(w->thread, NULL) != 0) {
        if (clock_mono_us(&clock_real) >= until_us)
            return false;
        nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000000L }, NULL);
    }
    for (struct job *j; (j = queue_take(&w->jobs)); )
        job_free(j);
    queue_done(&w->jobs);
    w->started = false;
    return true;
}

enum err worker_send(struct worker *w, struct job *j, struct fault *fault)
{
    atomic_fetch_add(&w->busy, 1);
    enum err err = queue_put(&w->jobs, j, fault);
    if (err != OK) {
        atomic_fetch_sub(&w->busy, 1);
        job_free(j);
    }
    return err;
}
