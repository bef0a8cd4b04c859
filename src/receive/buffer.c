/* receive/buffer.c - see buffer.h. Sizes up to 4 MiB are powers of two; larger ones go to the allocator and back. */
#include "receive/buffer.h"

#include <stdlib.h>
#include <string.h>

static unsigned class_of(size_t room, size_t *size)
{
    unsigned c = 0;
    for (*size = BUFFER_LEAST; *size < room && c < BUFFER_CLASSES; c++)
        *size *= 2;
    if (c == BUFFER_CLASSES)
        *size = room;
    return c;
}

static char *stock_take(struct buffer_stock *k, size_t room, size_t *size)
{
    unsigned c = class_of(room, size);
    if (c < BUFFER_CLASSES && k->class[c].count) {
        k->bytes -= *size;
        return k->class[c].item[--k->class[c].count];
    }
    return malloc(*size);
}

static void stock_give(struct buffer_stock *k, char *s, size_t room)
{
    size_t   size;
    unsigned c = class_of(room, &size);
    if (s && c < BUFFER_CLASSES && size == room && k->class[c].count < BUFFER_STOCK_EACH && k->bytes + size <= BUFFER_STOCK_MAX) {
        k->class[c].item[k->class[c].count++] = s;
        k->bytes += size;
    } else
        free(s);
}

bool buffer_need(struct buffer_stock *k, struct buffer *b, size_t room)
{
    size_t size;
    if (room <= b->room)
        return true;
    char *s = stock_take(k, room, &size);
    if (!s)
        return false;
    if (b->n)
        memcpy(s, b->s, b->n);
    stock_give(k, b->s, b->room);
    b->s = s;
    b->room = size;
    return true;
}

bool buffer_add(struct buffer_stock *k, struct buffer *b, const void *bytes, size_t n, size_t most)
{
    if (n > most || b->n > most - n)
        return false;
    if (b->n + n > b->room) {
        size_t room = b->room * 2 > b->n + n ? b->room * 2 : b->n + n;
        if (!buffer_need(k, b, room))
            return false;
    }
    if (n)
        memcpy(b->s + b->n, bytes, n);
    b->n += n;
    return true;
}

void buffer_drop(struct buffer_stock *k, struct buffer *b)
{
    stock_give(k, b->s, b->room);
    *b = (struct buffer){ 0 };
}

void buffer_stock_done(struct buffer_stock *k)
{
    for (unsigned c = 0; c < BUFFER_CLASSES; c++)
        while (k->class[c].count)
            free(k->class[c].item[--k->class[c].count]);
    k->bytes = 0;
}
