/*
 * model/script.h - what a script.exec step runs, as words: the gate judges exactly what the adapter executes.
 *
 *   {"argv": ["pg_repack", "-t", "orders"]}     taken as it is
 *   {"script": "echo ok"}                       split at blanks when it is plain words: no quotes, no shell characters
 *   {"script": "a | b", "shell": true}          /bin/sh -c; needs the policy's permission
 */
#ifndef MODEL_SCRIPT_H
#define MODEL_SCRIPT_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

enum { SCRIPT_WORDS_MAX = 64, SCRIPT_WORD_MAX = 4096, SCRIPT_BYTES_MAX = 16384 };

/* A new reference to a list of at least one text in *argv. ERR_INPUT for anything that is not one of the forms above. */
MUST_CHECK enum err script_argv(const json_t *params, json_t **argv, bool *shell, struct fault *fault);

/* What a step runs beside its program: "witness" and "undo", each as words. *argv is NULL where it names none. */
MUST_CHECK enum err script_beside(const json_t *params, const char *key, json_t **argv, struct fault *fault);

#endif
