/* plan/scene.c - the situation a proposer sees, and what makes a proposal fair. */
#include "plan/scene.h"

#include "base/text.h"
#include "plan/compose.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool scene_another(const struct scene *s, int i, int j)
{
    const struct workload *a = i < s->tolds ? &s->told[i].workload : &s->workload, *b = j < s->tolds ? &s->told[j].workload : &s->workload;
    return workload_another(a, b, s->configuration[i] == s->configuration[j]);
}

bool scene_is_settable(const struct scene *s, const struct knob *k)
{
    static const char *const stronger[] = { "command line", "override", "global", "user", "database", "database user", "client", "session" };
    const struct setting *now = target_setting(s->view->facts, k->name);
    const struct target_facts *f = s->view->facts;
    if (!now || !s->view->bounds->knob[k->id].allowed || !knob_applies(k, f) || isnan(s->now.value[k->id]) || now->pending_restart)
        return false;
    if (now->denied && f->may_alter_system && !f->superuser)      /* whose role may alter nothing at all suggests to others */
        return false;
    for (size_t i = 0; i < sizeof stronger / sizeof stronger[0]; i++)
        if (strcmp(now->source, stronger[i]) == 0 && !(k->id == KNOB_WAL_BUFFERS && strcmp(stronger[i], "override") == 0))      /* that one the server computes */
            return false;
    return true;
}

/* A restart would put in force what somebody else has changed and left for later. What the command line decides says so for good, and stays. */
static bool somebody_waits(const struct target_facts *f)
{
    for (int i = 0; i < f->settings; i++)
        if (f->setting[i].pending_restart && strcmp(f->setting[i].source, "command line") != 0)
            return true;
    return false;
}

void scene_init(struct scene *s, const struct planner_view *view, const struct planner_told *told, int n, uint64_t seed)
{
    *s = (struct scene){ .view = view, .told = told, .tolds = n, .seed = seed };
    knob_state_of(&s->now, view->facts);
    workload_of(&s->workload, view->window, view->windows, view->facts);
    for (int i = 0; i < n; i++)
        s->configuration[i + 1] = s->configuration[i] + (told[i].told == TOLD_BETTER);
    for (int i = 0; i < n; i++)
        s->elsewhere[i] = scene_another(s, i, n);
    int count[METRIC_COUNT] = { 0 };
    for (int m = 0; m < METRIC_COUNT; m++)
        s->seen[m] = 0;
    for (int i = 0; i < view->windows; i++) {
        if (!view->window[i].whole)
            continue;
        s->windows++;
        for (int m = 0; m < METRIC_COUNT; m++)
            if (!isnan(view->window[i].v[m])) {
                s->seen[m] += view->window[i].v[m];
                count[m]++;
            }
    }
    for (int m = 0; m < METRIC_COUNT; m++)
        s->seen[m] = count[m] ? s->seen[m] / count[m] : (double)NAN;
    /* A restart that could not be undone while the server is down is none that we propose. */
    s->restarts = view->bounds->restart_allowed && view->facts->local && view->facts->file_access && !somebody_waits(view->facts);
    s->oltp = s->seen[METRIC_TPS] > 20 && !(s->seen[METRIC_LATENCY_MEAN] > 200);
}

/* ---- drafting ---- */

static struct proposed_change *change_of(struct proposal *p, enum knob_id id)
{
    for (int i = 0; i < p->changes; i++)
        if (p->change[i].knob == id)
            return &p->change[i];
    return NULL;
}

void scene_wish(struct proposal *p, enum knob_id id, double to)
{
    struct proposed_change *c = change_of(p, id);
    if (!c && p->changes < PROPOSAL_CHANGES_MAX)
        c = &p->change[p->changes++];
    if (c)
        *c = (struct proposed_change){ .knob = id, .to = to };
}

/* Where SCENE_REACH steps towards `to` lead; NAN: it cannot be had. */
static double within_reach(const struct scene *s, enum knob_id id, double to)
{
    struct knob k = bounds_knob(s->view->bounds, id, s->view->facts);
    double      at = s->now.value[id];
    if (isnan(at) || isnan(to) || !bounds_special(s->view->bounds, id, to) || !scene_is_settable(s, knob_at(id)) || (knob_needs_restart(knob_at(id), s->view->facts) && !s->restarts))
        return (double)NAN;
    for (int i = 0; i < SCENE_REACH && i < s->view->bounds->steps_max && !knob_equal(&k, at, to); i++)
        at = compose_step(&k, at, to, s->view->bounds->step_ratio);
    return at;
}

/* What cannot be had is no wish: the rest of a proposal would count on it. */
void scene_wish_within_reach(const struct scene *s, struct proposal *p, enum knob_id id, double to)
{
    double at = within_reach(s, id, to);
    if (!isnan(at))
        scene_wish(p, id, at);
}

