/* tests/sim/world.c - what can happen, and what must be true after it. */
#include "world.h"

#include <string.h>

#define PROMISE(w, cond, text) do { if (!(cond) && !(w)->broken) (w)->broken = (text); } while (0)

static bool chance(struct world *w, double p) { return rand_unit(&w->chance) < p; }

static void hash(struct world *w, int64_t x)
{
    for (int i = 0; i < 8; i++) {
        w->trace ^= (uint64_t)(x >> (8 * i)) & 0xff;
        w->trace *= UINT64_C(0x100000001b3);
    }
}

static void birth(struct world *w, int slot)
{
    struct casefile *c = &w->saved[slot];
    *c = (struct casefile){ .state = CASE_NEW, .version = 1, .in_force_is_proven = true, .driver = DRIVER_ENGINE };
    c->id[0] = 'c';
    c->created_us = w->now_us;
    c->deadline_us = w->now_us + case_timing_default.stay_us[CASE_NEW];
    w->target_of[slot] = (int)rand_int(&w->chance, 0, WORLD_TARGETS - 1);
    w->timeline[slot] = 1;
    w->births++;
}

void world_start(struct world *w, uint64_t seed)
{
    *w = (struct world){ .now_us = 1000000, .trace = UINT64_C(0xcbf29ce484222325) };
    rand_seed(&w->chance, seed);
    for (int i = 0; i < WORLD_CASES; i++)
        birth(w, i);
}

static struct target_world *target_of(struct world *w, int slot) { return &w->target[w->target_of[slot]]; }

static bool baseline(const struct target_world *t)
{
    for (int i = 0; i < WORLD_STEPS_MAX; i++)
        if (t->on[i])
            return false;
    return true;
}

static bool all_on(const struct target_world *t, int steps)
{
    for (int i = 0; i < WORLD_STEPS_MAX; i++)
        if (t->on[i] != (i < steps))
            return false;
    return true;
}

/* What must be true of a case that came to rest. */
static void check_rest(struct world *w, int slot, const struct case_decision *d)
{
    const struct casefile     *c = &w->saved[slot];
    const struct target_world *t = target_of(w, slot);
    bool mine = t->holder == slot + 1;
    if (!d->rule)
        return;
    if (d->rule->number == 601) {
        PROMISE(w, mine && all_on(t, c->steps), "a case closed as better without its whole plan in force");
        w->closed_kept++;
    }
    if (d->rule->number == 502 || d->rule->number == 602)
        PROMISE(w, !mine || baseline(t), "a failed case left something in force");
    if (d->rule->number == 702 || d->rule->number == 703) {
        PROMISE(w, c->in_force_is_proven, "closed without proof of what is in force");
        w->closed_back++;
    }
    if (d->rule->number == 503 || d->rule->number == 603 || d->rule->number == 507 || d->rule->number == 607) {
        PROMISE(w, !c->in_force_is_proven, "unknown and proven at the same time");
        w->parked_unknown++;
    }
    if ((c->state == CASE_PARKED || c->state == CASE_CLOSED) && mine && !case_holds_target(c)) {
        struct target_world *release = target_of(w, slot);
        memset(release->on, 0, sizeof release->on);   /* what was kept is the next case's baseline */
        release->holder = 0;
    }
}

static void launch(struct world *w, int slot, enum case_order order)
{
    const struct casefile *c = &w->saved[slot];
    PROMISE(w, c->state == CASE_EXECUTING || c->state == CASE_VERIFYING, "an order to act outside EXECUTING and VERIFYING");
    PROMISE(w, target_of(w, slot)->holder == slot + 1, "an order to act on a target that somebody else holds");
    for (int i = 0; i < WORLD_FLIGHT_MAX; i++)
        if (!w->flight[i].used) {
            w->flight[i] = (struct flight){ .used = true, .slot = slot, .action = c->action, .order = order, .step = c->step, .effect_left = true };
            return;
        }
    /* No room: the order is lost, as a crash would lose it; the deadline is the way out. */
}

/* Save, as one transaction, and only then give the order. */
static void commit(struct world *w, int slot, const struct case_decision *d)
{
    struct casefile *c = &w->saved[slot];
    PROMISE(w, d->next.version == c->version + 1, "a version was skipped or used twice");
    *c = d->next;
    w->timeline[slot]++;
    PROMISE(w, w->timeline[slot] == c->version, "a transition without its timeline row");
    PROMISE(w, case_is_final(c->state) || c->deadline_us > 0, "a case without a deadline");
    hash(w, slot);
    hash(w, d->rule ? d->rule->number : 0);
    hash(w, d->run ? d->run->number : 0);
    hash(w, c->version);
    check_rest(w, slot, d);
    if (case_order_is_action(d->order) && !chance(w, 0.01))   /* 1 %: killed between commit and order */
        launch(w, slot, d->order);
}

