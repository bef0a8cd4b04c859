/*
 * tests/fuzz/fuzz_wire_syslog.c - any bytes as a stream of syslog messages, in pieces whose size is the first byte: the same messages as in one
 * piece, each of them read.
 */
#include "wire/syslog.h"

#include <stdlib.h>

enum { MAX = 64, MESSAGES = 4096 };

static void must(bool truth)
{
    if (!truth)
        abort();
}

static void inside(struct slice part, struct slice whole, const struct syslog_message *m)
{
    bool in_whole = part.s >= whole.s && part.s + part.n <= whole.s + whole.n, in_scratch = part.s >= m->scratch && part.s + part.n <= m->scratch + m->scratch_n;
    must(part.n == 0 || in_whole || in_scratch);
}

static void read_one(struct slice in)
{
    static struct syslog_message m;
    const struct syslog_around   around = { INT64_C(1767312000000000), -3600 };
    syslog_read(in, &around, &m);
    must(m.facility >= -1 && m.facility <= 23 && m.severity >= -1 && m.severity <= 7 && m.pairs_n <= SYSLOG_PAIRS_MAX);
    inside(m.text, in, &m);
    inside(m.host, in, &m);
    inside(m.app, in, &m);
    inside(m.procid, in, &m);
    inside(m.msgid, in, &m);
    for (size_t i = 0; i < m.pairs_n; i++)
        inside(m.pair[i].value, in, &m);
}

/* A number made of the messages and how it ended. */
static uint64_t frames(const uint8_t *data, size_t size, size_t step)
{
    struct syslog_frames f = { .max = MAX };
    char                *buffer = malloc(size + 1);
    size_t               have = 0, at = 0;
    uint64_t             sum = 1;
    enum err             e = OK;
    must(buffer);
    for (bool end = false; !end && e == OK;) {
        size_t more = size - at < step ? size - at : step;
        memcpy(buffer + have, data + at, more);
        at += more;
        have += more;
        end = at == size;
        for (bool got = true; got;) {
            struct slice message;
            size_t       used;
            got = syslog_frame_next(&f, (struct slice){ buffer, have }, end, &message, &used, &e, NULL);
            must(used <= have);
            if (got) {
                must(message.n <= MAX);
                for (size_t i = 0; i < message.n; i++)
                    sum = sum * 31 + (uint8_t)message.s[i] + 1;
                sum = sum * 31;
                read_one(message);
            }
            memmove(buffer, buffer + used, have - used);
            have -= used;
        }
        must(e != OK || have <= MAX + 16);
    }
    free(buffer);
    return sum + f.cut * 1000003 + (uint64_t)e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size || size > MESSAGES)
        return 0;
    size_t step = data[0] ? data[0] : 1;
    read_one((struct slice){ (const char *)data + 1, size - 1 });
    must(frames(data + 1, size - 1, step) == frames(data + 1, size - 1, size));
    return 0;
}