void scene_name(struct proposal *p, const char *proposer)
{
    char *slash = strchr(p->planner, '/');
    size_t used = slash ? (size_t)(slash - p->planner) + 1 : 0;
    (void)text_copy(p->planner + used, sizeof p->planner - used, proposer);
}

void scene_why(struct proposal *p, const char *format, ...)
{
    size_t  used = strlen(p->why);
    va_list args;
    va_start(args, format);
    if (used && used + 1 < sizeof p->why)
        used += (size_t)snprintf(p->why + used, sizeof p->why - used, " ");
    (void)vsnprintf(p->why + used, sizeof p->why - used, format, args);
    va_end(args);
}

struct knob_state scene_after(const struct scene *s, const struct proposal *p)
{
    struct knob_state after = s->now;
    for (int i = 0; i < p->changes; i++)
        after.value[p->change[i].knob] = p->change[i].to;
    return after;
}

double scene_shared_buffers(const struct scene *s, const struct proposal *p, double share)
{
    struct knob_state after = scene_after(s, p);
    struct footprint  rest;
    after.value[KNOB_SHARED_BUFFERS] = after.value[KNOB_WAL_BUFFERS] < 0 ? scene_mb(512, KNOB_SHARED_BUFFERS) : 0;   /* 512 MB: WAL buffers at their most */
    footprint_of(&after, s->view->facts, s->view->bounds, &rest);
    double bytes = fmin(share * s->view->facts->memory_bytes, rest.bound - (rest.total - rest.shared));
    return isnan(rest.bound) || isnan(rest.total) ? (double)NAN : scene_mb(floor(bytes / 1048576.0), KNOB_SHARED_BUFFERS);
}

double scene_max_wal_size(const struct scene *s, double want)
{
    const struct bounds *b = s->view->bounds;
    double now = s->now.value[KNOB_MAX_WAL_SIZE], mb = 1048576.0;
    double recovery = floor(b->recovery_max_s * b->replay_bytes_per_s / mb);
    double disk = now + floor(b->disk_fraction * s->view->facts->disk_free_bytes / mb / (s->view->facts->slots > 0 ? 2 : 1));
    if (isnan(disk) || isnan(now))
        return (double)NAN;
    double most = fmin(want, fmin(recovery, disk));
    return most > 1024 ? floor(most / 256) * 256 : most;
}

/* ---- what has been tried ---- */

/* Near enough to be the same trial. */
static bool alike(const struct knob *k, double a, double b)
{
    if (knob_equal(k, a, b))
        return true;
    if (k->choice[0].name || knob_special_of(k, a) || knob_special_of(k, b) || a <= 0 || b <= 0)
        return false;
    return fabs(log(a / b)) < 0.1 || (k->type == KNOB_TYPE_INT && fabs(a - b) < 0.5);
}

static bool contains(const struct proposal *outer, const struct proposal *inner)
{
    for (int i = 0; i < inner->changes; i++) {
        bool found = false;
        for (int j = 0; j < outer->changes && !found; j++)
            found = outer->change[j].knob == inner->change[i].knob && alike(knob_at(inner->change[i].knob), outer->change[j].to, inner->change[i].to);
        if (!found)
            return false;
    }
    return inner->changes > 0;
}

/* Back to where a proof led away from? */
static bool goes_back(const struct proposal *p, const struct planner_told *t)
{
    if (t->told != TOLD_BETTER || t->proposal.changes > 2)
        return false;   /* of many changes nobody knows which one helped */
    for (int i = 0; i < p->changes; i++)
        for (int j = 0; j < t->proposal.changes; j++) {
            const struct proposed_change *was = &t->proposal.change[j];
            if (p->change[i].knob == was->knob && (p->change[i].to - was->from) * (was->from - was->to) >= 0)
                return true;
        }
    return false;
}

bool scene_spent(const struct scene *s, const struct proposal *p)
{
    int undecided = 0;
    for (int i = 0; i < s->tolds; i++) {
        const struct planner_told *t = &s->told[i];
        if (s->elsewhere[i] && t->told != TOLD_FAILED)
            continue;
        if (goes_back(p, t))
            return true;
        if (!contains(p, &t->proposal))
            continue;
        if (t->told == TOLD_WORSE)
            return true;
        if (!contains(&t->proposal, p))
            continue;
        if (t->told == TOLD_EQUIVALENT || t->told == TOLD_REFUSED || t->told == TOLD_FAILED)
            return true;
        /* What looked good but could not be told apart from noise deserves its second try at once, the rest when all else is done. */
        if (t->told == TOLD_UNDECIDED)
            undecided += s->second_try || t->effect > 0.05 ? 1 : 2;
    }
    return undecided >= 2;
}