static enum case_answer feed(struct world *w, int slot, struct case_input in)
{
    struct case_decision d;
    in.facts.retry = 1;
    in.facts.recover_max = 3;
    enum case_answer a = case_decide(&w->saved[slot], &in, &case_timing_default, w->now_us, &d);
    if (a == CASE_MOVED)
        commit(w, slot, &d);
    return a;
}

static void event(struct world *w, int slot, enum case_event e)
{
    struct case_input in = { .kind = INPUT_EVENT, .event = e };
    in.facts.gate_approves = e == ON_GATE_APPROVED && chance(w, 0.9);
    in.facts.proven_better = e == ON_VERIFY_PASS && chance(w, 0.7);
    if (e == ON_GATE_APPROVED && in.facts.gate_approves) {
        struct target_world *t = target_of(w, slot);
        if (t->holder && t->holder != slot + 1)
            return;                                    /* the gate: the target is taken */
        if (feed(w, slot, in) == CASE_MOVED)
            t->holder = slot + 1;
        return;
    }
    (void)feed(w, slot, in);
}

static void run(struct world *w, int slot, enum run_input i)
{
    (void)feed(w, slot, (struct case_input){ .kind = INPUT_RUN, .run = i });
}

/* The side effect itself, at last. */
static void effect(struct world *w, struct flight *f)
{
    struct target_world *t = target_of(w, f->slot);
    int steps = w->saved[f->slot].steps;
    f->effect_left = false;
    if (t->holder != f->slot + 1 || f->fence != t->fence)
        return;                                        /* the fence holds a ghost back */
    switch (f->order) {
    case ORDER_DO:
        PROMISE(w, !t->on[f->step], "a step was done twice");
        t->on[f->step] = true;
        w->effects++;
        break;
    case ORDER_UNDO: case ORDER_INCUMBENT:
        memset(t->on, 0, sizeof t->on);
        break;
    case ORDER_CANDIDATE:
        for (int i = 0; i < steps; i++)
            t->on[i] = true;
        break;
    default:
        break;
    }
}

static enum run_input witness(struct world *w, const struct flight *f)
{
    const struct casefile     *c = &w->saved[f->slot];
    const struct target_world *t = target_of(w, f->slot);
    if (chance(w, 0.2))
        return RUN_ON_LOST;
    if (c->phase == RUN_DOING)
        return t->on[c->step] ? RUN_ON_DONE : RUN_ON_UNTOUCHED;
    if (c->phase == RUN_TO_INCUMBENT)
        return baseline(t) ? RUN_ON_DONE : RUN_ON_UNTOUCHED;
    return all_on(t, c->steps) ? RUN_ON_DONE : RUN_ON_UNTOUCHED;
}

static void answer(struct world *w, struct flight *f)
{
    double dice = rand_unit(&w->chance);
    f->answered = true;
    f->fence = ++target_of(w, f->slot)->fence;
    switch (f->order) {
    case ORDER_PREPARE: f->answer = dice < 0.9 ? RUN_ON_PREPARED : dice < 0.96 ? RUN_ON_REFUSED : RUN_ON_LOST; break;
    case ORDER_PROBE:   f->answer = dice < 0.9 ? RUN_ON_PROBED : dice < 0.96 ? RUN_ON_REFUSED : RUN_ON_LOST; break;
    case ORDER_RECOVER: f->answer = witness(w, f); break;   /* the fence was taken before looking */
    default:
        if (dice < 0.80) {
            effect(w, f);
            f->answer = RUN_ON_DONE;
        } else if (dice < 0.86) {
            f->effect_left = false;
            f->answer = RUN_ON_UNTOUCHED;
        } else if (dice < 0.92 && f->order == ORDER_DO) {
            f->effect_left = false;                    /* half of it happened; the undo mends that */
            f->answer = RUN_ON_PARTIAL;
        } else if (dice < 0.96) {
            effect(w, f);
            f->answer = RUN_ON_LOST;
        } else {
            f->answer = RUN_ON_LOST;                   /* and the effect may still come, until the fence is taken */
        }
        break;
    }
}

