/*
 * load/score.h - what a test of TPC-H comes to: the single results, and the figures made from them. Pure.
 */
#ifndef LOAD_SCORE_H
#define LOAD_SCORE_H

#include "load/tpch_queries.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_verdict { LOAD_NOT_ASKED, LOAD_ANSWERED, LOAD_QUERY_FAILED, LOAD_TIMED_OUT, LOAD_BROKEN_OFF };

/* "answered", "failed", "timed_out", "unfinished", "not_asked" */
const char *load_verdict_name(enum load_verdict v);

struct load_result {
    int                  stream, round, place;   /* place within the round, from 0 */
    struct load_question question;
    enum load_verdict    verdict;
    int64_t              begun_us, ended_us;     /* mono */
    int                  rows;
    uint64_t             digest;                 /* of the answer, when there is one */
};

struct load_score {
    int      asked, answered, failed, timed_out;   /* failed holds those broken off; timed_out are not among them */
    double   total_s;                              /* of all queries that were asked, whatever came of them */
    double   elapsed_s;                            /* from the first beginning to the last end */
    double   geometric_mean_s;                     /* NAN unless all that were wanted were answered */
    double   geometric_mean_at_least_s;            /* those that timed out count with the time they had; NAN when others are missing */
    double   queries_per_hour;                     /* answered ones, over elapsed_s; NAN when there is none */
    bool     complete;                             /* all were answered */
    uint64_t digest;                               /* of all answers, by stream, round and query; 0 unless complete */
};

void load_score(const struct load_result *results, size_t count, struct load_score *s);

#endif
