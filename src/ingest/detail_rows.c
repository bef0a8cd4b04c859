/* ingest/detail_rows.c */
#include "ingest/detail_rows.h"

#include "base/slice.h"
#include "wire/protobuf.h"

#include <inttypes.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

void detail_rows_init(struct detail_rows *r, size_t max)
{
    *r = (struct detail_rows){ 0 };
    text_init(&r->out, max);
}

void detail_rows_done(struct detail_rows *r) { text_done(&r->out); }

/* How many bytes of s from i on are one character that PostgreSQL takes; 0: none. */
static size_t character(struct slice s, size_t i)
{
    unsigned char c = (unsigned char)s.s[i];
    size_t        n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return c != 0 && n <= s.n - i && (n == 1 || utf8_valid((struct slice){ s.s + i, n })) ? n : 0;
}

static void put_character(struct text *out, const char *s, size_t n)
{
    static const char plain[] = "\\\n\r\t", escaped[] = "\\nrt";
    const char       *special = n == 1 ? memchr(plain, *s, sizeof plain - 1) : NULL;
    if (special)
        text_add_n(out, (char[]){ '\\', escaped[special - plain] }, 2);
    else
        text_add_n(out, s, n);
}

static bool is_json(const char *column)
{
    static const char *const names[] = { "labels", "attributes", "attrs_schema", "fingerprints", "ref_pg" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(column, names[i]) == 0)
            return true;
    return false;
}

static void put_text(struct detail_rows *r, struct slice s, bool json)
{
    bool bare = s.n == 0 || (!memchr(s.s, 0, s.n) && utf8_valid(s));
    for (size_t i = 0, n; i < s.n; i += n) {
        if (json && s.s[i] == '\\' && s.n - i >= 2) {                      /* an escape of JSON, whole: what is escaped is no backslash of its own */
            bool nul = s.n - i >= 6 && memcmp(s.s + i, "\\u0000", 6) == 0;
            n = nul ? 6 : 2;
            r->replaced += nul;
            text_add(&r->out, nul ? "\\\\ufffd" : "\\\\");
            if (!nul)
                put_character(&r->out, s.s + i + 1, 1);
            continue;
        }
        size_t good = bare ? 1 : character(s, i);
        n = good ? good : 1;
        r->replaced += good == 0;
        if (good)
            put_character(&r->out, s.s + i, good);
        else
            text_add(&r->out, REPLACEMENT);
    }
}

void detail_rows_add(struct detail_rows *r, struct db_rows *row)
{
    int columns = sqlite3_column_count(row->s);
    for (int i = 0; i < columns; i++) {
        if (i)
            text_add(&r->out, "\t");
        switch (sqlite3_column_type(row->s, i)) {
        case SQLITE_NULL:    text_add(&r->out, "\\N"); break;
        case SQLITE_INTEGER: text_printf(&r->out, "%" PRId64, db_int(row, i)); break;
        case SQLITE_FLOAT:   text_printf(&r->out, "%.17g", sqlite3_column_double(row->s, i)); break;
        default: {
            const char *s = db_text(row, i);
            put_text(r, (struct slice){ s, (size_t)sqlite3_column_bytes(row->s, i) }, is_json(sqlite3_column_name(row->s, i)));
        }
        }
    }
    text_add(&r->out, "\n");
    r->rows++;
}
