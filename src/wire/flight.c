/* wire/flight.c - field numbers are those of Flight.proto; data_body is number 1000, so that it comes last. */
#include "wire/flight.h"

#include "wire/flat.h"
#include "wire/protobuf.h"

static enum err descriptor_read(struct slice s, struct flight_descriptor *d, struct fault *fault)
{
    struct pb       m = pb_of(s);
    struct pb_field f;
    int             more;
    *d = (struct flight_descriptor){ .kind = FLIGHT_NONE };
    while ((more = pb_next(&m, &f)) > 0)
        if (f.number == 1 && f.type == PB_VARINT)
            d->kind = f.n == 1 ? FLIGHT_PATH : f.n == 2 ? FLIGHT_CMD : FLIGHT_NONE;
        else if (f.number == 2 && f.type == PB_LEN)
            d->cmd = f.bytes;
        else if (f.number == 3 && f.type == PB_LEN) {
            if (d->path_n == FLIGHT_PATH_MAX)
                return fail(fault, ERR_LIMIT, "flight: a path of more than %d steps", FLIGHT_PATH_MAX);
            d->path[d->path_n++] = f.bytes;
        }
    return more == 0 ? OK : fail(fault, ERR_INPUT, "flight: malformed descriptor");
}

enum err flight_data_read(struct slice message, struct flight_data *d, struct fault *fault)
{
    struct pb       m = pb_of(message);
    struct pb_field f;
    int             more;
    *d = (struct flight_data){ .has_descriptor = false };
    while ((more = pb_next(&m, &f)) > 0) {
        if (f.type != PB_LEN)
            continue;
        if (f.number == 1) {
            enum err e = descriptor_read(f.bytes, &d->descriptor, fault);
            if (e != OK)
                return e;
            d->has_descriptor = true;
        } else if (f.number == 2)
            d->header = f.bytes;
        else if (f.number == 3)
            d->app_metadata = f.bytes;
        else if (f.number == 1000)
            d->body = f.bytes;
    }
    return more == 0 ? OK : fail(fault, ERR_INPUT, "flight: malformed FlightData");
}

enum err flight_stream_add(struct text *stream, const struct flight_data *d, struct fault *fault)
{
    if (!d->header.n)
        return OK;
    struct flat       f = { .buffer = d->header };
    struct flat_table message = flat_root(&f);
    int64_t           told = flat_int(message, 3, 8, 0);
    if (f.bad || told < 0 || (uint64_t)told != d->body.n)
        return fail(fault, ERR_INPUT, "flight: the message says its body has %lld bytes, it has %zu", (long long)told, d->body.n);
    uint32_t n = (uint32_t)((d->header.n + 7) / 8 * 8);
    char     head[8];
    memset(head, 0xff, 4);
    memcpy(head + 4, &n, 4);
    text_add_n(stream, head, 8);
    text_add_n(stream, d->header.s, d->header.n);
    text_add_n(stream, "\0\0\0\0\0\0\0", n - d->header.n);
    if (d->body.n)
        text_add_n(stream, d->body.s, d->body.n);
    return stream->cut ? fail(fault, ERR_LIMIT, "flight: the stream is longer than %zu bytes", stream->max) : OK;
}

enum err flight_put_result(struct slice app_metadata, char *to, size_t room, size_t *used, struct fault *fault)
{
    *used = 0;
    if (!app_metadata.n)
        return OK;
    char   head[11] = { 0x0a };
    size_t n = 1;
    for (size_t left = app_metadata.n;; left >>= 7) {
        head[n++] = (char)((left & 127) | (left > 127 ? 128 : 0));
        if (left <= 127)
            break;
    }
    if (room < n || room - n < app_metadata.n)
        return fail(fault, ERR_LIMIT, "flight: an answer of %zu bytes does not fit into %zu", n + app_metadata.n, room);
    memcpy(to, head, n);
    memcpy(to + n, app_metadata.s, app_metadata.n);
    *used = n + app_metadata.n;
    return OK;
}
