/*
 * math/cause/mediation.h - through what does a treatment act? Linear paths and their products.
 *
 * In linear models an effect is a sum over ways, and what goes along one way is
 * the product of the coefficients of its edges (Wright 1934; Baron & Kenny
 * 1986).  Errors of products come from the contributions of each row to all
 * regressions at once (delta method), so coefficients that share rows share
 * their errors too; on request a bootstrap of rows stands beside, which needs no symmetry
 * (MacKinnon, Lockwood & Williams 2004).
 *
 * Rows are independent, covariates include whatever acts on two of treatment,
 * mediators and outcome, and treatment and mediators do not interact.
 */
#ifndef MATH_MEDIATION_H
#define MATH_MEDIATION_H

#include "base/rand.h"
#include "math/cause/ols.h"

enum { MATH_MEDIATORS_MAX = 16, MATH_LINKS_MAX = 32 };

struct math_part {
    double estimate, se, df, lo, hi, p;   /* delta method, t with df degrees of freedom */
    double boot_lo, boot_hi;              /* percentiles of the bootstrap; NAN when there was none */
};

struct math_mediation_conf {
    double           alpha;        /* 0: 0.05 */
    enum math_errors errors;       /* HC3 or HC1 */
    int              draws;        /* of the bootstrap; 0: none */
    struct rand     *rand;         /* for it */
};

/*
 * total = direct + indirect and indirect = sum of through[], exactly: total is what the regression of the outcome on treatment
 * and covariates says, which is the same number (tests hold it against that).  through[j]: by way of mediator j, whatever
 * lies between treatment and it.
 */
struct math_mediation {
    int    n, mediators;
    struct math_part total, direct, indirect, through[MATH_MEDIATORS_MAX];
    double share;              /* indirect / total; NAN unless the total can be told from zero */
    int    draws, failed;      /* of the bootstrap: resamples that had no answer are left out, and counted */
};

/* What the columns are: n rows each. */
struct math_chain {
    int n, mediators, k;
    const double        *treat, *y;
    const double *const *mediator;
    const double *const *x;           /* k covariates */
};

MUST_CHECK enum err math_mediation(const struct math_chain *c, const struct math_mediation_conf *conf, struct arena *scratch, struct math_mediation *m, struct fault *fault);

/* One edge of a path: the coefficient of `from` in the regression of `to` on it and k columns that are held still. */
struct math_link { const double *from, *to; const double *const *x; int k; };

struct math_way {
    int    n, links;
    struct math_part edge[MATH_LINKS_MAX], product;
    int    draws, failed;
};

MUST_CHECK enum err math_way(const struct math_link *link, int links, int n, const struct math_mediation_conf *conf, struct arena *scratch, struct math_way *w, struct fault *fault);

#endif
