/*
 * plan/thumb.c - what the machine itself suggests: the large first step, the rule of thumb, and the ladder of shared_buffers.
 *
 * Lessons behind it: where a memory limit counts the page cache, each page
 * that lies in both caches is paid for twice, and a quarter of memory for
 * shared_buffers is the worst of both worlds.  A restart costs minutes of
 * warm-up, so what needs one is tried in one go, at the size that has the most
 * to win.  work_mem is left alone unless spilling is seen: more is not better.
 */
#include "plan/scene.h"

#include <math.h>

#define MIB 1048576.0

static double choice_of(enum knob_id id, const char *name)
{
    double v;
    return knob_parse(knob_at(id), name, &v, NULL) == OK ? v : (double)NAN;
}

/* The best compression of full page images that this server has not refused. */
static void wish_compression(const struct scene *s, struct proposal *p)
{
    static const char *const best[] = { "lz4", "pglz", "on" };
    const struct knob *k = knob_at(KNOB_WAL_COMPRESSION);
    if (!knob_equal(k, s->now.value[k->id], choice_of(k->id, "off")))
        return;
    for (int i = 0; i < 3; i++) {
        double to = choice_of(k->id, best[i]);
        if (knob_allows(k, s->view->facts, to, NULL) == OK && !scene_failed_with(s, k->id, to)) {
            scene_wish(p, k->id, to);
            return;
        }
    }
}

static void wish_checkpoints(const struct scene *s, struct proposal *p)
{
    double busy = s->seen[METRIC_WAL_BYTES] * s->now.value[KNOB_CHECKPOINT_TIMEOUT] * 2.5 / MIB;
    double want = scene_max_wal_size(s, fmax(4096, isnan(busy) ? 0 : busy));
    if (want > s->now.value[KNOB_MAX_WAL_SIZE])
        scene_wish_within_reach(s, p, KNOB_MAX_WAL_SIZE, want);
    if (s->now.value[KNOB_CHECKPOINT_COMPLETION_TARGET] < 0.9)
        scene_wish_within_reach(s, p, KNOB_CHECKPOINT_COMPLETION_TARGET, 0.9);
    wish_compression(s, p);
}

/*
 * A checkpoint pushes its pages to the disk piece by piece, so that the fsync at its end finds little to do.  On a disk with a
 * quota all those pieces stand in one queue before the log, and every commit waits for them.  Where the memory limit counts the
 * page cache, dirty pages cannot be many, and the operating system may have their order.
 */
static void wish_unpushed_checkpoints(const struct scene *s, struct proposal *p)
{
    if (s->view->facts->limit_counts_cache && s->now.value[KNOB_CHECKPOINT_FLUSH_AFTER] > 0)
        scene_wish(p, KNOB_CHECKPOINT_FLUSH_AFTER, 0);
}

static void wish_background_writer(const struct scene *s, struct proposal *p)
{
    if (s->now.value[KNOB_BGWRITER_LRU_MAXPAGES] < 800)
        scene_wish_within_reach(s, p, KNOB_BGWRITER_LRU_MAXPAGES, 1000);
    if (s->now.value[KNOB_BGWRITER_DELAY] > 20)
        scene_wish_within_reach(s, p, KNOB_BGWRITER_DELAY, 10);
}

static void wish_costs(const struct scene *s, struct proposal *p)
{
    if (!s->view->facts->rotational) {
        if (s->now.value[KNOB_RANDOM_PAGE_COST] > 1.1)
            scene_wish_within_reach(s, p, KNOB_RANDOM_PAGE_COST, fmax(1.1, s->now.value[KNOB_SEQ_PAGE_COST]));
        if (s->now.value[KNOB_EFFECTIVE_IO_CONCURRENCY] < 16)
            scene_wish_within_reach(s, p, KNOB_EFFECTIVE_IO_CONCURRENCY, 16);
    }
    if (s->oltp)
        scene_wish(p, KNOB_JIT, 0);
}

