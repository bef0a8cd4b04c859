/*
 * digest/place.h - what an event speaks of: a tenant and a URN, as a small number.
 *
 *     urn:k8s:svc:shop/cart    urn:svc:cart    urn:host:web-1    urn:db:postgres:main/orders    urn:queue:kafka:orders    urn:source:otlp
 *
 * Numbers are kept by places_save, and stay until places_forget.  There are at most `max` of them; what comes then is the tenant's
 * "urn:other" (at most PLACES_TENANTS_MAX tenants; beyond them the tenant is "other", too), and it is counted.
 */
#ifndef DIGEST_PLACE_H
#define DIGEST_PLACE_H

#include "base/err.h"
#include "digest/pack.h"
#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLACE_URN_MAX = 300, PLACES_TENANTS_MAX = 256 };

struct place_name { char urn[PLACE_URN_MAX]; const char *type; char name[PLACE_URN_MAX]; };   /* type: "svc", "host", "db", "queue", "source", "external", "other" */

struct place { const char *tenant, *urn, *type, *name, *env, *region, *zone; uint32_t tenant_number; };

/* Pure: the URN of a resource. Never empty: what says nothing of itself is named by its source. */
void place_of_resource(const struct attrs *a, struct slice source, struct place_name *out);
/* Pure: whom a client's span called, from its attributes; last of all the host in url.full or http.url, without user, password and port. False: it does not say. */
bool place_of_peer(const struct attrs *a, struct place_name *out);

struct places;
MUST_CHECK enum err places_new(uint32_t max, struct places **p, struct fault *fault);
void                places_free(struct places *p);
/* The installation's own tenant (code "") is one of the tenants, also when nothing has come yet. After places_load(). Nothing happens when there are as many as can be. */
void                places_know_own(struct places *p);
/* Of an event's resource; quick when the resource is the one of the event before. */
uint32_t            places_of(struct places *p, const struct event *e);
/* Another one of the same tenant. */
uint32_t            places_beside(struct places *p, uint32_t of, const struct place_name *name);
uint32_t            places_external(struct places *p, uint32_t of);     /* urn:external: a caller whom nobody knows */
const struct place *places_get(const struct places *p, uint32_t number);
uint32_t            places_count(const struct places *p);               /* all numbers are below it */
uint32_t            places_tenants(const struct places *p);
const char         *places_tenant(const struct places *p, uint32_t number);
/* Whether what this tenant sends is counted under that code: under its own, or under "other", where no room was left for one of its own. */
bool                places_tenant_is(const struct places *p, struct slice tenant, const char *code);
uint64_t            places_refused(const struct places *p);             /* events that came under "other" */

/* Who holds numbers says which. Those that nobody holds are given to others then. */
struct places_held { bool *is; uint32_t n; };
static inline void  places_hold(struct places_held *h, uint32_t number)
{
    if (number < h->n)
        h->is[number] = true;
}
bool                places_crowded(const struct places *p);             /* little room is left */
void                places_forget(struct places *p, const struct places_held *held);

void                places_save(const struct places *p, struct pack *out);
MUST_CHECK enum err places_load(struct places *p, struct slice bytes, struct fault *fault);   /* p is new */

#endif
