/*
 * relabel/conf.h - the section `relabel`: a list of rules, each with the name of the set it belongs to.
 *
 *     relabel:
 *       - { set: quiet, source_labels: [severity_text], regex: "DEBUG|TRACE", action: drop }
 *       - { set: quiet, regex: "password|token", action: labeldrop }
 *
 * The names, defaults and meanings are Prometheus' (relabel_config); parse_json is ours, for events alone.  Rules of a set apply in the order of the list.
 */
#ifndef RELABEL_CONF_H
#define RELABEL_CONF_H

#include "conf/conf.h"

#define RELABEL_RULES_MAX 512u

#define RELABEL_ACTION_MAP(X)                                                                        \
    X(REPLACE, "replace") X(KEEP, "keep") X(DROP, "drop") X(KEEPEQUAL, "keepequal")                  \
    X(DROPEQUAL, "dropequal") X(HASHMOD, "hashmod") X(LABELMAP, "labelmap")                          \
    X(LABELDROP, "labeldrop") X(LABELKEEP, "labelkeep") X(LOWERCASE, "lowercase") X(UPPERCASE, "uppercase") \
    X(PARSE_JSON, "parse_json")

enum relabel_action {
#define X(name, word) RELABEL_##name,
    RELABEL_ACTION_MAP(X)
#undef X
    RELABEL_ACTION_COUNT
};

struct relabel_rule {
    const char      *set;
    struct conf_list source_labels;
    const char      *separator, *regex, *target_label, *replacement;
    int64_t          modulus;
    int              action;             /* enum relabel_action */
};

struct conf_checker;
/* In the check of a section that names sets: refuses those that no rule belongs to, and rules that `over` has no use for. knob is the path of the list in that section. */
enum relabel_over { RELABEL_OVER_LABELS, RELABEL_OVER_EVENTS };
void relabel_check_sets(const struct conf_list *sets, enum relabel_over over, const char *knob, struct conf_checker *c);

extern const struct conf_section relabel_section;      /* CONF_ITEMS of struct relabel_rule */

#endif