/* Autovacuum's memory counts for each worker; where it is a large part of a small machine, it is better used as cache. */
static void wish_vacuum_memory(const struct scene *s, struct proposal *p)
{
    double memory = s->view->facts->memory_bytes, kb = s->now.value[KNOB_AUTOVACUUM_WORK_MEM];
    double each = kb < 0 ? s->now.value[KNOB_MAINTENANCE_WORK_MEM] : kb;
    double good = fmin(fmax(floor(memory / 64 / MIB), 16), 256) * 1024;
    if (each * 1024 * s->now.value[KNOB_AUTOVACUUM_MAX_WORKERS] > 0.05 * memory && good < each)
        scene_wish_within_reach(s, p, KNOB_AUTOVACUUM_WORK_MEM, good);
}

/* Does reading have something to win from a larger cache? Unknown readings do not speak against it, good ones do. */
static bool cache_is_short(const struct scene *s)
{
    double database = s->view->facts->database_bytes, buffers = s->now.value[KNOB_SHARED_BUFFERS] * 8192;
    bool   satisfied = s->seen[METRIC_CACHE_HIT] > 0.998 || s->seen[METRIC_BLOCKS_READ] < 20;
    return !(database < 1.2 * buffers) && !satisfied;
}

/* Never shrinks: a smaller cache is for a symptom to ask for. */
static bool wish_shared_buffers(const struct scene *s, struct proposal *p, double share)
{
    double to = scene_shared_buffers(s, p, share);
    if (!(to > 1.1 * s->now.value[KNOB_SHARED_BUFFERS]))
        return false;
    scene_wish(p, KNOB_SHARED_BUFFERS, to);
    return true;
}

/* Told of what is left when machine, policy and the hint's rule have cut the wish down; without the cache there is no such proposal. */
static bool finish_buffers(const struct scene *s, struct proposal *p)
{
    const struct target_facts *f = s->view->facts;
    double to = 0;
    bool   found = scene_finish(s, p);
    for (int i = 0; i < p->changes; i++)
        to = p->change[i].knob == KNOB_SHARED_BUFFERS ? p->change[i].to : to;
    if (!found || !(to > 0))
        return false;
    scene_why(p, "shared_buffers becomes %.0f %% of the %.0f MB that the server may use.", 100 * to * 8192 / f->memory_bytes, f->memory_bytes / MIB);
    if (!isnan(f->database_bytes))
        scene_why(p, "The database has %.0f MB.", f->database_bytes / MIB);
    if (!isnan(s->seen[METRIC_CACHE_HIT]))
        scene_why(p, "%.1f %% of block reads are found in shared_buffers now.", 100 * s->seen[METRIC_CACHE_HIT]);
    if (s->seen[METRIC_BLOCKS_READ] > 0)
        scene_why(p, "%.0f blocks a second come from outside.", s->seen[METRIC_BLOCKS_READ]);
    return true;
}

/* The large first step, for the case that has the most to win. Variants go down the ladder when the top did not hold. */
bool draft_big_step(const struct scene *s, int variant, struct proposal *p)
{
    static const double share[] = { 0.60, 0.40, 0.25 };
    const struct target_facts *f = s->view->facts;
    if (!scene_may_restart(s) || !f->limit_counts_cache || !(f->database_bytes > 1.2 * 8192 * s->now.value[KNOB_SHARED_BUFFERS]) || !cache_is_short(s))
        return false;
    wish_vacuum_memory(s, p);
    if (!wish_shared_buffers(s, p, share[variant]))
        return false;
    wish_checkpoints(s, p);
    wish_unpushed_checkpoints(s, p);
    wish_background_writer(s, p);
    wish_costs(s, p);
    scene_why(p, "The memory limit counts the page cache too, so a page that lies in both caches costs twice; shared_buffers takes what is free of danger.");
    scene_why(p, "A restart costs a warm-up, so everything that belongs to it comes along: wider checkpoints against full page images, whose pages do not stand before the log, an earlier background writer, page costs of flash.");
    return finish_buffers(s, p);
}