int scene_told_here(const struct scene *s)
{
    int n = 0;
    for (int i = 0; i < s->tolds; i++)
        n += !s->elsewhere[i];
    return n;
}

int scene_told_of_since_better(const struct scene *s, const char *planner)
{
    int n = 0;
    for (int i = s->tolds - 1; i >= 0; i--) {
        if (s->elsewhere[i])
            continue;
        if (s->told[i].told == TOLD_BETTER)
            break;
        n += strncmp(s->told[i].proposal.planner, planner, strlen(planner)) == 0;
    }
    return n;
}

int scene_told_since_better(const struct scene *s) { return scene_told_of_since_better(s, ""); }

int scene_restarts_since_better(const struct scene *s)
{
    int n = 0;
    for (int i = s->tolds - 1; i >= 0; i--) {
        if (!s->told[i].proposal.needs_restart || s->elsewhere[i])
            continue;
        if (s->told[i].told == TOLD_BETTER)
            break;
        n += s->told[i].told != TOLD_REFUSED;   /* a refusal restarted nothing */
    }
    return n;
}

bool scene_may_restart(const struct scene *s)
{
    return s->restarts && scene_restarts_since_better(s) < 3;
}

bool scene_may_change(const struct scene *s, enum knob_id id) { return scene_may_restart(s) || !knob_needs_restart(knob_at(id), s->view->facts); }

/* What the server could not start with it cannot start with under any load. */
bool scene_failed_with(const struct scene *s, enum knob_id id, double to)
{
    for (int i = 0; i < s->tolds; i++)
        for (int j = 0; j < s->told[i].proposal.changes; j++)
            if (s->told[i].told == TOLD_FAILED && s->told[i].proposal.change[j].knob == id && knob_equal(knob_at(id), s->told[i].proposal.change[j].to, to))
                return true;
    return false;
}

/* ---- finishing ---- */

/* The wish as machine and policy allow it; NAN: it cannot be had. */
static double cut_down(const struct scene *s, enum knob_id id, double to)
{
    const struct knob          *k = knob_at(id);
    const struct target_facts  *f = s->view->facts;
    const struct knob_limit    *limit = &s->view->bounds->knob[id];
    double lo, hi, now = s->now.value[id];

    if (!scene_is_settable(s, k) || isnan(to) || !bounds_special(s->view->bounds, id, to) || (knob_needs_restart(k, f) && !s->restarts))
        return (double)NAN;
    double wish = to;
    if (!k->choice[0].name && !knob_special_of(k, to)) {
        if (knob_range(k, f, &lo, &hi, NULL) != OK)
            return (double)NAN;
        lo = isnan(limit->lo) ? lo : fmax(lo, limit->lo);
        hi = isnan(limit->hi) ? hi : fmin(hi, limit->hi);
        if (lo > hi)
            return (double)NAN;
        to = knob_round(k, fmin(fmax(to, lo), hi));
        if (to < lo || to > hi || (to - now) * (wish - now) < 0)
            return (double)NAN;   /* a range that ends before what is in force must not turn the wish round */
        if (!knob_special_of(k, now) && now > 0 && fabs(log(to / now)) < 0.09 && !(k->type == KNOB_TYPE_INT && to <= 64))
            return (double)NAN;   /* not worth a trial */
    }
    return knob_allows(k, f, to, NULL) != OK || knob_equal(k, now, to) ? (double)NAN : to;
}

static void cut_all(const struct scene *s, struct proposal *p)
{
    int kept = 0;
    for (int i = 0; i < p->changes; i++) {
        double to = cut_down(s, p->change[i].knob, p->change[i].to);
        if (!isnan(to))
            p->change[kept++] = (struct proposed_change){ .knob = p->change[i].knob, .to = to };
    }
    p->changes = kept;
}

static void drop(struct proposal *p, enum knob_id id)
{
    int kept = 0;
    for (int i = 0; i < p->changes; i++)
        if (p->change[i].knob != id)
            p->change[kept++] = p->change[i];
    p->changes = kept;
}

