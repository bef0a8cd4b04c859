/*
 * cli/shared.h - what several commands say in the same words.
 */
#ifndef CLI_SHARED_H
#define CLI_SHARED_H

#include "cli/cli.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* "/case/<id><rest>", encoded. False: complained, with *exit_code. */
bool shared_case_path(struct cli *c, const char *id, const char *rest, char *path, size_t size, int *exit_code);
/* One case as a record, or as JSON; takes data. */
int  shared_put_case(struct cli *c, json_t *data);
/* "case ID: STATE" */
void shared_put_move(struct cli *c, const json_t *data);
/* The gate's verdict: answer, deciding rule, risk with its parts, everything that had something to say. NULL: nothing. */
void shared_put_gate(struct cli *c, const json_t *verdict);
/* The verifier's verdict with its numbers and guards. NULL: nothing. */
void shared_put_verdict(struct cli *c, const json_t *verdict);
/* The steps of a plan, as they would be carried out. */
void shared_put_plan(struct cli *c, const json_t *plan);
/*
 * A question about what came in: the daemon is asked, or, when nobody answers where the configuration leads, its files (telemetry.c). path: where the API
 * answers, with the id at its end; what: the question by the name it has in ingest/look.c. --tenant, --since and --limit narrow it. NULL: complained.
 */
struct shared_question { const char *path, *what, *id, *service, *metric, *kind; };
json_t *shared_ask(struct cli *c, const struct shared_question *q, int *exit_code);
/* body.name = text, unless it is empty. */
void shared_set(json_t *body, const char *name, const char *text);

#endif
