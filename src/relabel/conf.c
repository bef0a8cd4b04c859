/* relabel/conf.c - a rule as a row of settings, and what an action needs to make sense. */
#include "relabel/conf.h"

#include "relabel/regex.h"
#include "relabel/relabel.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static enum err check_regex(const char *value, struct fault *fault)
{
    struct regex *r = NULL;
    enum err      e = regex_new(value, &r, fault);
    regex_free(r);
    return e;
}

static const struct conf_knob relabel_knobs[] = {
    { "set",           KNOB_TEXT(struct relabel_rule, set),           NULL,   "1..63",  CONF_LIVE, "The set this rule belongs to; scrapes and sinks name sets." },
    { "source_labels", KNOB_LIST(struct relabel_rule, source_labels), "",     "0..32",  CONF_LIVE, "Their values, joined by the separator, are what the expression looks at." },
    { "separator",     KNOB_TEXT(struct relabel_rule, separator),     ";",    "0..16",  CONF_LIVE, "Between the values." },
    { "regex",         KNOB_TEXT(struct relabel_rule, regex),         "(.*)", "0..2000", CONF_LIVE, "A regular expression (PCRE2) that has to match the whole.", check_regex },
    { "target_label",  KNOB_TEXT(struct relabel_rule, target_label),  "",     "0..255", CONF_LIVE, "The label that replace, hashmod, lowercase, uppercase and parse_json write, and that keepequal and dropequal compare with." },
    { "replacement",   KNOB_TEXT(struct relabel_rule, replacement),   "$1",   "0..2000", CONF_LIVE, "What is written; $1, ${1} and ${name} are what the groups matched. An empty result removes the label." },
    { "modulus",       KNOB_INT(struct relabel_rule, modulus),        "0",    "0..",    CONF_LIVE, "For hashmod." },
    { "action",        KNOB_CHOICE(struct relabel_rule, action),      "replace",
      "replace|keep|drop|keepequal|dropequal|hashmod|labelmap|labeldrop|labelkeep|lowercase|uppercase|parse_json", CONF_LIVE,
      "What to do when the expression matches (keep: when it does not, drop). Over events labeldrop goes over attributes, those of the resource as resource.KEY, of scope, span events, links and exemplars; labelmap and labelkeep over the event's own." },
};

static void check_rule(const void *instance, struct conf_checker *c)
{
    const struct relabel_rule *r = instance;
    bool needs_target = r->action == RELABEL_REPLACE || r->action == RELABEL_HASHMOD || r->action == RELABEL_LOWERCASE || r->action == RELABEL_UPPERCASE ||
                        r->action == RELABEL_KEEPEQUAL || r->action == RELABEL_DROPEQUAL;
    if (needs_target && !*r->target_label)
        conf_refuse(c, "target_label", "name the label", "this action needs a target_label");
    if (r->action == RELABEL_HASHMOD && r->modulus == 0)
        conf_refuse(c, "modulus", "e.g. modulus: 4", "hashmod needs a modulus");
    if ((r->action == RELABEL_LABELDROP || r->action == RELABEL_LABELKEEP) && r->source_labels.count > 0)
        conf_refuse(c, "source_labels", "the expression is matched against the names of labels", "labeldrop and labelkeep look at names alone");
    if (r->action == RELABEL_PARSE_JSON && r->source_labels.count != 1)
        conf_refuse(c, "source_labels", "e.g. source_labels: [body]", "parse_json reads one label");
    if (r->action == RELABEL_PARSE_JSON && !relabel_takes_values(r->target_label))
        conf_refuse(c, "target_label", "an attribute, resource.KEY or body; without one the members become attributes", "%s holds no value of JSON", r->target_label);
}

/* Over events these can be looked at alone; as labels of a target they are names like others. */
static bool writes_what_stays(const struct relabel_rule *r)
{
    static const char *const fixed[] = { "__type__", "__tenant__", "__source__" };
    bool writes = r->action == RELABEL_REPLACE || r->action == RELABEL_HASHMOD || r->action == RELABEL_LOWERCASE || r->action == RELABEL_UPPERCASE, stays = false;
    for (size_t i = 0; writes && i < COUNT(fixed); i++)
        stays |= strcmp(r->target_label, fixed[i]) == 0;
    return stays;
}

static void check_over(const struct relabel_rule *r, enum relabel_over over, const char *knob, struct conf_checker *c)
{
    if (over == RELABEL_OVER_EVENTS && writes_what_stays(r))
        conf_refuse(c, knob, "Write an attribute, resource.KEY, body, severity_text or __name__.", "the set %s has a rule that writes %s, which no rule changes for an event", r->set, r->target_label);
    if (over == RELABEL_OVER_LABELS && r->action == RELABEL_PARSE_JSON)
        conf_refuse(c, knob, "put it into a set for sinks", "the set %s has a rule with parse_json, which is for events and not for labels", r->set);
}

void relabel_check_sets(const struct conf_list *sets, enum relabel_over over, const char *knob, struct conf_checker *c)
{
    const struct conf         *all = conf_whole(c);
    size_t                     n = 0;
    bool                       known = conf_knows(all, &relabel_section);
    const struct relabel_rule *rule = known ? conf_instances(all, &relabel_section, &n) : NULL;
    for (size_t i = 0; known && i < sets->count; i++) {
        size_t found = 0;
        for (size_t k = 0; k < n; k++)
            if (rule[k].set && strcmp(rule[k].set, sets->item[i]) == 0) {
                found++;
                check_over(&rule[k], over, knob, c);
            }
        if (found == 0)
            conf_refuse(c, knob, "Write one with that `set`, or take the name away.", "no rule of the section relabel belongs to the set %s", sets->item[i]);
    }
}

const struct conf_section relabel_section = { .path = "relabel", .knobs = relabel_knobs, .count = COUNT(relabel_knobs), .size = sizeof(struct relabel_rule),
    .check = check_rule, .shape = CONF_ITEMS, .instances_max = RELABEL_RULES_MAX, .flags = CONF_LIVE, .name_at = CONF_NO_NAME,
    .why = "Rules over labels, as Prometheus has them, in named sets. Scrapes use them for targets and series, sinks for events, where parse_json reads JSON too." };
