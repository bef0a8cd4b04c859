/* wire/arrow_schema.c - the fields of a schema as types we read; numbers are those of Schema.fbs. */
#include "wire/arrow_inside.h"

enum { TYPE_NULL = 1, TYPE_INT = 2, TYPE_FLOAT = 3, TYPE_BINARY = 4, TYPE_UTF8 = 5, TYPE_BOOL = 6, TYPE_DATE = 8, TYPE_TIMESTAMP = 10, TYPE_LIST = 12, TYPE_STRUCT = 13,
       TYPE_MAP = 17, TYPE_LARGE_BINARY = 19, TYPE_LARGE_UTF8 = 20, TYPE_LARGE_LIST = 21 };

static const char *type_name(int64_t type)
{
    static const char *const names[] = { "nothing", "null", "int", "float", "binary", "utf8", "bool", "decimal", "date", "time", "timestamp", "interval", "list", "struct",
                                         "union", "fixed_size_binary", "fixed_size_list", "map", "duration", "large_binary", "large_utf8", "large_list",
                                         "run_end_encoded", "binary_view", "utf8_view", "list_view", "large_list_view" };
    return type >= 0 && (size_t)type < sizeof names / sizeof *names ? names[type] : "unknown";
}

static bool whole_width(int64_t bits) { return bits == 8 || bits == 16 || bits == 32 || bits == 64; }

/* false: not one that is read. */
static bool type_read(struct flat_table t, int64_t type, struct arrow_field *f)
{
    static const int64_t ns_in[] = { 1000000000, 1000000, 1000, 1 };
    int64_t              n;
    switch (type) {
    case TYPE_NULL: f->type = ARROW_NULL; return true;
    case TYPE_BOOL: f->type = ARROW_BOOL; return true;
    case TYPE_INT:
        n = flat_int(t, 0, 4, 0);
        f->type = flat_int(t, 1, 1, 0) ? ARROW_INT : ARROW_UINT;
        f->width = (unsigned)n / 8;
        return whole_width(n);
    case TYPE_FLOAT:
        n = flat_int(t, 0, 2, 0);
        f->type = ARROW_REAL;
        f->width = n == 1 ? 4 : 8;
        return n == 1 || n == 2;
    case TYPE_TIMESTAMP:
        n = flat_int(t, 0, 2, 0);
        f->type = ARROW_TIME;
        f->width = 8;
        f->time_scale = n >= 0 && n < 4 ? ns_in[n] : 0;
        return f->time_scale;
    case TYPE_DATE:
        n = flat_int(t, 0, 2, 1);
        f->type = ARROW_TIME;
        f->width = n == 0 ? 4 : 8;
        f->time_scale = n == 0 ? INT64_C(86400) * 1000000000 : 1000000;
        return n == 0 || n == 1;
    case TYPE_UTF8:
    case TYPE_LARGE_UTF8:   f->type = ARROW_TEXT;  f->width = type == TYPE_UTF8 ? 4 : 8;   return true;
    case TYPE_BINARY:
    case TYPE_LARGE_BINARY: f->type = ARROW_BYTES; f->width = type == TYPE_BINARY ? 4 : 8; return true;
    case TYPE_LIST:
    case TYPE_LARGE_LIST:   f->type = ARROW_LIST;  f->width = type == TYPE_LIST ? 4 : 8;   return true;
    case TYPE_MAP:          f->type = ARROW_MAP;   f->width = 4;                           return true;
    case TYPE_STRUCT:       f->type = ARROW_STRUCT;                                        return true;
    default:                return false;
    }
}

static enum err field_read(struct arrow_reader *r, struct flat_table t, struct arrow_field *f, int depth, size_t *all, struct fault *fault);

