/* bench/learn.h - what the programs that measure learners share: options by name, time of the processor, medians. */
#ifndef LEARN_H
#define LEARN_H

#include <stddef.h>

/* name=value on the command line, for trying other values; what is measured against a bar takes none. */
struct learn_option { const char *name; enum { LEARN_INT, LEARN_REAL, LEARN_BOOL } kind; size_t at; };

/* Sets what is named in argv; 0, or -1 and a complaint on standard error. Arguments without = are left to the caller. */
int learn_options(int argc, char **argv, const struct learn_option *table, size_t count, void *options);

double learn_cpu_s(void);                          /* of this process, so far */
double learn_median(double *x, int n);             /* sorts x */

#endif
