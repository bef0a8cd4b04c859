/* relabel/relabel.c - the rules, in order, over whatever has labels; and the plain kind of labels. */
#include "relabel/hash.h"
#include "relabel/inside.h"
#include "relabel/letters.h"

#include <stdlib.h>
#include <string.h>

/* ---- making a set ---- */

enum err relabel_new(const struct relabel_rule *rules, size_t count, const struct conf_list *names, struct relabel **out, struct fault *fault)
{
    enum err        e = OK;
    struct relabel *r = NULL;
    *out = NULL;
    if (names->count == 0)
        return OK;
    if (!(r = calloc(1, sizeof *r)) || !(r->item = calloc(count * names->count + 1, sizeof *r->item))) {
        free(r);
        return fail(fault, ERR_LIMIT, "no memory for rules");
    }
    for (size_t k = 0; k < names->count && e == OK; k++) {
        size_t before = r->count;
        for (size_t i = 0; i < count && e == OK; i++) {
            if (strcmp(rules[i].set, names->item[k]) != 0)
                continue;
            r->item[r->count].rule = &rules[i];
            e = regex_new(rules[i].regex, &r->item[r->count].regex, fault);
            r->count += e == OK;
        }
        if (e == OK && r->count == before) {
            e = fail(fault, ERR_INPUT, "no rule of the section relabel belongs to the set %s", names->item[k]);
            fail_hint(fault, "write one with `set: %s`, or take the name away", names->item[k]);
        }
    }
    if (e != OK) {
        relabel_free(r);
        return e;
    }
    *out = r;
    return OK;
}

void relabel_free(struct relabel *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        regex_free(r->item[i].regex);
    free(r->item);
    free(r);
}

/* ---- one rule ---- */

struct turn { const struct labels_of *of; void *self; struct arena *a; bool cut, unparsed; };

static void put(struct turn *t, struct slice name, struct slice value)
{
    if (!t->of->set(t->self, name, value, t->a))
        t->cut = true;
}

static bool join(struct turn *t, const struct relabel_rule *rule, struct slice *out)
{
    size_t between = strlen(rule->separator), n = 0;
    if (rule->source_labels.count == 1) {
        *out = t->of->get(t->self, slice_of(rule->source_labels.item[0]), t->a);
        return true;
    }
    for (size_t i = 0; i < rule->source_labels.count; i++)
        n += t->of->get(t->self, slice_of(rule->source_labels.item[i]), t->a).n + (i ? between : 0);
    char *to = arena_alloc(t->a, n + 1);
    if (!to)
        return false;
    *out = (struct slice){ to, n };
    for (size_t i = 0; i < rule->source_labels.count; i++) {
        struct slice v = t->of->get(t->self, slice_of(rule->source_labels.item[i]), t->a);
        if (i && between) {
            memcpy(to, rule->separator, between);
            to += between;
        }
        if (v.n)
            memcpy(to, v.s, v.n);
        to += v.n;
    }
    return true;
}

static void write_case(struct turn *t, struct slice name, struct slice joined, bool upper)
{
    struct slice changed;
    if (letters_case(joined, upper, t->a, &changed))
        put(t, name, changed);
    else
        t->cut = true;
}

/* otherwise: what is taken for true where the expression gives up, so that the rule changes nothing; then it was not applied. */
static bool matches(struct turn *t, struct compiled *c, struct slice text, bool otherwise)
{
    uint64_t before = regex_given_up(c->regex);
    bool     is = regex_matches(c->regex, text);
    if (regex_given_up(c->regex) == before)
        return is;
    t->cut = true;
    return otherwise;
}

static void write_replacement(struct turn *t, struct compiled *c, struct slice joined)
{
    struct slice name, value;
    if (!matches(t, c, joined, false))
        return;
    if (!regex_expand(c->regex, joined, c->rule->target_label, t->a, &name) || !regex_expand(c->regex, joined, c->rule->replacement, t->a, &value))
        t->cut = true;
    else if (name.n)
        put(t, name, value);
}

static int by_name(const void *a, const void *b) { return slice_order(((const struct label *)a)->name, ((const struct label *)b)->name); }

static void parse_json(struct turn *t, struct compiled *c, struct slice text)
{
    struct value v;
    if (!t->of->put || text.n == 0 || !matches(t, c, text, false))
        return;
    enum err e = text.n <= RELABEL_JSON_MAX ? value_from_json(text, t->a, &v) : ERR_INPUT;
    if (e == OK)
        e = t->of->put(t->self, slice_of(c->rule->target_label), &v, t->a);
    t->cut = t->cut || e == ERR_LIMIT;
    t->unparsed = t->unparsed || e == ERR_INPUT;
}

