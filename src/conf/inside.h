/* conf/inside.h - what a struct conf is made of; for conf's own files. */
#ifndef CONF_INSIDE_H
#define CONF_INSIDE_H

#include "base/arena.h"
#include "conf/conf.h"
#include "conf/yaml.h"

/* One struct of a section, with where each of its values was written (NULL: its default). */
struct conf_filled {
    const char              *name;       /* NULL for a section that is there once */
    struct conf_place        at;         /* where the section or instance begins */
    const struct yaml_node **origin;
    bool                     bad;        /* a value was refused, so the section's check has nothing to say */
};

/* The origin of a value that waits for a restart: the old one, which was written once, or which was its default. */
extern const struct yaml_node conf_kept, conf_kept_default;

struct conf_part {
    const struct conf_section *section;
    char                      *data;     /* count structs, one after the other */
    struct conf_filled        *filled;
    size_t                     count, room;
    struct conf_place          at;       /* of the map or list of instances; line 0 when there is none */
};

struct conf_source { const char *path; char digest[DIGEST_SIZE]; };

struct conf {
    struct arena        arena;
    const char         *path;       /* as it was given, for messages */
    const char         *absolute;   /* for a reload, wherever the program is by then */
    struct conf_part   *part;
    size_t              parts;
    struct conf_source  source[CONF_FILES_MAX];
    const char         *files[CONF_FILES_MAX];
    size_t              sources;
    struct conf_change *change;
    size_t              changes;
};

struct conf_checker {
    const struct conf         *conf;
    const struct conf_part    *part;
    const struct conf_filled  *filled;
    struct conf_complaints    *all;
};

static inline void *conf_struct(const struct conf_part *p, size_t i) { return p->data + i * p->section->size; }

/* "tune.window", "targets.shop.dsn", "routes[2].kind" into out of CONF_PATH_SIZE. knob NULL: the instance itself. Returns out. */
char *conf_knob_path(const struct conf_part *p, size_t instance, const struct conf_knob *k, char *out);

/* Room for one more instance; NULL when the bound (or memory) is reached, which has been complained of. */
struct conf_filled *conf_part_grow(struct conf *c, struct conf_part *p, const char *name, struct conf_place at, struct conf_complaints *all);

/* What each section says of its values together, and of those that are missing. */
void conf_check(struct conf *c, struct conf_complaints *all);

/* Empty, with a part per section. NULL when out of memory. */
struct conf *conf_new(const char *path, const struct conf_section *const *sections, size_t count);

/* ---- files.c: the main file and what it includes ---- */
struct conf_roots { struct yaml_node *root[CONF_FILES_MAX]; size_t count; };
void conf_files_read(struct conf *c, const char *path, struct conf_roots *roots, struct conf_complaints *all);
void conf_text_read(struct conf *c, const char *name, const char *data, size_t size, struct conf_roots *roots, struct conf_complaints *all);

#endif
