/*
 * Any bytes as a connection, HTTP/1.1 or HTTP/2: whatever is accepted was kept first, what is counted into the budget is counted out, and
 * nobody waits for ever.  The first byte says in which steps it comes, the second when the journal answers, and what.
 */
#include "receive_double.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(struct session *s)
{
    for (struct slice out; (out = session_output(s)).n;)
        session_sent(s, out.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct receive_double d;
    if (size < 3 || size > 65536)
        return 0;
    size_t         step = (size_t)data[0] * 8 + 1;
    const unsigned how = data[1];
    double_open(&d);
    d.host.limits.body_max = 64 * 1024;
    d.at_once = how & 1;
    struct session *s = session_new(&d.host, &d.door, SESSION_EITHER);
    if (!s)
        abort();
    bool good = true;
    for (size_t at = 2, turn = 0; good && at < size && !session_over(s) && d.kept_n < DOUBLE_RECORDS_MAX - 8; at += step, turn++) {
        size_t n = size - at < step ? size - at : step;
        char  *copy = malloc(n);
        memcpy(copy, data + at, n);
        d.host.now_us += 1000;
        d.host.pressed = how & 2 && turn % 4 == 1;
        if (d.host.pressed)
            session_pause(s);
        else
            session_resume(s);
        if (session_wants_input(s))
            good = session_feed(s, copy, n);
        free(copy);
        drain(s);
        if (how & 4 && turn % 3 == 2)
            double_durable(&d, how & 8 ? ERR_IO : OK);
        if (how & 16 && turn == 7)
            session_shutdown(s);
    }
    if (how & 32) {      /* the peer stays: everything is answered */
        double_durable(&d, OK);
        drain(s);
        d.host.pressed = false;
        session_resume(s);
        d.host.now_us += 700 * INT64_C(1000000);
        (void)session_tick(s);
        drain(s);
    }
    session_free(s);
    uint64_t accepted = 0;
    double_close(&d);      /* looks at the budget */
    for (int p = 0; p < RECEIVE_PROTOCOL_COUNT; p++)
        accepted += d.stats.of[p].events;
    uint64_t kept = 0;
    for (size_t i = 0; i < d.kept_n; i++)
        kept += d.kept[i].events;
    if (accepted > kept)
        abort();
    return 0;
}
