/*
 * tests/sim/sim.c - walks the decision core through a random world, seed by seed.
 *
 *   homeostat-sim --seeds 10000 --steps 1000 [--from 1]
 *
 * Each seed is run twice for the first hundred and must leave the same trace.
 */
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const char *story(uint64_t seed, int64_t steps, struct world *w)
{
    world_start(w, seed);
    for (int64_t i = 0; i < steps && !w->broken; i++)
        world_step(w);
    return w->broken;
}

int main(int argc, char **argv)
{
    int64_t seeds = 1000, steps = 1000, from = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        int64_t v = strtoll(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seeds") == 0) seeds = v;
        else if (strcmp(argv[i], "--steps") == 0) steps = v;
        else if (strcmp(argv[i], "--from") == 0) from = v;
        else {
            fprintf(stderr, "usage: homeostat-sim [--seeds N] [--steps N] [--from SEED]\n");
            return 2;
        }
    }
    struct fault fault = { 0 };
    if (case_rules_check(&fault) != OK) {
        fprintf(stderr, "the rules are not well formed: %s\n", fault.text);
        return 1;
    }
    static struct world w, again;
    int64_t kept = 0, back = 0, unknown = 0, crashes = 0, ghosts = 0, effects = 0;
    uint64_t trace = 0;
    double began = cpu_s();
    for (int64_t seed = from; seed < from + seeds; seed++) {
        const char *broken = story((uint64_t)seed, steps, &w);
        if (broken) {
            printf("seed %" PRId64 ": %s\n", seed, broken);
            return 1;
        }
        if (seed < from + 100) {
            (void)story((uint64_t)seed, steps, &again);
            if (again.trace != w.trace) {
                printf("seed %" PRId64 ": the same seed left another trace\n", seed);
                return 1;
            }
        }
        trace ^= w.trace;
        kept += w.closed_kept, back += w.closed_back, unknown += w.parked_unknown;
        crashes += w.crashes, ghosts += w.ghosts, effects += w.effects;
    }
    double spent = cpu_s() - began;
    int64_t all = seeds * steps + (seeds < 100 ? seeds : 100) * steps;
    printf("closed as better %" PRId64 ", closed after putting back %" PRId64 ", parked as unknown %" PRId64 ", crashes %" PRId64
           ", answers ignored %" PRId64 ", effects %" PRId64 "\n", kept, back, unknown, crashes, ghosts, effects);
    printf("trace %016" PRIx64 "\n", trace);
    printf("%.2f million steps/s on one core\n", (double)all / spent / 1e6);
    return kept > 0 && back > 0 && unknown > 0 ? 0 : 1;
}
