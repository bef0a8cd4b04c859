/*
 * load/course.h - the main thread's time: lines, the end of the warm-up, phases of the schedule, signals, the end.
 */
#ifndef LOAD_COURSE_H
#define LOAD_COURSE_H

#include "load/run.h"

#include <signal.h>

struct load_course {
    sigset_t             signals;
    int64_t              next_us, measure_us, phase_us, end_us;   /* mono: the next line, the end of the warm-up, of the phase, of all */
    bool                 measuring, interrupted, broken_pipe;
    uint64_t             told;
    int64_t              phase_begun_us;
    struct load_reading *current, *previous, *base, *phase_base, *scratch;   /* base: where measuring began */
};

MUST_CHECK enum err load_course_init(struct load_course *c, struct fault *fault);
void load_course_done(struct load_course *c);

/* The workers are about to be let go. */
void load_course_begin(struct load_run *run, struct load_course *c);
/* Until the end, or until a signal comes. */
void load_course_keep(struct load_run *run, struct load_course *c);
/* After the workers have ended: tells the phase that was left, and the summary. The program's exit status. */
int load_course_summarise(struct load_run *run, struct load_course *c);

/* Sleep to a moment; true when a signal came first. */
bool load_course_wait(const struct load_course *c, int64_t until_us);

#endif
