/*
 * plan/template.h - plans that people wrote down beforehand: runbooks/<name>.yaml.
 *
 *     name: script
 *     title: Run ${program}
 *     params:
 *       program: { type: text, required: true, why: What to run. }
 *       limit:   { type: int, default: 30, min: 10, max: 600 }
 *     steps:
 *       - { action: script.exec, params: { argv: ["${program}"] }, timeout_s: "${limit}", retry: 0 }
 *     rollback: {}
 *     verify: { method: output }
 *
 * ${name} alone in a text becomes the parameter with its type; inside a longer
 * text its text.  A substituted value is never looked at again, so a parameter
 * cannot bring in another one, a step or a member of its own.  The result goes
 * through plan_parse() like any other plan.
 */
#ifndef PLAN_TEMPLATE_H
#define PLAN_TEMPLATE_H

#include "base/err.h"
#include "base/text.h"

#include <jansson.h>

enum { TEMPLATES_MAX = 256, TEMPLATE_PARAMS_MAX = 32, TEMPLATE_NAME_SIZE = 64 };

struct template_set;     /* what was read from one folder, or is built in */

/* Reads every *.yaml; the first file that is wrong is refused with file, line and column and nothing is loaded. */
MUST_CHECK enum err templates_load(const char *folder, struct template_set **set, struct fault *fault);
/* Those that the program carries inside: runbooks/ of its source. */
MUST_CHECK enum err templates_built_in(struct template_set **set, struct fault *fault);
void                templates_free(struct template_set *set);

int         templates_count(const struct template_set *set);
const char *template_name(const struct template_set *set, int i);
const char *template_title(const struct template_set *set, int i);
/* [{"name":..., "title":..., "why":..., "params":[...]}]; a new reference. */
json_t     *templates_json(const struct template_set *set);

/* Fill it in. params is an object or NULL. A new reference in *plan. ERR_MISSING: no such template; ERR_INPUT: a parameter is wrong. */
MUST_CHECK enum err template_make(const struct template_set *set, const char *name, const json_t *params, json_t **plan, struct fault *fault);

/* One template from text, for tests and the fuzzer. */
MUST_CHECK enum err templates_parse(const char *name, const char *text, size_t size, struct template_set **set, struct fault *fault);

#endif
