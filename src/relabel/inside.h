/* relabel/inside.h - one compiled rule, and what the two worlds of labels must be able to do for it. */
#ifndef RELABEL_INSIDE_H
#define RELABEL_INSIDE_H

#include "relabel/regex.h"
#include "relabel/relabel.h"

struct compiled { const struct relabel_rule *rule; struct regex *regex; };
struct relabel  { struct compiled *item; size_t count; };

/* Labels of whatever: a plain array, or an event. */
struct labels_of {
    struct slice (*get)(void *self, struct slice name, struct arena *a);          /* "" when it is not there */
    bool         (*set)(void *self, struct slice name, struct slice value, struct arena *a);   /* "" removes; false: no room */
    size_t       (*count)(void *self);
    struct label (*at)(void *self, size_t i, struct arena *a);
    enum err     (*put)(void *self, struct slice name, const struct value *v, struct arena *a);   /* NULL: there are only texts. ERR_INPUT: not such a value; ERR_LIMIT: no room */
};

/* All rules; false: dropped. */
bool relabel_apply(struct relabel *r, const struct labels_of *of, void *self, struct arena *a, struct relabel_report *report);

#endif
