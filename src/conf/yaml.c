/*
 * conf/yaml.c - events of libyaml in, a bounded tree of nodes out.
 *
 * libyaml says what is wrong in the words of its grammar; the table of hints
 * says it in the words of somebody who edits a configuration file.
 */
#include "conf/yaml.h"

#include "base/file.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* What is open while events arrive: the node, its last child, and the key that waits for its value. */
struct level {
    struct yaml_node *node, *last;
    const char       *key;
    struct conf_place key_at;
    bool              has_key;
};

struct reader {
    struct arena           *arena;
    struct conf_complaints *all;
    const char             *name;
    yaml_parser_t           parser;
    struct level            stack[YAML_DEPTH_MAX];
    unsigned                depth, nodes;
    struct yaml_node       *root;
    bool                    stop;      /* nothing sensible can follow */
    bool                    whole;     /* the end was reached */
};

static struct conf_place place_of(const struct reader *r, yaml_mark_t mark)
{
    return (struct conf_place){ r->name, (unsigned)mark.line + 1, (unsigned)mark.column + 1 };
}

static void out_of_memory(struct reader *r, struct conf_place at)
{
    conf_complain(r->all, at, "Split the file, or shorten it.", "this file needs more memory than a configuration may");
    r->stop = true;
}

/* ---- bytes ---- */

/* The length of the valid character at s; 0 when it is none that may stand in a file. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    static const struct { unsigned char mask, lead; unsigned length; uint32_t least; } forms[] = {
        { 0x80, 0x00, 1, 0 }, { 0xe0, 0xc0, 2, 0x80 }, { 0xf0, 0xe0, 3, 0x800 }, { 0xf8, 0xf0, 4, 0x10000 },
    };
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        if ((s[0] & forms[f].mask) != forms[f].lead)
            continue;
        if (left < forms[f].length)
            return 0;
        uint32_t c = s[0] & (unsigned char)~forms[f].mask;
        for (unsigned i = 1; i < forms[f].length; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (s[i] & 0x3f);
        }
        if (c < forms[f].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || c == 0xfffe || c == 0xffff)
            return 0;
        bool control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7f && c < 0xa0 && c != 0x85);
        return control ? 0 : forms[f].length;
    }
    return 0;
}

static bool bytes_are_fit(struct reader *r, const char *data, size_t size)
{
    const unsigned char *s = (const unsigned char *)data;
    struct conf_place    at = { r->name, 1, 1 };
    if (size >= 2 && ((s[0] == 0xff && s[1] == 0xfe) || (s[0] == 0xfe && s[1] == 0xff))) {
        conf_complain(r->all, at, "Save it as UTF-8.", "the file is UTF-16");
        return false;
    }
    for (size_t i = 0, n; i < size; i += n) {
        n = utf8_length(s + i, size - i);
        if (n == 0) {
            bool control = s[i] < 0x80 || (s[i] == 0xc2 && i + 1 < size && s[i + 1] < 0xa0);
            conf_complain(r->all, at, control ? "Take it out, or write it as an escape in double quotes." : "Save the file as UTF-8.",
                          control ? "a control character (byte 0x%02x) stands here" : "byte 0x%02x is not UTF-8", s[i]);
            return false;
        }
        if (s[i] == '\n') {
            at.line++;
            at.column = 1;
        } else {
            at.column++;
        }
    }
    return true;
}

/* ---- syntax errors ---- */

static const struct { const char *problem, *says, *hint; } hints[] = {
    { "mapping values are not allowed", "a second `:` on this line, or an indentation that does not fit",
      "Put a value that contains `: ` in quotes, and indent what belongs together by the same number of spaces." },
    { "could not find expected ':'", "this line has no `:`", "Each line of a map is written `key: value`." },
    { "did not find expected key", "a key was expected here", "Look at the indentation of this line and the one before, and for a quote that is not closed." },
    { "did not find expected '-' indicator", "the next `- ` of the list was expected here", "Indent all items of a list alike." },
    { "did not find expected ',' or ']'", "a `,` or `]` was expected here", "Close the list with `]`." },
    { "did not find expected ',' or '}'", "a `,` or `}` was expected here", "Close the map with `}`." },
    { "found unexpected end of stream", "the text ends in the middle of something", "Look for a quote or bracket that is not closed." },
    { "found unexpected document indicator", "`---` or `...` in the middle of a quoted text", "Look for a quote that is not closed." },
    { "found undefined alias", "an alias (`*name`) is not accepted", "Write the value out, or put it in quotes if it is text." },
    { "block sequence entries are not allowed", "a `- ` cannot stand here", "Begin a list on a line of its own below its key." },
};

static bool line_has_tab(const char *data, size_t size, unsigned line)
{
    const char *s = data, *end = data + size;
    while (line-- > 1 && s && s < end)
        s = (s = memchr(s, '\n', (size_t)(end - s))) ? s + 1 : NULL;
    for (; s && s < end && (*s == ' ' || *s == '\t'); s++)
        if (*s == '\t')
            return true;
    return false;
}

