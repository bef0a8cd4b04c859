/* Any bytes as a file: cut as a whole, or as it grows, the same texts come out, and every byte of it is accounted for. */
#include "receive/lines.h"

#include <stdint.h>
#include <stdlib.h>

static void must(bool truth)
{
    if (!truth)
        abort();
}

struct seen { char *s; size_t n; };

static void add(struct seen *o, const struct lines_found *f)
{
    if (f->text.n)
        memcpy(o->s + o->n, f->text.s, f->text.n);
    o->n += f->text.n;
    o->s[o->n++] = f->split ? '\1' : '\2';
}

static void grow(const struct lines_rules *r, const char *data, size_t size, size_t step, struct seen *o)
{
    size_t at = 0;
    *o = (struct seen){ .s = malloc(2 * size + 2) };
    for (size_t there = 0; there < size;) {
        there = size - there < step ? size : there + step;
        struct lines_found f;
        char              *copy = malloc(there - at + 1);      /* so that a look beyond the end is seen */
        memcpy(copy, data + at, there - at);
        struct slice in = { copy, there - at };
        while (lines_next(r, in, there == size ? LINES_END : LINES_MORE, &f)) {
            must(f.used > 0 && f.used <= in.n && f.text.n <= f.used && f.text.n <= r->max);
            add(o, &f);
            in.s += f.used;
            in.n -= f.used;
            at += f.used;
        }
        must(there == size || in.n <= r->max + 1);
        free(copy);
    }
    must(at == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, parts;
    regex_t     start;
    struct text scratch;
    if (size < 3 || size > 4096)
        return 0;
    must(regcomp(&start, "^[0-9]|x$", REG_EXTENDED | REG_NOSUB) == 0);
    struct lines_rules r = { .max = 9 + data[0] % 32, .indented = data[1] & 1, .start = data[1] & 2 ? &start : NULL };
    grow(&r, (const char *)data + 3, size - 3, size, &whole);
    grow(&r, (const char *)data + 3, size - 3, (size_t)data[2] % 40 + 1, &parts);
    must(whole.n == parts.n && memcmp(whole.s, parts.s, whole.n) == 0);
    text_init(&scratch, 4 * size);
    struct slice clean = lines_utf8((struct slice){ whole.s, whole.n }, &scratch), again;
    struct text  none;
    text_init(&none, 4 * size);
    again = lines_utf8(clean, &none);
    must(again.s == clean.s && clean.n >= whole.n && !scratch.cut);      /* it is valid now */
    text_done(&none);
    text_done(&scratch);
    free(whole.s);
    free(parts.s);
    regfree(&start);
    return 0;
}
