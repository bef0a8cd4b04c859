/*
 * conf/yaml.h - YAML as a tree whose nodes know where they were written.
 *
 * One strict reader for everything people write: the configuration, the policy,
 * the runbooks.  Accepted is the plain part of YAML: maps with text keys, lists,
 * scalars.  Refused, each with its place and a hint: a second document, a key
 * that is there twice, anchors and aliases (they can blow a file of 1 kB up to
 * gigabytes), tags, merge keys, anything but UTF-8, and what is beyond the
 * bounds below.  A byte order mark is skipped.
 *
 * The tree lives in the arena it was read into.
 *
 *     struct yaml_node *root, *steps;
 *     if (yaml_read(&arena, "runbooks/vacuum.yaml", &root, NULL, fault) != OK)
 *         return fault->code;
 *     if (yaml_keys_check(root, keys, n, fault) != OK)
 *         return fault->code;
 *     if (!(steps = yaml_get(root, "steps")) || steps->kind != YAML_LIST)
 *         return yaml_fail(fault, steps ? steps : root, "steps must be a list");
 *     for (struct yaml_node *step = steps->first; step; step = step->next) ...
 *
 * The name files are quoted by in messages is the one passed in.
 */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include "base/arena.h"
#include "base/err.h"
#include "conf/complain.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YAML_BYTES_MAX (1024u * 1024u)     /* one file */
#define YAML_DEPTH_MAX 24u                 /* maps and lists inside each other */
#define YAML_NODES_MAX 20000u              /* in one file */
#define YAML_KEYS_MAX  2000u               /* in one map */
#define YAML_ARENA_MIN (32u * 1024u * 1024u)   /* an arena of this bound takes any file within the bounds above */

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind    kind;
    bool              plain;        /* a scalar without quotes, which may be a number, true or null */
    struct conf_place at;           /* where the value begins */
    const char       *text;         /* of a scalar: UTF-8, no NUL inside; otherwise NULL */
    const char       *key;          /* when this is a value in a map, its key and where that stands */
    struct conf_place key_at;
    uint32_t          key_hash;
    size_t            count;        /* of a map or list */
    struct yaml_node *first, *next; /* the first inside; the next beside */
};

/*
 * Read a text or a file.  *root is never NULL on success: what is empty (or only comments) reads as a plain
 * scalar "".  All complaints go to `all`, which may be NULL; the fault tells the first one.
 * When all of the text could be read, *root is the tree even if something in it is refused: good for finding further
 * mistakes, not for use.  Otherwise it is NULL.
 * ERR_INPUT for what is inside, ERR_MISSING, ERR_IO and ERR_LIMIT (too large) for the file itself.
 */
MUST_CHECK enum err yaml_parse(struct arena *a, const char *name, const char *data, size_t size, struct yaml_node **root,
                               struct conf_complaints *all, struct fault *fault);
MUST_CHECK enum err yaml_read(struct arena *a, const char *path, struct yaml_node **root, struct conf_complaints *all,
                              struct fault *fault);

/* The value of a key; NULL when it is not there or the node is no map. node may be NULL. */
struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);

/* The text of a scalar; NULL for a map, a list, NULL, and a plain null (nothing, ~, null). */
const char *yaml_text(const struct yaml_node *node);
bool        yaml_is_null(const struct yaml_node *node);

/* Typed scalars, by the core schema of YAML 1.2; what is quoted is text and no number. */
MUST_CHECK enum err yaml_int(const struct yaml_node *node, int64_t *out, struct fault *fault);
MUST_CHECK enum err yaml_real(const struct yaml_node *node, double *out, struct fault *fault);   /* finite */
MUST_CHECK enum err yaml_bool(const struct yaml_node *node, bool *out, struct fault *fault);

/* Refuse a map that has other keys than these, or is no map. */
MUST_CHECK enum err yaml_keys_check(const struct yaml_node *map, const char *const *keys, size_t count, struct fault *fault);

/* ERR_INPUT with "file:line:column: " in front. */
PRINTF(3, 4) enum err yaml_fail(struct fault *fault, const struct yaml_node *node, const char *format, ...);

/* The same tree as JSON; the caller owns *out. .nan, .inf and numbers beyond 64 bits have no JSON and are refused. */
MUST_CHECK enum err yaml_to_json(const struct yaml_node *node, json_t **out, struct fault *fault);

#endif