/* Half of the cache size is a hint's rule: raise the hint along as far as one case may, and stay below it. */
static void keep_half_of_cache(const struct scene *s, struct proposal *p)
{
    struct knob_state after = scene_after(s, p);
    if (!knob_dependency_broken(&knob_dependency[1], &s->now, &after, s->view->facts, s->view->bounds))
        return;
    double need = 2 * after.value[KNOB_SHARED_BUFFERS], can = cut_down(s, KNOB_EFFECTIVE_CACHE_SIZE, within_reach(s, KNOB_EFFECTIVE_CACHE_SIZE, need));
    if (can >= need) {
        scene_wish(p, KNOB_EFFECTIVE_CACHE_SIZE, can);
        return;
    }
    double cache = fmax(after.value[KNOB_EFFECTIVE_CACHE_SIZE], can);      /* of a number and NAN the number */
    double less = cut_down(s, KNOB_SHARED_BUFFERS, floor(cache / 2));
    if (isnan(less) || 2 * less > cache) {
        drop(p, KNOB_SHARED_BUFFERS);
        return;
    }
    scene_wish(p, KNOB_SHARED_BUFFERS, less);
    if (2 * less > after.value[KNOB_EFFECTIVE_CACHE_SIZE])
        scene_wish(p, KNOB_EFFECTIVE_CACHE_SIZE, cache);
}

static bool is_safe(const struct scene *s, const struct proposal *p)
{
    const struct target_facts *f = s->view->facts;
    const struct bounds       *b = s->view->bounds;
    struct knob_state          after = scene_after(s, p);
    struct footprint           was, is;
    bool memory = false, wal = false, slots;

    for (int i = 0; i < KNOB_DEPENDENCIES; i++)
        if (knob_dependency_broken(&knob_dependency[i], &s->now, &after, f, b))
            return false;
    for (int i = 0; i < p->changes; i++) {
        memory |= (knob_at(p->change[i].knob)->flags & KNOB_MEMORY) != 0;
        wal |= p->change[i].knob == KNOB_MAX_WAL_SIZE || p->change[i].knob == KNOB_CHECKPOINT_TIMEOUT || p->change[i].knob == KNOB_CHECKPOINT_COMPLETION_TARGET;
    }
    footprint_of(&s->now, f, b, &was);
    footprint_of(&after, f, b, &is);
    if (memory && !(is.total <= is.bound) && !(is.total <= was.total))
        return false;
    double had = recovery_estimate_s(&s->now, b, (double)NAN), has = recovery_estimate_s(&after, b, (double)NAN);
    if (wal && !(has <= b->recovery_max_s) && !(has <= had))
        return false;
    double grows = wal_disk_bytes(&after, f, &slots) - wal_disk_bytes(&s->now, f, &slots);
    return !wal || grows <= 0 || grows <= b->disk_fraction * f->disk_free_bytes / (slots ? 2 : 1);
}

static void write_title(const struct scene *s, struct proposal *p)
{
    size_t used = 0;
    p->title[0] = '\0';
    for (int i = 0; i < p->changes; i++) {
        const struct knob *k = knob_at(p->change[i].knob);
        char from[48], to[48], one[160];
        (void)snprintf(one, sizeof one, "%s%s %s -> %s", i ? ", " : "", k->name, knob_format(k, s->now.value[k->id], from, sizeof from),
                       knob_format(k, p->change[i].to, to, sizeof to));
        if (used + strlen(one) + 16 > sizeof p->title) {
            (void)snprintf(p->title + used, sizeof p->title - used, " and %d more", p->changes - i);
            return;
        }
        used += (size_t)snprintf(p->title + used, sizeof p->title - used, "%s", one);
    }
}

/* The catalogue's order: what matters most in the title first. */
static int by_knob(const void *a, const void *b)
{
    return (int)((const struct proposed_change *)a)->knob - (int)((const struct proposed_change *)b)->knob;
}

/* What matters most stays. */
static bool cut_to_policy(const struct scene *s, struct proposal *p)
{
    bool cut = p->changes > s->view->bounds->changes_max;
    qsort(p->change, (size_t)p->changes, sizeof p->change[0], by_knob);
    if (cut)
        p->changes = s->view->bounds->changes_max;
    return cut;
}

bool scene_finish(const struct scene *s, struct proposal *p)
{
    cut_all(s, p);
    bool cut = cut_to_policy(s, p);
    keep_half_of_cache(s, p);
    cut = cut_to_policy(s, p) || cut;
    if (p->changes == 0 || !is_safe(s, p))
        return false;
    p->has_workload = true;
    p->workload = s->workload;
    p->needs_restart = false;
    p->verify = VERIFY_NONE;
    for (int i = 0; i < p->changes; i++) {
        const struct knob *k = knob_at(p->change[i].knob);
        p->change[i].from = s->now.value[k->id];
        bool               restart = knob_needs_restart(k, s->view->facts);
        enum verify_class  c = k->restart && !restart ? VERIFY_SLOW : k->verify;
        p->needs_restart |= restart;
        p->verify = c > p->verify ? c : p->verify;
    }
    write_title(s, p);
    if (cut)
        scene_why(p, "Policy lets one plan change %d parameter%s, so what matters less is left for later.", s->view->bounds->changes_max, s->view->bounds->changes_max == 1 ? "" : "s");
    return !scene_spent(s, p);
}