static void complain_of_syntax(struct reader *r, const char *data, size_t size)
{
    const yaml_parser_t *p = &r->parser;
    struct conf_place    at = place_of(r, p->problem_mark);
    const char          *problem = p->problem ? p->problem : "malformed";
    if (p->error == YAML_MEMORY_ERROR) {
        out_of_memory(r, (struct conf_place){ r->name, 0, 0 });
        return;
    }
    if (line_has_tab(data, size, at.line)) {
        conf_complain(r->all, at, "Use spaces.", "a tab cannot indent YAML");
        return;
    }
    if (p->context && strstr(p->context, "quoted scalar") && strstr(problem, "end of stream")) {
        conf_complain(r->all, place_of(r, p->context_mark), "Close it; what was meant as an apostrophe belongs in double quotes.", "the quote that begins here is never closed");
        return;
    }
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (strstr(problem, hints[i].problem)) {
            conf_complain(r->all, at, hints[i].hint, "%s", hints[i].says);
            return;
        }
    conf_complain(r->all, at, "Text with special characters belongs in quotes.", "this is not YAML: %s", problem);
}

/* ---- nodes ---- */

static uint32_t hash_of(const char *s)
{
    uint32_t h = 2166136261u;                    /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

static const char *copy(struct reader *r, const char *s, size_t n)
{
    char *p = arena_alloc(r->arena, n + 1);
    if (p)
        memcpy(p, s, n);
    return p;
}

/* Hang a node below what is open: as the item of a list or the value of the key that waits. */
static void hang(struct reader *r, struct yaml_node *node)
{
    if (r->depth == 0) {
        r->root = node;
        return;
    }
    struct level *l = &r->stack[r->depth - 1];
    if (l->node->kind == YAML_MAP) {
        assert(l->has_key);
        node->key = l->key;
        node->key_at = l->key_at;
        node->key_hash = hash_of(l->key);
        l->has_key = false;
        for (const struct yaml_node *n = l->node->first; n; n = n->next)
            if (n->key_hash == node->key_hash && strcmp(n->key, node->key) == 0) {
                char first[256];
                (void)snprintf(first, sizeof first, "It stands in line %u already; keep one of the two.", n->key_at.line);
                conf_complain(r->all, node->key_at, first, "`%s` is there twice", node->key);
                return;
            }
        if (l->node->count == YAML_KEYS_MAX) {
            conf_complain(r->all, node->key_at, NULL, "more than %u keys in one map", YAML_KEYS_MAX);
            r->stop = true;
        }
    }
    *(l->last ? &l->last->next : &l->node->first) = node;
    l->last = node;
    l->node->count++;
}

static bool key_is_next(const struct reader *r)
{
    return r->depth && r->stack[r->depth - 1].node->kind == YAML_MAP && !r->stack[r->depth - 1].has_key;
}

static struct yaml_node *node_new(struct reader *r, enum yaml_kind kind, struct conf_place at)
{
    if (++r->nodes > YAML_NODES_MAX) {
        conf_complain(r->all, at, "Split it.", "more than %u values in one file", YAML_NODES_MAX);
        r->stop = true;
        return NULL;
    }
    struct yaml_node *n = arena_alloc(r->arena, sizeof *n);
    if (!n) {
        out_of_memory(r, at);
        return NULL;
    }
    n->kind = kind;
    n->at = at;
    return n;
}

static void refuse_extras(struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag, struct conf_place at)
{
    if (anchor)
        conf_complain(r->all, at, "Write the value out where it is needed, or put it in quotes if it is text.", "an anchor (`&%.60s`) is not accepted",
                      (const char *)anchor);
    if (tag)
        conf_complain(r->all, at, "Put the value in quotes if it is text.", "a tag (`!`) is not accepted");
}

static void on_scalar(struct reader *r, const yaml_event_t *e)
{
    struct conf_place at = place_of(r, e->start_mark);
    const char       *s = (const char *)e->data.scalar.value;
    size_t            n = e->data.scalar.length;
    refuse_extras(r, e->data.scalar.anchor, e->data.scalar.tag, at);
    if (memchr(s, '\0', n)) {
        conf_complain(r->all, at, NULL, "a text must not contain a NUL character");
        n = strlen(s);
    }
    const char *text = copy(r, s, n);
    if (!text) {
        out_of_memory(r, at);
        return;
    }
    if (key_is_next(r)) {
        struct level *l = &r->stack[r->depth - 1];
        if (strcmp(text, "<<") == 0 && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
            conf_complain(r->all, at, "Write the keys out.", "merging (`<<`) is not accepted");
        l->key = text;
        l->key_at = at;
        l->has_key = true;
        return;
    }
    struct yaml_node *node = node_new(r, YAML_SCALAR, at);
    if (!node)
        return;
    node->text = text;
    node->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    hang(r, node);
}

static void on_open(struct reader *r, const yaml_event_t *e, enum yaml_kind kind)
{
    struct conf_place at = place_of(r, e->start_mark);
    if (kind == YAML_MAP)
        refuse_extras(r, e->data.mapping_start.anchor, e->data.mapping_start.tag, at);
    else
        refuse_extras(r, e->data.sequence_start.anchor, e->data.sequence_start.tag, at);
    if (key_is_next(r)) {
        conf_complain(r->all, at, "A key is a plain word; a value that begins with `{` or `[` belongs in quotes.", "a %s cannot be a key",
                      kind == YAML_MAP ? "map" : "list");
        r->stop = true;
        return;
    }
    if (r->depth == YAML_DEPTH_MAX) {
        conf_complain(r->all, at, NULL, "more than %u maps and lists inside each other", YAML_DEPTH_MAX);
        r->stop = true;
        return;
    }
    struct yaml_node *node = node_new(r, kind, at);
    if (!node)
        return;
    hang(r, node);
    r->stack[r->depth++] = (struct level){ .node = node };
}

static void on_event(struct reader *r, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (r->root) {
            conf_complain(r->all, place_of(r, e->start_mark), "Take the `---` out, or use a file for each.", "a second document begins here");
            r->stop = true;
        }
        break;
    case YAML_ALIAS_EVENT:
        conf_complain(r->all, place_of(r, e->start_mark), "Write the value out, or put it in quotes if it is text.",
                      "an alias (`*%.60s`) is not accepted", (const char *)e->data.alias.anchor);
        r->stop = true;
        break;
    case YAML_SCALAR_EVENT:         on_scalar(r, e);          break;
    case YAML_MAPPING_START_EVENT:  on_open(r, e, YAML_MAP);  break;
    case YAML_SEQUENCE_START_EVENT: on_open(r, e, YAML_LIST); break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:   r->depth--;               break;
    default:                                                  break;
    }
}

static void read_events(struct reader *r, const char *data, size_t size)
{
    if (!yaml_parser_initialize(&r->parser)) {
        out_of_memory(r, (struct conf_place){ r->name, 0, 0 });
        return;
    }
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)data, size);
    for (bool end = false; !end && !r->stop;) {
        yaml_event_t e;
        if (!yaml_parser_parse(&r->parser, &e)) {
            complain_of_syntax(r, data, size);
            break;
        }
        end = r->whole = e.type == YAML_STREAM_END_EVENT;
        on_event(r, &e);
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&r->parser);
}

