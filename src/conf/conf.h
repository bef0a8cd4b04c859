/*
 * conf/conf.h - a configuration: files read, checked as a whole, and laid out in the structs of the rooms.
 *
 * A room declares a section: a key in the file, a table of knobs, a struct.
 * A section is there once ("tune"), or many times as a map of names ("targets")
 * or as a list.  Whoever assembles the program passes all sections to
 * conf_load() and each room asks for its own struct by its section:
 *
 *     const struct conf_section gate_section = {
 *         .path = "gate", .knobs = gate_knobs, .count = 3, .size = sizeof(struct gate_conf), .why = "Who may do what." };
 *
 *     const struct conf_section *const sections[] = { &gate_section, ... };
 *     if (conf_load("/etc/homeostat/homeostat.yaml", sections, n, &conf, &complaints, fault) != OK) ...
 *     const struct gate_conf *g = conf_of(conf, &gate_section);
 *
 * The main file may name others: `include: [other.yaml, ...]`, paths or globs, relative to the file it stands
 * in.  A setting may be made once only, wherever; so the order of files does not matter.  An empty main file is refused, since it is
 * nearly always one that was cut off.
 *
 * A struct conf never changes once it is loaded.  A reload reads into a fresh one: a bad file changes nothing, and
 * the caller swaps pointers when and where it likes.  Knobs that need a restart keep their old value in the new one.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/err.h"
#include "base/id.h"
#include "base/text.h"
#include "conf/complain.h"
#include "conf/knob.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define CONF_FILES_MAX     64u
#define CONF_INCLUDE_DEPTH 8u
#define CONF_SECTIONS_MAX  64u
#define CONF_MEMORY_MAX    (64u * 1024u * 1024u)
#define CONF_PATH_SIZE     256u         /* "targets.shop.dsn" and its NUL; names and keys are checked to fit */
#define CONF_NAME_MAX      63u          /* of an instance: letters, digits, - and _; it appears in files and addresses */

enum conf_shape { CONF_ONCE, CONF_MAP, CONF_ITEMS };

struct conf_checker;

struct conf_section {
    const char             *path;           /* key in the file; dots go down; "" is the top level; CONF_ONCE may share it */
    const struct conf_knob *knobs;
    size_t                  count;
    size_t                  size;           /* of the struct the knobs lie in */
    const char             *why;            /* one or two sentences for the documentation */

    /* What no single range can say, e.g. that a least is below a most. Called when every value by itself is fine. NULL: nothing. */
    void                  (*check)(const void *instance, struct conf_checker *c);

    /* For CONF_MAP and CONF_ITEMS only. */
    enum conf_shape         shape;
    size_t                  instances_max;
    unsigned                flags;          /* CONF_LIVE: instances may come and go at a reload; else they wait for a restart */
    size_t                  name_at;        /* CONF_MAP: offset of a const char * that gets the name; CONF_NO_NAME: none */
};

#define CONF_NO_NAME ((size_t)-1)

/* In a section's check: this knob's value does not go with the rest. Placed where the value, else the section, stands. */
PRINTF(4, 5) void conf_refuse(struct conf_checker *c, const char *knob, const char *hint, const char *format, ...);
/* Whether the user set it, rather than its default. */
bool conf_is_set(const struct conf_checker *c, const char *knob);

/* Everything, for what one section has to do with another. What others refuse is not known yet; each value by itself is fine, or its default. */
struct conf;
const struct conf *conf_whole(const struct conf_checker *c);

/* ---- load ---- */

/* Read everything. *out only on OK; all (empty, may be NULL) gets every complaint, the fault the first. sections must outlive *out. */
MUST_CHECK enum err conf_load(const char *path, const struct conf_section *const *sections, size_t count, struct conf **out,
                              struct conf_complaints *all, struct fault *fault);

/* The same from memory, for tests, fuzzing and API bodies. name is what messages call it; `include` is refused. */
MUST_CHECK enum err conf_load_text(const char *name, const char *data, size_t size, const struct conf_section *const *sections,
                                   size_t count, struct conf **out, struct conf_complaints *all, struct fault *fault);

void conf_free(struct conf *c);             /* secrets are overwritten first */

/* The struct of a section that is there once. Never NULL for a section that was passed to conf_load(). */
const void *conf_of(const struct conf *c, const struct conf_section *s);

/* The structs of the others, in the order of the file: an array of *count. */
/* Whether the section was among those that were loaded: who asks for one that was not is a mistake of ours. */
bool        conf_knows(const struct conf *c, const struct conf_section *s);
const void *conf_instances(const struct conf *c, const struct conf_section *s, size_t *count);
const char *conf_instance_name(const struct conf *c, const struct conf_section *s, size_t i);      /* CONF_ITEMS: "0", "1", ... */
const void *conf_instance(const struct conf *c, const struct conf_section *s, const char *name);   /* NULL when there is none */

const char *conf_path(const struct conf *c);                        /* of the main file */
size_t      conf_files(const struct conf *c, const char *const **files);

/* SHA-256 over the bytes of all files in the order they were read: the version of a policy. Secret files are not part of it. */
void conf_digest(const struct conf *c, char out[DIGEST_SIZE]);

/* ---- reload ---- */

enum conf_change_kind { CONF_CHANGED, CONF_ADDED, CONF_REMOVED };

struct conf_change {
    enum conf_change_kind kind;
    bool                  waits;            /* for a restart: the old value stays in force */
    const char           *path;             /* "targets.shop.mode", or "targets.shop" when an instance came or went */
    const char           *from, *to;        /* printed; ****** for a secret; "" for instances */
};

#define CONF_CHANGES_MAX 256u

/*
 * Read the files of `old` again. On OK *out is the configuration that may now be put into force, and conf_changes()
 * tells what is different from old; with no change there is an empty list. On any other answer nothing has happened:
 * not either when what may change now does not go with what waits for a restart.
 */
MUST_CHECK enum err conf_reload(const struct conf *old, struct conf **out, struct conf_complaints *all, struct fault *fault);
const struct conf_change *conf_changes(const struct conf *c, size_t *count);

/* One line: "tune.window: 60s -> 2min", with "(after a restart)" where it waits. */
void conf_change_text(const struct conf_change *ch, struct text *out);

/* ---- print and explain ---- */

/* What is in force, with where each value comes from. YAML that loads again as the same; or the same as JSON. */
void    conf_print(const struct conf *c, struct text *out);
json_t *conf_print_json(const struct conf *c);

enum conf_docs { CONF_DOCS_MARKDOWN, CONF_DOCS_SCDOC, CONF_DOCS_JSON };
void conf_docs(const struct conf_section *const *sections, size_t count, enum conf_docs form, struct text *out);

/* Are the tables themselves in order: paths, defaults within ranges, a why for each? For tests. */
MUST_CHECK enum err conf_tables_check(const struct conf_section *const *sections, size_t count, struct fault *fault);

#endif