/* Names that match are renamed, dropped, or the only ones that stay. Looked at first, changed then: changing moves them about. */
static void over_names(struct turn *t, struct compiled *c)
{
    bool          keeps = c->rule->action == RELABEL_LABELKEEP;
    size_t        n = t->of->count(t->self), found = 0;
    struct label *all = n ? arena_alloc(t->a, n * sizeof *all) : NULL;
    if (n && !all) {
        t->cut = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct label l = t->of->at(t->self, i, t->a);
        if (matches(t, c, l.name, keeps) != keeps)
            all[found++] = l;
    }
    if (found)                               /* of two that get one name the last by the alphabet stays, as with Prometheus */
        qsort(all, found, sizeof *all, by_name);
    for (size_t i = 0; i < found; i++) {
        struct slice name;
        if (c->rule->action != RELABEL_LABELMAP)
            put(t, all[i].name, SLICE(""));
        else if (!regex_matches(c->regex, all[i].name) || !regex_expand(c->regex, all[i].name, c->rule->replacement, t->a, &name))
            t->cut = true;
        else if (name.n)                     /* a label without a name is none */
            put(t, name, all[i].value);
    }
}

/* False: dropped. */
static bool apply_one(struct turn *t, struct compiled *c)
{
    const struct relabel_rule *rule = c->rule;
    struct slice               joined, target = slice_of(rule->target_label);
    if (rule->action == RELABEL_LABELMAP || rule->action == RELABEL_LABELDROP || rule->action == RELABEL_LABELKEEP) {
        over_names(t, c);
        return true;
    }
    if (!join(t, rule, &joined)) {
        t->cut = true;
        return true;
    }
    switch ((enum relabel_action)rule->action) {
    case RELABEL_KEEP:      return matches(t, c, joined, true);
    case RELABEL_DROP:      return !matches(t, c, joined, false);
    case RELABEL_KEEPEQUAL: return slice_same(joined, t->of->get(t->self, target, t->a));
    case RELABEL_DROPEQUAL: return !slice_same(joined, t->of->get(t->self, target, t->a));
    case RELABEL_LOWERCASE: write_case(t, target, joined, false); break;
    case RELABEL_UPPERCASE: write_case(t, target, joined, true); break;
    case RELABEL_HASHMOD: {
        char *s = arena_printf(t->a, "%llu", (unsigned long long)(relabel_hash(joined) % (uint64_t)rule->modulus));
        if (s)
            put(t, target, slice_of(s));
        else
            t->cut = true;
        break;
    }
    case RELABEL_PARSE_JSON: parse_json(t, c, joined); break;
    default: write_replacement(t, c, joined); break;
    }
    return true;
}

bool relabel_apply(struct relabel *r, const struct labels_of *of, void *self, struct arena *a, struct relabel_report *report)
{
    struct turn t = { .of = of, .self = self, .a = a };
    bool        stays = true;
    for (size_t i = 0; r && i < r->count && stays; i++)
        stays = apply_one(&t, &r->item[i]);
    *report = (struct relabel_report){ .cut = t.cut, .unparsed = t.unparsed };
    return stays;
}

/* ---- plain labels ---- */

struct plain { struct label *item; size_t *n, max; };

static struct slice plain_get(void *self, struct slice name, struct arena *a)
{
    struct plain *p = self;
    for (size_t i = 0; i < *p->n; i++)
        if (slice_same(p->item[i].name, name))
            return p->item[i].value;
    return SLICE("");
}

static bool plain_set(void *self, struct slice name, struct slice value, struct arena *a)
{
    struct plain *p = self;
    size_t        i = 0;
    while (i < *p->n && !slice_same(p->item[i].name, name))
        i++;
    if (i < *p->n && value.n == 0) {
        memmove(&p->item[i], &p->item[i + 1], (*p->n - i - 1) * sizeof *p->item);
        --*p->n;
    } else if (i < *p->n) {
        p->item[i].value = value;
    } else if (value.n > 0) {
        if (*p->n == p->max)
            return false;
        p->item[(*p->n)++] = (struct label){ name, value };
    }
    return true;
}

static size_t       plain_count(void *self) { return *((struct plain *)self)->n; }
static struct label plain_at(void *self, size_t i, struct arena *a) { return ((struct plain *)self)->item[i]; }

bool relabel_labels(struct relabel *r, struct label *labels, size_t *n, size_t max, struct arena *a, bool *cut)
{
    static const struct labels_of of = { plain_get, plain_set, plain_count, plain_at, NULL };
    struct plain                  p = { labels, n, max };
    struct relabel_report         report;
    bool                          stays = relabel_apply(r, &of, &p, a, &report);
    if (cut)
        *cut = report.cut;
    return stays;
}
