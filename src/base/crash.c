/* base/crash.c */
#include "base/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LINGER_MAX_MS = 10000 };

int crash_armed;
static atomic_int passes_left;
static int        linger_ms;      /* written before any thread is started */

const char *crash_text(int number)
{
    switch (number) {
#define X(n, name, text) case n: return text;
    CRASH_MAP(X)
#undef X
    }
    return NULL;
}

void crash_arm_from_environment(void)
{
    const char *at = getenv("HOMEOSTAT_CRASH_AT");
    int         point = 0, pass = 1, linger = 0;
    if (!at || sscanf(at, "%d:%d:%d", &point, &pass, &linger) < 1 || !crash_text(point))
        return;
    linger_ms = linger < 0 ? 0 : linger > LINGER_MAX_MS ? LINGER_MAX_MS : linger;
    atomic_store(&passes_left, pass < 1 ? 1 : pass);
    crash_armed = point;
}

void crash_hit(enum crash_point p)
{
    if ((int)p != crash_armed)
        return;
    if (atomic_fetch_sub(&passes_left, 1) == 1) {
        (void)nanosleep(&(struct timespec){ linger_ms / 1000, linger_ms % 1000 * 1000000L }, NULL);
        (void)kill(getpid(), SIGKILL);
        pause();
    }
}
