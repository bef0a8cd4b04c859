/*
 * scrape/targets.h - from jobs and what files told to the list of who is asked: pure, so that it can be tested and fuzzed.
 *
 * Each address begins with the labels job, __address__, __scheme__, __metrics_path__, __param_*, __scrape_interval__, __scrape_timeout__, those of its
 * group and of the job, and __meta_filepath when it came from a file.  The job's rules go over them; who is dropped, or has no
 * address, is not asked.  Then the labels that begin with __ go, instance becomes the address when nobody set it, and whoever is there twice is there once.
 */
#ifndef SCRAPE_TARGETS_H
#define SCRAPE_TARGETS_H

#include "base/arena.h"
#include "base/slice.h"
#include "relabel/relabel.h"
#include "scrape/conf.h"

#include <stdint.h>

enum { TARGET_LABELS_MAX = 128, TARGET_URL_MAX = 4096 };

/* One {targets, labels} of a file. */
struct target_group {
    const char         *file;                /* "" of the configuration */
    const struct slice *address; size_t addresses;
    const struct label *label;   size_t labels;
};

struct target {
    size_t        job;                       /* its place among the jobs */
    uint64_t      id;                        /* of job, url and labels: the same after a reload */
    const char   *url;
    bool          has_query;
    struct label *label; size_t labels;      /* without the hidden ones, sorted by name */
    int64_t       interval_us, timeout_us;
};

struct target_list {
    struct target *item; size_t count;
    size_t         dropped, doubles, refused, beyond;     /* by rules; there already; not fit to be asked; over the maximum */
    char           why[200];                 /* of the first that was refused */
};

/* The groups of one job: those of the configuration and of files. Everything in the list lies in the arena. Appends; ERR_LIMIT: the arena is full. */
MUST_CHECK enum err targets_add(struct target_list *list, size_t max, const struct scrape_job *job, size_t number, struct relabel *rules, const struct target_group *group, size_t groups,
    struct arena *a, struct fault *fault);
/* The job's own `targets` as a group. */
MUST_CHECK enum err targets_own(const struct scrape_job *job, struct target_group *group, struct arena *a, struct fault *fault);

/* When it is due next, after now: scrapes of many targets are spread over the interval, each always at the same place in it. */
int64_t target_due_us(const struct target *t, int64_t now_us);

/* A file of targets in Prometheus' form: a list of {targets: [...], labels: {...}}, as JSON or YAML. ERR_INPUT tells the place. */
MUST_CHECK enum err targets_parse(const char *name, const char *data, size_t size, struct target_group **group, size_t *groups, struct arena *a, struct fault *fault);

/* "k=v" parted; false: there is no k. */
bool target_pair(const char *text, struct slice *key, struct slice *value);

#endif
