/*
 * relabel/relabel.h - a set of rules, compiled, over labels and over events.
 *
 *     relabel_new(rules, n, names, &set, fault);               // the rules of the named sets, one set after the other
 *     if (!relabel_labels(set, labels, &n, max, &arena)) drop();
 *     if (!relabel_event(set, &event, &arena)) drop();
 *
 * Over an event a name of a label means: __name__ the name of the metric, span or log event; __type__ log, metric or span; __tenant__ and
 * __source__ where it came from; severity, severity_text and body of a log (body only when it is text); kind and status of a
 * span; resource.KEY an attribute of the resource; anything else an attribute of the event.  __type__, kind and status can be looked at, not
 * written; body, __name__, severity_text, resource.KEY and attributes can be written.  labelmap and labelkeep go over attributes
 * alone; labeldrop over attributes, those of the resource as resource.KEY, and those of scope, span events, links and exemplars.
 * parse_json writes what it read as a value, with its numbers and what lies within: into body, resource.KEY or an attribute; without a target the members of
 * an object become attributes.  What is no JSON, or too large, stays as it was.
 */
#ifndef RELABEL_RELABEL_H
#define RELABEL_RELABEL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "event/event.h"
#include "relabel/conf.h"

#include <stdbool.h>
#include <stddef.h>

enum { RELABEL_LABELS_MAX = 512, RELABEL_JSON_MAX = 256 * 1024 /* bytes of a text */, RELABEL_MEMBERS_MAX = 512 /* of an object that become attributes */ };

struct label { struct slice name, value; };

struct relabel;

/* names: the sets that apply, in this order. ERR_INPUT: a set that no rule belongs to. rules must outlive *r. An empty list of names: *r is NULL, which every function takes. */
MUST_CHECK enum err relabel_new(const struct relabel_rule *rules, size_t count, const struct conf_list *names, struct relabel **r, struct fault *fault);
void                relabel_free(struct relabel *r);

/*
 * False: dropped.  labels has room for max and *n are there; new texts lie in the arena.  A label whose value becomes empty goes.  When the arena or the
 * array is full, or an expression would take too much work (regex.h), the labels stay as they were at that rule, and *cut says so (may be NULL).
 */
bool                relabel_labels(struct relabel *r, struct label *labels, size_t *n, size_t max, struct arena *a, bool *cut);

/* cut: there was no room for what some rule writes, or an expression gave up: it is as it was at that rule. unparsed: parse_json met what it cannot read. */
struct relabel_report { bool cut, unparsed; };
/* The same for an event; changed parts are copies in the arena. The resource's id is another one when its attributes changed. report may be NULL. */
bool                relabel_event(struct relabel *r, struct event *e, struct arena *a, struct relabel_report *report);

/* Whether parse_json may write there. "": the members become attributes. */
bool                relabel_takes_values(const char *target_label);

#endif
