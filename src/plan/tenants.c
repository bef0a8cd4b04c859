/* plan/tenants.c - clones of a policy, their weighted mean, and its file. */
#include "plan/tenants.h"

#include "base/file.h"
#include "math/learn/pack.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct tenants_limits usual = { .move_most = 0.25, .share_most = 0.5, .experiences_most = 1e6 };
static const char *const answers[] = {
    [TENANTS_TAKEN] = "taken", [TENANTS_SHORTENED] = "taken, shortened to the bound", [TENANTS_OPTED_OUT] = "does not share",
    [TENANTS_NOTHING_SEEN] = "has seen nothing", [TENANTS_OTHER_SHAPE] = "refused: networks of another shape", [TENANTS_NOT_FINITE] = "refused: a number is not finite",
};

const char *tenants_answer_text(enum tenants_answer a) { return (size_t)a < sizeof answers / sizeof answers[0] ? answers[a] : "?"; }

enum err tenants_clone(const struct math_params *base, struct math_params *clone, struct fault *fault)
{
    math_params_init(clone);
    for (int i = 0; i < base->count; i++)
        (void)math_params_add(clone, base->tensors[i].name, base->tensors[i].rows, base->tensors[i].cols);
    enum err e = math_params_ready(clone, fault);
    if (e != OK) {
        math_params_done(clone);
        return e;
    }
    math_params_copy(clone, base);
    return OK;
}

/* ---- a round ---- */

static bool same_shape(const struct tenants_policy *a, const struct tenants_policy *b)
{
    if (a->sets != b->sets)
        return false;
    for (int s = 0; s < a->sets; s++) {
        const struct math_params *p = a->set[s], *q = b->set[s];
        if (p->count != q->count || p->size != q->size)
            return false;
        for (int i = 0; i < p->count; i++)
            if (p->tensors[i].rows != q->tensors[i].rows || p->tensors[i].cols != q->tensors[i].cols || strcmp(p->tensors[i].name, q->tensors[i].name) != 0)
                return false;
    }
    return true;
}

/* Euclidean distance over all networks; origin NULL: the norm. Not finite when a number is not. */
static double distance(const struct tenants_policy *p, const struct tenants_policy *origin)
{
    double sum = 0;
    for (int s = 0; s < p->sets; s++)
        for (size_t i = 0; i < p->set[s]->size; i++) {
            double d = (double)p->set[s]->value[i] - (origin ? (double)origin->set[s]->value[i] : 0);
            sum += d * d;
        }
    return sqrt(sum);
}

static enum tenants_answer hear(const struct tenants_policy *base, const struct tenants_part *part, double move_most, struct tenants_heard *heard)
{
    heard->moved = NAN;
    if (!part->shares)
        return TENANTS_OPTED_OUT;
    if (!(part->experiences > 0))
        return TENANTS_NOTHING_SEEN;
    if (!same_shape(base, part->policy))
        return TENANTS_OTHER_SHAPE;
    heard->moved = distance(part->policy, base);
    if (!isfinite(heard->moved))
        return TENANTS_NOT_FINITE;
    return heard->moved > move_most ? TENANTS_SHORTENED : TENANTS_TAKEN;
}

static bool is_taken(const struct tenants_heard *h) { return h->answer == TENANTS_TAKEN || h->answer == TENANTS_SHORTENED; }

/*
 * Weights by experience that sum to 1 and of which none is above `most`: what is above is cut off and shared out among the others
 * in proportion, until nobody is above.  Each turn pins at least one more, so there are at most as many turns as tenants.
 */
static void share_out(struct tenants_heard *heard, int parts, double most)
{
    double pinned = 0, loose = 0;
    for (int i = 0; i < parts; i++)
        loose += heard[i].weight;
    for (bool again = true; again && loose > 0; ) {
        double scale = (1 - pinned) / loose;
        again = false;
        for (int i = 0; i < parts; i++)
            if (heard[i].weight > 0 && heard[i].weight * scale > most) {
                loose -= heard[i].weight;
                pinned += most;
                heard[i].weight = -most;              /* below 0: pinned */
                again = true;
            }
        if (!again)
            for (int i = 0; i < parts; i++)
                heard[i].weight = heard[i].weight > 0 ? heard[i].weight * scale : heard[i].weight;
    }
    for (int i = 0; i < parts; i++)
        heard[i].weight = fabs(heard[i].weight);
}