static enum err parse(struct reader *r, const char *data, size_t size, struct yaml_node **root, struct fault *fault)
{
    size_t before = r->all->count + r->all->dropped;
    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
        data += 3;
        size -= 3;
    }
    if (size > YAML_BYTES_MAX)
        conf_complain(r->all, (struct conf_place){ r->name, 0, 0 }, "Split it.", "larger than %u bytes", YAML_BYTES_MAX);
    else if (bytes_are_fit(r, data, size))
        read_events(r, data, size);
    if (r->all->count + r->all->dropped == before && !r->root && !r->stop
        && (r->root = node_new(r, YAML_SCALAR, (struct conf_place){ r->name, 1, 1 }))) {
        r->root->text = "";
        r->root->plain = true;
    }
    *root = r->whole && !r->stop ? r->root : NULL;
    return r->all->count + r->all->dropped == before ? OK : conf_complaints_fault(r->all, fault);
}

enum err yaml_parse(struct arena *a, const char *name, const char *data, size_t size, struct yaml_node **root,
                    struct conf_complaints *all, struct fault *fault)
{
    struct conf_complaints own;
    struct reader          r = { .arena = a, .all = all ? all : &own, .name = arena_text(a, name) };
    *root = NULL;
    if (!r.name)
        return fail(fault, ERR_LIMIT, "no memory to read %s", name);
    if (!all)
        conf_complaints_init(&own);
    enum err e = parse(&r, data, size, root, fault);
    if (!all)
        conf_complaints_done(&own);
    return e;
}

enum err yaml_read(struct arena *a, const char *path, struct yaml_node **root, struct conf_complaints *all, struct fault *fault)
{
    char        *data = NULL;
    size_t       size = 0;
    struct fault why;
    enum err     e = file_read(path, YAML_BYTES_MAX + 3, &data, &size, &why);
    *root = NULL;
    if (e != OK) {
        if (all)
            conf_complain(all, (struct conf_place){ path, 0, 0 }, why.hint, "%s", e == ERR_MISSING ? "there is no such file" : why.text);
        if (fault)
            *fault = why;
        return e;
    }
    e = yaml_parse(a, path, data, size, root, all, fault);
    free(data);
    return e;
}
