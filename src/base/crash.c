/* base/crash.c */
#include "base/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int crash_armed;
static atomic_int passes_left;

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
    int         point = 0, pass = 1;
    if (!at || sscanf(at, "%d:%d", &point, &pass) < 1 || !crash_text(point))
        return;
    atomic_store(&passes_left, pass < 1 ? 1 : pass);
    crash_armed = point;
}

void crash_hit(enum crash_point p)
{
    if ((int)p != crash_armed)
        return;
    if (atomic_fetch_sub(&passes_left, 1) == 1) {
        (void)kill(getpid(), SIGKILL);
        pause();
    }
}