/* For each number the sum over tenants is made in double before the base is touched. */
static void move(struct tenants_policy *base, const struct tenants_part *part, int parts, const struct tenants_heard *heard, double move_most)
{
    for (int s = 0; s < base->sets; s++)
        for (size_t i = 0; i < base->set[s]->size; i++) {
            double at = (double)base->set[s]->value[i], sum = 0;
            for (int k = 0; k < parts; k++)
                if (is_taken(&heard[k]))
                    sum += heard[k].weight * fmin(1, heard[k].moved > 0 ? move_most / heard[k].moved : 1) * ((double)part[k].policy->set[s]->value[i] - at);
            base->set[s]->value[i] = (real)(at + sum);
        }
}

enum err tenants_federate(struct tenants_policy *base, const struct tenants_part *part, int parts, const struct tenants_limits *limits,
                          struct tenants_heard *heard, struct fault *fault)
{
    assert(parts >= 0 && parts <= TENANTS_PARTS_MAX && base->sets <= TENANTS_SETS_MAX);
    struct tenants_limits l = limits ? *limits : usual;
    l.move_most = l.move_most > 0 ? l.move_most : usual.move_most;
    l.share_most = l.share_most > 0 ? l.share_most : usual.share_most;
    l.experiences_most = l.experiences_most > 0 ? l.experiences_most : usual.experiences_most;
    double norm = distance(base, NULL);
    if (!isfinite(norm))
        return fail(fault, ERR_INPUT, "the base policy has a number that is not finite");
    int taken = 0;
    for (int i = 0; i < parts; i++) {
        heard[i] = (struct tenants_heard){ 0 };
        heard[i].answer = hear(base, &part[i], l.move_most * norm, &heard[i]);
        if (is_taken(&heard[i])) {
            heard[i].weight = fmin(part[i].experiences, l.experiences_most);
            taken++;
        }
    }
    if (taken == 0)
        return fail(fault, ERR_MISSING, "none of %d tenants had anything to add", parts);
    share_out(heard, parts, fmax(l.share_most, 1.0 / taken));
    move(base, part, parts, heard, l.move_most * norm);
    return OK;
}

/* ---- its file ---- */

enum { ARRAYS_MAX = TENANTS_SETS_MAX * MATH_TENSORS_MAX + 1 };

static int arrays_of(const struct tenants_policy *policy, double edition[2], struct math_array *arrays)
{
    int n = 0;
    arrays[n++] = math_pack_doubles("edition", edition, 2, true);
    for (int s = 0; s < policy->sets; s++)
        n += math_pack_params(policy->set[s], arrays + n, ARRAYS_MAX - n);
    return n;
}

enum err tenants_save(const char *path, const struct tenants_policy *policy, const struct tenants_edition *edition, struct fault *fault)
{
    struct math_array *arrays = calloc(ARRAYS_MAX, sizeof *arrays);
    double             numbers[2] = { edition->rounds, edition->experiences };
    int                n = arrays ? arrays_of(policy, numbers, arrays) : 0;
    size_t             size = math_pack_size(arrays, n);
    unsigned char     *bytes = arrays && size <= TENANTS_FILE_MAX ? malloc(size) : NULL;
    enum err           e = OK;
    if (!isfinite(distance(policy, NULL)))
        e = fail(fault, ERR_INPUT, "a policy with a number that is not finite is not saved");
    else if (!bytes)
        e = fail(fault, ERR_LIMIT, "no room for a policy of %zu bytes", size);
    else
        math_pack(arrays, n, bytes);
    if (e == OK)
        e = file_write(path, (const char *)bytes, size, 0600, fault);
    free(bytes);
    free(arrays);
    return e;
}

enum err tenants_load(const char *path, struct tenants_policy *policy, struct tenants_edition *edition, struct fault *fault)
{
    struct math_array *arrays = calloc(ARRAYS_MAX, sizeof *arrays);
    char              *bytes = NULL;
    size_t             size = 0;
    double             numbers[2];
    enum err           e = arrays ? file_read(path, TENANTS_FILE_MAX, &bytes, &size, fault) : fail(fault, ERR_LIMIT, "no memory to read %s", path);
    if (e == OK) {
        int n = arrays_of(policy, numbers, arrays);
        e = math_unpack(arrays, n, (const unsigned char *)bytes, size, fault);
        if (e != OK)
            (void)fail_in(fault, "%s", path);
    }
    if (e == OK)
        *edition = (struct tenants_edition){ numbers[0], numbers[1] };
    free(bytes);
    free(arrays);
    return e;
}
