/* bench/learn.c - options by name, time, medians. */
#include "learn.h"

#include "math/stats/describe.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int learn_options(int argc, char **argv, const struct learn_option *table, size_t count, void *options)
{
    for (int i = 1; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        size_t      k = 0;
        if (!equals)
            continue;
        while (k < count && (strlen(table[k].name) != (size_t)(equals - argv[i]) || strncmp(table[k].name, argv[i], (size_t)(equals - argv[i])) != 0))
            k++;
        char  *end;
        double x = strtod(equals + 1, &end);
        if (k == count || end == equals + 1 || *end) {
            fprintf(stderr, "%s: what is this?\n", argv[i]);
            return -1;
        }
        char *to = (char *)options + table[k].at;
        switch (table[k].kind) {
        case LEARN_INT: *(int *)(void *)to = (int)x; break;
        case LEARN_REAL: *(double *)(void *)to = x; break;
        case LEARN_BOOL: *(bool *)(void *)to = x != 0; break;
        }
    }
    return 0;
}

double learn_cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double learn_median(double *x, int n)
{
    math_sort(x, n);
    return math_quantile_sorted(x, n, 0.5);
}
