/* math/search/bend.c */
#include "math/search/bend.h"

#include <math.h>

#define DRAWN 6.0         /* half of what is drawn on it lies in the last ninth of the range */
#define STRAIGHT 1e-5     /* below it: the first terms of the series in c */

double math_bend(double u, double c) { return fabs(c) < STRAIGHT ? u + 0.5 * c * u * (u - 1) : expm1(c * u) / expm1(c); }

double math_bend_undo(double v, double c) { return fabs(c) < STRAIGHT ? v - 0.5 * c * v * (v - 1) : log1p(v * expm1(c)) / c; }

double math_bend_slope(double u, double c) { return fabs(c) < STRAIGHT ? 1 + c * (u - 0.5) : c * exp(c * u) / expm1(c); }

double math_bend_turn(double u, double c)
{
    if (fabs(c) < 1e-3)      /* the quotient below loses its digits earlier than the others */
        return u * (u - 1) * (0.5 + c * (2 * u - 1) / 6);
    double whole = expm1(c), part = expm1(c * u);
    return (u * exp(c * u) - part * exp(c) / whole) / whole;
}

double math_bend_draw(struct rand *r)
{
    double lot = rand_unit(r);
    return lot < 0.5 ? 0 : lot < 0.75 ? DRAWN : -DRAWN;
}
