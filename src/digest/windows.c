/* digest/windows.c */
#include "digest/windows.h"

#include <string.h>

#define MINUTE_US (INT64_C(60) * 1000000)

static const struct job_kind jobs[] = {
    { "oo-agg",       "",       MINUTE_US,      2 * MINUTE_US, 15 * MINUTE_US, 60 * MINUTE_US, "what came in, into minutes of metrics, calls, patterns and pointers" },
    { "age-refresh",  "oo-agg", 5 * MINUTE_US,  2 * MINUTE_US, 10 * MINUTE_US, 60 * MINUTE_US, "the graph of the calls of the last ten minutes" },
    { "topo-iac",     "",       15 * MINUTE_US, 0,             15 * MINUTE_US, 15 * MINUTE_US, "who depends on whom, from descriptions of infrastructure" },
    { "topo-ansible", "",       60 * MINUTE_US, 0,             60 * MINUTE_US, 60 * MINUTE_US, "who depends on whom, from inventories and playbooks" },
};

const struct job_kind *window_jobs(size_t *count)
{
    *count = sizeof jobs / sizeof *jobs;
    return jobs;
}

const struct job_kind *window_job(const char *name)
{
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
        if (strcmp(jobs[i].name, name) == 0)
            return &jobs[i];
    return NULL;
}

int64_t window_floor(int64_t us, int64_t align_us)
{
    int64_t rest = us % align_us;
    return us - (rest < 0 ? rest + align_us : rest);
}

int64_t window_upper(const struct job_kind *j, int64_t now_us) { return window_floor(now_us - j->delay_us, j->align_us); }

bool window_next(const struct job_kind *j, int64_t now_us, int64_t done_us, int64_t after_us, struct window *w)
{
    int64_t upper = window_upper(j, now_us);
    if (*j->after)
        upper = after_us == INT64_MIN ? INT64_MIN : after_us < upper ? window_floor(after_us, j->align_us) : upper;
    if (upper == INT64_MIN)
        return false;
    bool first = done_us == INT64_MIN || upper - done_us > WINDOW_ASKED_MAX_US;
    w->from_us = first ? window_floor(upper - j->initial_us, j->align_us) : done_us;
    w->to_us = upper - w->from_us > j->window_max_us ? w->from_us + j->window_max_us : upper;
    return w->from_us < w->to_us;
}

bool window_asked(const struct job_kind *j, int64_t now_us, int64_t from_us, int64_t to_us, struct window *w, int64_t *due_us, const char **why)
{
    *due_us = 0;
    *why = from_us >= to_us ? "it is empty" : to_us - from_us > WINDOW_ASKED_MAX_US ? "it is longer than seven days" : NULL;
    if (*why)
        return false;
    w->from_us = window_floor(from_us, j->align_us);
    w->to_us = window_floor(to_us - 1, j->align_us) + j->align_us;
    if (w->to_us - now_us > WINDOW_AHEAD_MAX_US)
        *why = "it ends more than a day from now";
    else if (w->to_us > window_upper(j, now_us))
        *due_us = w->to_us + j->delay_us;
    return !*why;
}

bool windows_order(const struct job_kind *list, size_t count, size_t *order)
{
    bool   done[JOBS_MAX] = { false };
    size_t n = 0;
    if (count > JOBS_MAX)
        return false;
    for (bool moved = true; moved && n < count;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            bool ready = !done[i] && !*list[i].after;
            for (size_t k = 0; k < count && !done[i] && !ready; k++)
                ready = done[k] && strcmp(list[k].name, list[i].after) == 0;
            if (!ready)
                continue;
            done[i] = moved = true;
            order[n++] = i;
        }
    }
    return n == count;
}

const char *circuit_name(enum circuit_state s)
{
    static const char *const names[] = { "closed", "open", "half_open" };
    return names[s];
}

bool circuit_allows(struct circuit *c, int64_t now_us)
{
    if (now_us < c->until_us)
        return false;
    if (c->state == CIRCUIT_OPEN)
        c->state = CIRCUIT_HALF_OPEN;
    return true;
}

void circuit_good(struct circuit *c) { *c = (struct circuit){ CIRCUIT_CLOSED, 0, 0 }; }

void circuit_bad(struct circuit *c, int64_t now_us, struct rand *chance)
{
    int64_t wait = BACKOFF_FIRST_US;
    c->failures++;
    for (uint32_t i = 1; i < c->failures && wait < BACKOFF_MOST_US; i++)
        wait *= 2;
    wait = wait > BACKOFF_MOST_US ? BACKOFF_MOST_US : wait;
    if (c->state == CIRCUIT_HALF_OPEN || c->failures >= CIRCUIT_FAILURES) {
        c->state = CIRCUIT_OPEN;
        wait = CIRCUIT_OPEN_US;
    }
    c->until_us = now_us + wait / 2 + (int64_t)(rand_unit(chance) * (double)(wait / 2));
}
