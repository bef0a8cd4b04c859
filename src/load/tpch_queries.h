/*
 * load/tpch_queries.h - the 22 queries: their parameters, their order within a stream, and what makes two answers the same.
 *
 * The parameters of a query are a function of the seed, the stream, the round
 * and the query alone (clause 2.4 says which values), so that two runs of one
 * seed ask the same in whatever order they get to it.
 */
#ifndef LOAD_TPCH_QUERIES_H
#define LOAD_TPCH_QUERIES_H

#include "base/rand.h"

#include <stddef.h>
#include <stdint.h>

#define LOAD_QUERIES           22
#define LOAD_QUERY_PARAMETERS  10
#define LOAD_QUERY_PARAM_SIZE  32

struct load_query {
    int         number;             /* 1 to 22 */
    const char *sql;
    int         parameters;
    void      (*draw)(struct rand *r, double scale, char out[][LOAD_QUERY_PARAM_SIZE]);
    int         sorted_by[4];       /* columns of the answer, from 1; 0 ends; none: order means nothing */
    int         limit;              /* 0: none */
};

/* number: 1 to 22 */
const struct load_query *load_query(int number);

struct load_question { int query; char value[LOAD_QUERY_PARAMETERS][LOAD_QUERY_PARAM_SIZE]; };

void load_question_draw(struct load_question *q, int query, double scale, uint64_t seed, int stream, int64_t round);

/* "1995-03-15, BUILDING" into out, for people. */
void load_question_text(const struct load_question *q, char *out, size_t size);

/* The order of a stream's queries. Stream 0 is the power run and has the specification's order; others are shuffled by the seed. */
void load_query_order(uint64_t seed, int stream, int order[LOAD_QUERIES]);

#endif
