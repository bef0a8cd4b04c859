/*
 * plan/tenants.h - one policy for many tenants: cloned for each, and bettered by what each of them learned, without anybody's data.
 *
 * A base policy is a few networks (math/learn/params.h).  A new tenant begins with a clone of it and learns on its own; now and
 * then the clones come back, and the base moves by the mean of how far they moved, weighted by how much each of them had seen
 * (federated averaging, McMahan, Moore, Ramage, Hampson, Aguera y Arcas 2017).  Only parameters travel: no sample, no query text,
 * no name of a machine.
 *
 * What comes back is not trusted.  A network of another shape, or with a number that is not finite, is left out; what moved further
 * than the bound is shortened to it (norm clipping, Sun, Kairouz, Suresh, McMahan 2019), and no tenant weighs more than its share,
 * however much it says to have seen.  So one tenant can push the base at most share_most * move_most in a round.  A tenant that
 * does not share adds nothing; it may still begin with a clone.
 *
 *     tenants_clone(&base_net, &net, fault);                                   a new tenant
 *     ... it learns ...
 *     tenants_federate(&base, parts, n, NULL, heard, fault);                   a round
 *     tenants_save("/var/lib/homeostat/policy.bin", &base, &edition, fault);
 *
 * Only what the networks' parameters say is averaged.  Running scales of observations are not: let observations be on one scale
 * for all tenants before they reach the network.
 */
#ifndef PLAN_TENANTS_H
#define PLAN_TENANTS_H

#include "base/err.h"
#include "math/learn/params.h"

#include <stdbool.h>

enum { TENANTS_SETS_MAX = 4, TENANTS_PARTS_MAX = 1024, TENANTS_FILE_MAX = 64 * 1024 * 1024 };

/* The networks of one policy, always in the same order: actor, critic. Borrowed. */
struct tenants_policy { struct math_params *set[TENANTS_SETS_MAX]; int sets; };

/* An own copy of a network, values only: gradients and the optimiser's moments begin at zero. clone is initialised here. */
MUST_CHECK enum err tenants_clone(const struct math_params *base, struct math_params *clone, struct fault *fault);

/* What one tenant brings to a round. */
struct tenants_part {
    bool                         shares;        /* false: it opted out, and nothing of it is read */
    double                       experiences;   /* since its clone was made: steps, trials, as long as all count the same */
    const struct tenants_policy *policy;
};

/* 0: the usual. */
struct tenants_limits {
    double move_most;          /* how far one tenant may pull, as a share of the base's norm; 0.25 */
    double share_most;         /* of the weight, where there are tenants enough for that; 0.5 */
    double experiences_most;   /* more counts as so many; 1e6 */
};

enum tenants_answer { TENANTS_TAKEN, TENANTS_SHORTENED, TENANTS_OPTED_OUT, TENANTS_NOTHING_SEEN, TENANTS_OTHER_SHAPE, TENANTS_NOT_FINITE };
const char *tenants_answer_text(enum tenants_answer a);

struct tenants_heard { enum tenants_answer answer; double weight, moved; };   /* moved: distance from the base, before it was shortened; NAN: not measured */

/*
 * One round: base moves; heard[parts] says what became of each part. Nothing depends on the order of the parts but rounding.
 * ERR_MISSING: nobody had anything to add, the base is as it was; ERR_INPUT: the base itself has a number that is not finite.
 */
MUST_CHECK enum err tenants_federate(struct tenants_policy *base, const struct tenants_part *part, int parts, const struct tenants_limits *limits,
                                     struct tenants_heard *heard, struct fault *fault);

/* Which base it is. */
struct tenants_edition { double rounds, experiences; };

/* Whole or not at all, mode 0600, with version and checksum (math/learn/pack.h). Loading needs networks of the right shape, and fills them only when all of it is right. */
MUST_CHECK enum err tenants_save(const char *path, const struct tenants_policy *policy, const struct tenants_edition *edition, struct fault *fault);
MUST_CHECK enum err tenants_load(const char *path, struct tenants_policy *policy, struct tenants_edition *edition, struct fault *fault);

#endif
