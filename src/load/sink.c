/* load/sink.c - see the header. */
#include "load/sink.h"

#include "load/random.h"

#include <assert.h>
#include <string.h>

void load_writer_init(struct load_writer *w, struct load_sink *sink, struct fault *fault)
{
    *w = (struct load_writer){ .sink = sink, .fault = fault };
    sink->failed = OK;
    sink->used = 0;
}

static void send_off(struct load_writer *w)
{
    struct load_sink *s = w->sink;
    assert(s->used < sizeof s->bytes);
    if (s->failed == OK && s->used > 0)
        s->failed = s->send(s->ctx, s->bytes, s->used, w->fault);
    s->used = 0;
}

enum err load_writer_finish(struct load_writer *w)
{
    send_off(w);
    return w->sink->failed;
}

void load_end_row(struct load_writer *w)
{
    struct load_sink *s = w->sink;
    s->bytes[s->used++] = '\n';
    w->in_row = false;
    (void)__atomic_fetch_add(s->rows, 1, __ATOMIC_RELAXED);
    if (s->used >= LOAD_SINK_BYTES)
        send_off(w);
}

int load_draw(struct load_writer *w, int lo, int hi) { return (int)rand_int(&w->rand, lo, hi); }

void load_begin_field(struct load_writer *w)
{
    if (w->in_row)
        w->sink->bytes[w->sink->used++] = '\t';
    w->in_row = true;
}

char *load_add_room(struct load_writer *w, size_t n)
{
    char *at = w->sink->bytes + w->sink->used;
    assert(w->sink->used + n < sizeof w->sink->bytes);
    w->sink->used += n;
    return at;
}

void load_add(struct load_writer *w, const char *text, size_t n) { memcpy(load_add_room(w, n), text, n); }

void load_add_digits(struct load_writer *w, int64_t value, int least_digits)
{
    char   digits[24];
    size_t n = sizeof digits;
    assert(value >= 0);
    while (value > 0 || least_digits > 0) {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
        least_digits--;
    }
    load_add(w, digits + n, sizeof digits - n);
}

void load_put(struct load_writer *w, const char *text)
{
    load_begin_field(w);
    load_add(w, text, strlen(text));
}

void load_put_null(struct load_writer *w) { load_put(w, "\\N"); }

void load_put_int(struct load_writer *w, int64_t value)
{
    load_begin_field(w);
    load_add_digits(w, value, 1);
}

void load_put_decimal(struct load_writer *w, int64_t value, int decimals)
{
    int64_t unit = 1;
    for (int i = 0; i < decimals; i++)
        unit *= 10;
    load_begin_field(w);
    if (value < 0) {
        load_add(w, "-", 1);
        value = -value;
    }
    load_add_digits(w, value / unit, 1);
    load_add(w, ".", 1);
    load_add_digits(w, value % unit, decimals);
}

void load_put_letters(struct load_writer *w, size_t lo, size_t hi)
{
    load_begin_field(w);
    w->sink->used += load_draw_letters(&w->rand, lo, hi, w->sink->bytes + w->sink->used);
}

void load_put_number_text(struct load_writer *w, size_t lo, size_t hi)
{
    load_begin_field(w);
    w->sink->used += load_draw_digits(&w->rand, lo, hi, w->sink->bytes + w->sink->used);
}
