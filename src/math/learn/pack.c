/* math/learn/pack.c - matrices to bytes and back. Every read asks first whether the bytes are there. */
#include "math/learn/pack.h"

#include <assert.h>
#include <float.h>
#include <stdio.h>
#include <string.h>

enum { VERSION = 1, HEAD = 16, SUM = 8 };
static const char magic[8] = { 'H', 'O', 'M', 'E', 'O', 'N', 'E', 'T' };

static size_t array_cells(const struct math_array *a) { return (size_t)a->rows * (size_t)a->cols; }

uint64_t math_pack_sum(const unsigned char *bytes, size_t size)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

static unsigned char *put(unsigned char *to, uint64_t x, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *to++ = (unsigned char)(x >> (8 * i));
    return to;
}

static unsigned char *put_bytes(unsigned char *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    return to + size;
}

size_t math_pack_size(const struct math_array *arrays, int count)
{
    size_t size = HEAD + SUM;
    for (int i = 0; i < count; i++)
        size += 2 + strlen(arrays[i].name) + 8 + array_cells(&arrays[i]) * (size_t)arrays[i].kind;
    return size;
}

void math_pack(const struct math_array *arrays, int count, unsigned char *out)
{
    unsigned char *to = put_bytes(out, magic, sizeof magic);
    to = put(to, VERSION, 4);
    to = put(to, (uint64_t)count, 4);
    for (int i = 0; i < count; i++) {
        const struct math_array *a = &arrays[i];
        size_t                   length = strlen(a->name);
        to = put(to, a->kind, 1);
        to = put(to, length, 1);
        to = put_bytes(to, a->name, length);
        to = put(to, (uint64_t)a->rows, 4);
        to = put(to, (uint64_t)a->cols, 4);
        for (size_t k = 0; k < array_cells(a); k++) {
            uint64_t bits = 0;
            uint32_t narrow;
            if (a->kind == MATH_DOUBLE) {
                memcpy(&bits, (const double *)a->data + k, sizeof bits);
            } else {
                memcpy(&narrow, (const float *)a->data + k, sizeof narrow);
                bits = narrow;
            }
            to = put(to, bits, (int)a->kind);
        }
    }
    to = put(to, math_pack_sum(out, (size_t)(to - out)), SUM);
    assert((size_t)(to - out) == math_pack_size(arrays, count));
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

struct reader { const unsigned char *at; size_t left; bool short_of; };

static const unsigned char *take(struct reader *r, size_t size)
{
    if (r->short_of || size > r->left) {
        r->short_of = true;
        return NULL;
    }
    const unsigned char *p = r->at;
    r->at += size;
    r->left -= size;
    return p;
}

static uint64_t number(const unsigned char *p, int bytes)
{
    uint64_t x = 0;
    for (int i = 0; p && i < bytes; i++)
        x |= (uint64_t)p[i] << (8 * i);
    return x;
}

static uint64_t get(struct reader *r, int bytes) { return number(take(r, (size_t)bytes), bytes); }

static double value(const unsigned char *p, enum math_kind kind)
{
    uint64_t bits = number(p, (int)kind);
    uint32_t narrow = (uint32_t)bits;
    double   x;
    float    y;
    memcpy(&x, &bits, sizeof x);
    memcpy(&y, &narrow, sizeof y);
    return kind == MATH_DOUBLE ? x : (double)y;
}

/* Reads one array; with fill its numbers go to where they belong, else they are only looked at. */
static enum err read_array(struct reader *r, const struct math_array *a, bool fill, struct fault *fault)
{
    uint64_t             kind = get(r, 1), length = get(r, 1);
    const unsigned char *name = take(r, length);
    if (r->short_of || length != strlen(a->name) || memcmp(name, a->name, length) != 0)
        return fail(fault, ERR_INPUT, "%s is expected, and something else is there", a->name);
    if (kind != MATH_FLOAT && kind != MATH_DOUBLE)
        return fail(fault, ERR_INPUT, "%s has numbers of an unknown kind", a->name);
    uint64_t rows = get(r, 4), cols = get(r, 4);
    if (rows != (uint64_t)a->rows || cols != (uint64_t)a->cols)
        return fail(fault, ERR_INPUT, "%s is %llu x %llu, and should be %d x %d", a->name, (unsigned long long)rows, (unsigned long long)cols, a->rows, a->cols);
    const unsigned char *data = take(r, array_cells(a) * (size_t)kind);
    if (!data)
        return fail(fault, ERR_INPUT, "%s is cut off", a->name);
    for (size_t i = 0; i < array_cells(a); i++) {
        double x = value(data + i * (size_t)kind, (enum math_kind)kind);
        if (!isfinite(x) || (a->not_negative && x < 0) || (a->kind == MATH_FLOAT && fabs(x) > (double)FLT_MAX))
            return fail(fault, ERR_INPUT, "%s has a number that cannot be used", a->name);
        if (fill && a->kind == MATH_DOUBLE)
            ((double *)a->data)[i] = x;
        else if (fill)
            ((float *)a->data)[i] = (float)x;
    }
    return OK;
}

enum err math_unpack(const struct math_array *arrays, int count, const unsigned char *bytes, size_t size, struct fault *fault)
{
    if (size < HEAD + SUM || memcmp(bytes, magic, sizeof magic) != 0)
        return fail(fault, ERR_INPUT, "these are not saved parameters");
    uint64_t version = number(bytes + 8, 4);
    if (version != VERSION)
        return fail(fault, ERR_INPUT, "saved parameters of version %llu; only %d can be read", (unsigned long long)version, VERSION);
    if (math_pack_sum(bytes, size - SUM) != number(bytes + size - SUM, SUM))
        return fail(fault, ERR_INPUT, "saved parameters are damaged: their checksum is wrong");
    if (number(bytes + 12, 4) != (uint64_t)count)
        return fail(fault, ERR_INPUT, "%llu arrays were saved, and %d are needed", (unsigned long long)number(bytes + 12, 4), count);
    for (int fill = 0; fill < 2; fill++) {
        struct reader r = { bytes + HEAD, size - HEAD - SUM, false };
        for (int i = 0; i < count; i++) {
            enum err e = read_array(&r, &arrays[i], fill, fault);
            if (e != OK)
                return e;
        }
        if (r.left)
            return fail(fault, ERR_INPUT, "%zu bytes follow the last array", r.left);
    }
    return OK;
}

/* ---- lists ----------------------------------------------------------------------------------------------------------- */

static const enum math_kind real_kind = sizeof(real) == 8 ? MATH_DOUBLE : MATH_FLOAT;

static struct math_array array_of(const char *name, const char *part, enum math_kind kind, int rows, int cols, void *data, bool not_negative)
{
    struct math_array a = { .kind = kind, .rows = rows, .cols = cols, .data = data, .not_negative = not_negative };
    int               n = snprintf(a.name, sizeof a.name, "%s%s", name, part);
    assert(n > 0 && (size_t)n < sizeof a.name);
    (void)n;
    return a;
}

int math_pack_params(struct math_params *p, struct math_array *arrays, int room)
{
    assert(p->count <= room);
    (void)room;
    for (int i = 0; i < p->count; i++)
        arrays[i] = array_of(p->tensors[i].name, "", real_kind, p->tensors[i].rows, p->tensors[i].cols, math_params_value(p, i), false);
    return p->count;
}

int math_pack_moments(struct math_params *p, const char *name, struct math_array *arrays, int room)
{
    assert(room >= 3 && p->size <= MATH_PARAMS_MAX);
    (void)room;
    arrays[0] = array_of(name, ".adam.m", real_kind, 1, (int)p->size, p->moment1, false);
    arrays[1] = array_of(name, ".adam.v", real_kind, 1, (int)p->size, p->moment2, true);
    arrays[2] = array_of(name, ".adam.t", MATH_DOUBLE, 1, 1, &p->steps, true);
    return 3;
}

struct math_array math_pack_doubles(const char *name, double *data, int n, bool not_negative) { return array_of(name, "", MATH_DOUBLE, 1, n, data, not_negative); }
