/* tests/unit/near.h - numbers that should be equal but for rounding. */
#ifndef NEAR_H
#define NEAR_H

#include "unit.h"

#include <math.h>

#define assert_near(a, b, eps)                                                  \
    do {                                                                        \
        double a_ = (a), b_ = (b);                                              \
        if (!(fabs(a_ - b_) <= (eps)))                                          \
            fail_msg("%s is %.15g, not %.15g +- %g", #a, a_, b_, (double)(eps)); \
    } while (0)

#endif