static void deliver(struct world *w, struct flight *f)
{
    struct flight copy = *f;
    bool again = chance(w, 0.05);
    if (again)
        w->duplicates++;
    else if (!f->effect_left)
        f->used = false;
    enum case_answer a = feed(w, copy.slot, (struct case_input){ .kind = INPUT_RUN, .run = copy.answer, .action = copy.action });
    if (a == CASE_IGNORED)
        w->ghosts++;
    if (!again && f->used && chance(w, 0.5)) {
        if (f->effect_left)
            effect(w, f);                              /* the half-dead predecessor acts at last, or bounces */
        f->used = false;
    }
}

static void crash(struct world *w)
{
    w->crashes++;
    for (int i = 0; i < WORLD_FLIGHT_MAX; i++) {
        struct flight *f = &w->flight[i];
        if (f->used && f->effect_left && f->order != ORDER_RECOVER && chance(w, 0.5)) {
            f->fence = f->answered ? f->fence : ++target_of(w, f->slot)->fence;
            effect(w, f);
        }
        f->used = false;
    }
    for (int slot = 0; slot < WORLD_CASES; slot++) {
        struct case_decision d;
        if (case_restart(&w->saved[slot], w->now_us, &d) == CASE_MOVED)
            commit(w, slot, &d);
    }
}

static void flights(struct world *w)
{
    struct flight *f = &w->flight[rand_int(&w->chance, 0, WORLD_FLIGHT_MAX - 1)];
    if (!f->used)
        return;
    if (!f->answered)
        answer(w, f);
    else
        deliver(w, f);
}

/* What the engine does by itself for a case in this state. */
static void drive(struct world *w, int slot)
{
    struct casefile *c = &w->saved[slot];
    switch (c->state) {
    case CASE_NEW:       event(w, slot, ON_START_ANALYSIS); break;
    case CASE_ANALYZING: event(w, slot, ON_ANALYSIS_DONE); break;
    case CASE_PLANNING:
        if (chance(w, 0.8)) {                          /* a plan is stored with the case, in the same transaction */
            c->plan_id[0] = 'p';
            c->steps = (int)rand_int(&w->chance, 1, WORLD_STEPS_MAX);
        }
        event(w, slot, ON_PLAN_READY);
        break;
    case CASE_WAIT_GATE: event(w, slot, chance(w, 0.9) ? ON_GATE_APPROVED : ON_GATE_REJECTED); break;
    case CASE_EXECUTING: run(w, slot, c->phase == RUN_IDLE ? RUN_ON_BEGIN : chance(w, 0.9) ? RUN_ON_WATCHED : RUN_ON_PUT_BACK); break;
    case CASE_VERIFYING:
        if (chance(w, 0.4))
            run(w, slot, c->candidate_in_force ? RUN_ON_GO_INCUMBENT : RUN_ON_GO_CANDIDATE);
        else if (chance(w, 0.6))
            event(w, slot, ON_VERIFY_PASS);
        else
            run(w, slot, RUN_ON_PUT_BACK);
        break;
    case CASE_PARKED:    event(w, slot, chance(w, 0.3) ? ON_RESUME : ON_GIVE_UP); break;
    default:             birth(w, slot); break;
    }
}

void world_step(struct world *w)
{
    int    slot = (int)rand_int(&w->chance, 0, WORLD_CASES - 1);
    double dice = rand_unit(&w->chance);
    w->now_us += rand_int(&w->chance, 1, 1000000);
    if (dice < 0.55)
        flights(w);
    else if (dice < 0.90)
        drive(w, slot);
    else if (dice < 0.96)
        event(w, slot, (enum case_event)rand_int(&w->chance, 0, CASE_EVENT_COUNT - 1));   /* anybody may send anything at any time */
    else if (dice < 0.975)
        run(w, slot, (enum run_input)rand_int(&w->chance, RUN_ON_WATCHED, RUN_INPUT_COUNT - 1));
    else if (dice < 0.985) {
        if (w->saved[slot].deadline_us && chance(w, 0.2)) {
            w->now_us = w->now_us > w->saved[slot].deadline_us ? w->now_us : w->saved[slot].deadline_us;
            event(w, slot, ON_DEADLINE);
        }
    } else if (dice < 0.987)
        w->now_us += 24 * INT64_C(3600) * 1000000 * (chance(w, 0.5) ? 1 : 0);   /* the clock jumps */
    else if (dice < 0.992)
        crash(w);
    hash(w, slot);
}
