/*
 * web/route.h - everything that may be asked, one line each.
 *
 * The paths are those of the OpenAPI document; each works with and without the prefix /v1.  A path has at most one
 * part in braces, which matches one non-empty segment.
 */
#ifndef WEB_ROUTE_H
#define WEB_ROUTE_H

#include "model/principal.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

struct exchange;
typedef enum MHD_Result web_handler(struct exchange *x);

enum { ROUTE_ID_SIZE = 64, ROUTE_ALLOW_SIZE = 80, ROUTE_OPEN = 0, ROUTE_METRICS = 1 << 16 /* ROLE_VIEWER unless the configuration opens it */ };

struct web_route {
    const char  *method, *path;
    unsigned     least;          /* an enum role; ROUTE_OPEN: nobody is asked who they are */
    web_handler *handle;
    int          command;        /* an enum engine_command, or -1 */
    const char  *type;           /* what a good answer is; NULL: the handler chooses by Accept itself */
    const char  *text;           /* what it is for */
};

extern const struct web_route web_routes[];
extern const size_t           web_route_count;

struct route_match {
    const struct web_route *route;           /* NULL: no such path, or not with this method */
    char                    id[ROUTE_ID_SIZE];
    char                    allow[ROUTE_ALLOW_SIZE];   /* the methods this path has, "" when there is no such path */
};

/* HEAD is matched as GET. */
void route_find(const char *method, const char *path, struct route_match *m);

#endif
