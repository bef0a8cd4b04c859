/*
 * math/stats/forecast.h - what a series lets expect of its own future, and how surely.
 *
 * The question behind a before/after comparison: had nothing been changed, where
 * would the mean of the coming values lie?  The series is a level that nobody
 * knows plus noise, and the noise may be white, may resemble its neighbours, may
 * wander or may rise in a line.  Which of these it is cannot be told from a dozen
 * values, so none is chosen: each is weighed by how well it explains the past
 * (restricted marginal likelihood; Harvey, Forecasting, Structural Time Series
 * Models, 1989) and the forecast is their mixture of Student t distributions
 * (Bayesian model averaging; used so for interventions by Brodersen et al.,
 * Annals of Applied Statistics 9, 2015).  A short past leaves all of them
 * standing, and the interval is as wide as that.  With fewer than about forty values a
 * correlation of 0.6 and more between neighbours is underrated: bounds are then passed up to twice as often.
 */
#ifndef MATH_FORECAST_H
#define MATH_FORECAST_H

#include <stdbool.h>

enum { MATH_FORECAST_MAX = 96, MATH_FORECAST_LEAST = 8, MATH_FORECAST_AHEAD_MAX = 64 };

struct math_forecast {
    bool   known;          /* false: fewer than MATH_FORECAST_LEAST values */
    double mean;           /* of the mixture */
    double lower, upper;   /* the mean of the coming values lies beyond each with probability `level` */
};

/*
 * past[n]: values at equal distances, oldest first, none of them NAN; of more than MATH_FORECAST_MAX the latest are taken.
 * The forecast is for the mean of `ahead` values (1 to MATH_FORECAST_AHEAD_MAX), the first of which comes `gap` >= 0
 * distances after the next one.  0 < level < 0.5, one-sided.
 */
struct math_forecast math_forecast_mean(const double *past, int n, int gap, int ahead, double level);

#endif
