/*
 * model/principal.h - who asks, and what that lets them do.
 */
#ifndef MODEL_PRINCIPAL_H
#define MODEL_PRINCIPAL_H

#include <stdbool.h>

/* Each role may do what is listed; roles are a set, admin holds all of them. */
enum role {
    ROLE_VIEWER   = 1,   /* read everything */
    ROLE_OPERATOR = 2,   /* open cases, plan, execute what is approved, cancel, stop */
    ROLE_APPROVER = 4,   /* approve and reject what others propose */
    ROLE_ADMIN    = 8    /* clear the stop switch, reload, everything above */
};

struct principal {
    char     name[64];   /* "token:alice", "engine", "unix:1000" */
    unsigned roles;
};

static inline bool principal_may(const struct principal *p, enum role needed)
{
    return (p->roles & ROLE_ADMIN) != 0 || (p->roles & (unsigned)needed) != 0;
}

#endif
