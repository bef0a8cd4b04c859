/*
 * verify/lull.h - the latest ten seconds, and the worst ten that there have been.
 *
 * Many databases stall for seconds at a time and make up for it: a checkpoint, a burst at the disk.  How low an untouched
 * configuration falls by itself has to be known before a lull may be called a collapse.
 */
#ifndef VERIFY_LULL_H
#define VERIFY_LULL_H

enum { LULL_SECONDS = 10 };

struct lull {
    double x[LULL_SECONDS], weight[LULL_SECONDS];
    int    n;                                     /* all that were added; rings hold the latest */
    double least, most;                           /* of the means over ten in a row; NAN: there were not ten */
};

void   lull_clear(struct lull *l);
void   lull_add(struct lull *l, double x, double weight);   /* one second; weight > 0 */
double lull_mean(const struct lull *l, int k);              /* over the last k <= LULL_SECONDS; NAN: so many were not added */
double lull_second(const struct lull *l, int back);         /* 0: the latest */

#endif
