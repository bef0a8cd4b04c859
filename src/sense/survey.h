/*
 * sense/survey.h - the careful look: blocking, on a connection of its own, for a thread that may wait.
 *
 *     struct surveyor *v = NULL;
 *     survey_init(&s);
 *     if (surveyor_open(&conf, deadline_us, &v, fault) == OK && surveyor_look(v, &s, fault) == OK)
 *         n = index_draw(&s, list, ...);                       (plan/index.h, pure)
 *         surveyor_judge(v, &s, list, n);                      with hypothetical indexes, where hypopg is there
 *     surveyor_close(v);
 *
 * The session is read-only and gives up early on locks and slow statements.  The statements of others are planned, never
 * run; planning evaluates functions that were declared immutable, so the role should not be a superuser: pg_monitor and
 * SELECT on the tables (pg_read_all_data) are enough.
 */
#ifndef SENSE_SURVEY_H
#define SENSE_SURVEY_H

#include "base/err.h"
#include "link/pg.h"
#include "model/survey.h"

struct surveyor;
MUST_CHECK enum err surveyor_open(const struct pg_link_conf *conf, int64_t deadline_us, struct surveyor **v, struct fault *fault);
void                surveyor_close(struct surveyor *v);
/* While it is set, the survey is given up when give_up says so. */
void                surveyor_watch(struct surveyor *v, bool (*give_up)(void *ctx), void *ctx);

MUST_CHECK enum err surveyor_look(struct surveyor *v, struct survey *s, struct fault *fault);

/* Fills cost_after of each candidate's queries, and judged. Without hypopg nothing is filled, which is no error. */
MUST_CHECK enum err surveyor_judge(struct surveyor *v, const struct survey *s, struct index_candidate *list, int n, struct fault *fault);

#endif