bool draft_thumb(const struct scene *s, int variant, struct proposal *p)
{
    double memory = s->view->facts->memory_bytes;
    (void)variant;
    if (!scene_may_restart(s) || !cache_is_short(s))
        return false;
    wish_vacuum_memory(s, p);
    if (!wish_shared_buffers(s, p, 0.25))
        return false;
    double cache = floor(0.75 * memory / 8192);
    if (cache > s->now.value[KNOB_EFFECTIVE_CACHE_SIZE])
        scene_wish_within_reach(s, p, KNOB_EFFECTIVE_CACHE_SIZE, cache);
    wish_checkpoints(s, p);
    wish_costs(s, p);
    scene_why(p, "The rule of thumb for this machine.");
    return finish_buffers(s, p);
}

/* One rung up, as long as the one below was proven better. */
bool draft_climb(const struct scene *s, int variant, struct proposal *p)
{
    static const double rung[] = { 0.25, 0.40, 0.50, 0.60 };
    const struct target_facts *f = s->view->facts;
    double now = s->now.value[KNOB_SHARED_BUFFERS] * 8192 / f->memory_bytes;
    if (!scene_may_restart(s) || !cache_is_short(s) || !(now >= 0.20) || !(rung[variant] > now + 0.05))
        return false;
    if (!f->limit_counts_cache && rung[variant] > 0.40)
        return false;   /* beyond that the page cache serves as well, and vacuum and sorts need it */
    if (!wish_shared_buffers(s, p, rung[variant]))
        return false;
    scene_why(p, "The next rung of the ladder: %.0f %% of memory held, %.0f %% may hold more.", 100 * now, 100 * rung[variant]);
    return finish_buffers(s, p);
}

bool draft_checkpoints(const struct scene *s, int variant, struct proposal *p)
{
    (void)variant;
    if (s->windows > 0 && !(s->seen[METRIC_WAL_BYTES] >= 50e3))
        return false;   /* hardly any writing, or nobody knows */
    wish_checkpoints(s, p);
    scene_why(p, "Rarer checkpoints write each page less often and log fewer full page images; max_wal_size stays where crash recovery takes at most %.0f s.",
              s->view->bounds->recovery_max_s);
    return scene_finish(s, p);
}

bool draft_background_writer(const struct scene *s, int variant, struct proposal *p)
{
    (void)variant;
    double all = s->seen[METRIC_BUFFERS_CHECKPOINT] + s->seen[METRIC_BUFFERS_CLEAN] + s->seen[METRIC_BUFFERS_BACKEND];
    bool   late = s->seen[METRIC_BUFFERS_BACKEND] > 0.2 * all && all > 20, stops = s->seen[METRIC_MAXWRITTEN_CLEAN] > 0.05;
    if (!late && !stops)
        return false;
    wish_background_writer(s, p);
    if (late)
        scene_why(p, "Backends write %.0f of %.0f buffers a second themselves.", s->seen[METRIC_BUFFERS_BACKEND], all);
    if (stops)
        scene_why(p, "The background writer stops early %.2f times a second, since it may clean no more pages in one round.", s->seen[METRIC_MAXWRITTEN_CLEAN]);
    scene_why(p, "An earlier and longer round takes that off the queries.");
    return scene_finish(s, p);
}

bool draft_costs(const struct scene *s, int variant, struct proposal *p)
{
    (void)variant;
    wish_costs(s, p);
    scene_why(p, "The costs the planner believes in are those of a spinning disk; %s%s.",
              s->view->facts->rotational ? "this is one, and they stay" : s->view->facts->host_readable ? "this one has no seek to pay" : "what this one is cannot be seen from here, and few pay for seeks any more",
              s->oltp ? ", and short transactions pay for compiled expressions without using them" : "");
    return scene_finish(s, p);
}