static enum err fields_read(struct arrow_reader *r, struct flat_vector v, const struct arrow_field **out, size_t *n, int depth, size_t *all, struct fault *fault)
{
    if (v.n > ARROW_COLUMNS_MAX || (*all += v.n) > ARROW_COLUMNS_MAX)
        return fail(fault, ERR_LIMIT, "arrow: more than %d columns", ARROW_COLUMNS_MAX);
    struct arrow_field *field = arena_alloc(&r->schema_arena, (v.n ? v.n : 1) * sizeof *field);
    if (!field)
        return fail(fault, ERR_LIMIT, "arrow: the schema does not fit into memory");
    for (uint32_t i = 0; i < v.n; i++) {
        enum err e = field_read(r, flat_vector_table(v, i), &field[i], depth, all, fault);
        if (e != OK)
            return e;
    }
    *out = field;
    *n = v.n;
    return OK;
}

static enum err dictionary_read(struct arrow_reader *r, struct flat_table encoding, struct arrow_field *f, struct fault *fault)
{
    struct flat_table index = flat_table_at(encoding, 1);
    int64_t           bits = flat_is(index) ? flat_int(index, 0, 4, 0) : 32;
    f->encoded = true;
    f->dictionary = flat_int(encoding, 0, 8, 0);
    f->index_signed = flat_is(index) ? flat_int(index, 1, 1, 0) : true;
    f->index_width = (unsigned)bits / 8;
    if (!whole_width(bits) || f->type >= ARROW_LIST || f->type == ARROW_NULL)
        return fail(fault, ERR_INPUT, "arrow: the dictionary of column %.*s is of a kind that is not read", (int)(f->name.n < 100 ? f->name.n : 100), f->name.s);
    if (arrow_dictionary_find(r, f->dictionary))
        return OK;
    struct arrow_dictionary *d = arena_alloc(&r->schema_arena, sizeof *d);
    if (!d)
        return fail(fault, ERR_LIMIT, "arrow: the schema does not fit into memory");
    *d = (struct arrow_dictionary){ .id = f->dictionary, .field = f, .next = r->dictionary };
    r->dictionary = d;
    return OK;
}

static enum err field_read(struct arrow_reader *r, struct flat_table t, struct arrow_field *f, int depth, size_t *all, struct fault *fault)
{
    f->name = flat_text(t, 0);
    int64_t type = flat_int(t, 2, 1, 0);
    if (!flat_is(t) || t.in->bad)
        return fail(fault, ERR_INPUT, "arrow: malformed schema");
    if (!type_read(flat_table_at(t, 3), type, f)) {
        enum err e = fail(fault, ERR_INPUT, "arrow: column %.*s is of type %s (or a width of it), which is not read", (int)(f->name.n < 100 ? f->name.n : 100),
            f->name.n ? f->name.s : "", type_name(type));
        fail_hint(fault, "cast it to utf8, an integer, float64, bool or timestamp before sending");
        return e;
    }
    if (f->type >= ARROW_LIST) {
        if (depth == ARROW_DEPTH_MAX)
            return fail(fault, ERR_LIMIT, "arrow: types are nested deeper than %d", ARROW_DEPTH_MAX);
        enum err e = fields_read(r, flat_vector_at(t, 5, 4), &f->child, &f->children, depth + 1, all, fault);
        if (e != OK)
            return e;
        bool fine = f->type == ARROW_STRUCT || (f->children == 1 && (f->type == ARROW_LIST || (f->child->type == ARROW_STRUCT && f->child->children == 2)));
        if (!fine)
            return fail(fault, ERR_INPUT, "arrow: column %.*s does not have the children of its type", (int)(f->name.n < 100 ? f->name.n : 100), f->name.n ? f->name.s : "");
    }
    struct flat_table encoding = flat_table_at(t, 4);
    return flat_is(encoding) ? dictionary_read(r, encoding, f, fault) : OK;
}

enum err arrow_schema_read(struct arrow_reader *r, struct flat_table schema, struct fault *fault)
{
    size_t all = 0;
    if (flat_int(schema, 0, 2, 0) != 0)
        return fail(fault, ERR_INPUT, "arrow: the stream is big-endian");
    enum err e = fields_read(r, flat_vector_at(schema, 1, 4), &r->field, &r->fields, 1, &all, fault);
    if (e == OK && schema.in->bad)
        e = fail(fault, ERR_INPUT, "arrow: malformed schema");
    r->has_schema = e == OK;
    return e;
}
