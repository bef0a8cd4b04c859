/*
 * digest/place.c - tenants and URNs as numbers.
 *
 * Two maps: one from (tenant, resource id, source) to the number, asked for each new resource of a record; one from (tenant, URN), asked when
 * the first does not know.  The first is a cache and is emptied when it has grown too large.
 */
#include "digest/place.h"

#include "base/utf8.h"
#include "digest/map.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { CACHE_FACTOR = 4 };           /* resources per place before the cache is emptied */
enum { HOST_MAX = 253 };             /* of a name in the DNS */

struct places {
    struct place *list;
    uint32_t      count, max;
    uint32_t      vacant, first_vacant;      /* numbers below count that are nobody's: a list by tenant_number */
    char        **tenant;
    uint32_t      tenants;
    struct map    by_urn, by_resource, by_tenant;
    uint64_t      refused;
    /* the event before */
    const struct resource *last;
    uint64_t      last_record, last_id, last_source, last_tenant;
    uint32_t      last_place;
};

/* What a URN may hold without quoting: the rest becomes '_'. */
static void add(char *out, size_t size, struct slice s)
{
    size_t n = strlen(out);
    for (size_t i = 0; i < s.n && n + 1 < size; i++) {
        unsigned char c = (unsigned char)s.s[i];
        out[n++] = c <= ' ' || c == 0x7f || c == '/' || c == '"' || c == '\\' ? '_' : (char)c;
    }
    out[n] = 0;
}

static void name_it(struct place_name *out, const char *type, const char *start, struct slice first, struct slice second)
{
    out->type = type;
    out->urn[0] = out->name[0] = 0;
    (void)snprintf(out->urn, sizeof out->urn, "%s", start);
    if (first.n) {
        add(out->urn, sizeof out->urn, first);
        if (second.n) {
            size_t n = strlen(out->urn);
            if (n + 1 < sizeof out->urn)
                memcpy(out->urn + n, "/", 2);
        }
    }
    add(out->urn, sizeof out->urn, second);
    add(out->name, sizeof out->name, second.n ? second : first);
    utf8_clean(out->urn, '_');              /* answers are JSON: one bad byte would take the whole row with it */
    utf8_clean(out->name, '_');
}

static struct slice one_of(const struct attrs *a, const char *const *keys)
{
    for (; *keys; keys++) {
        struct slice s = attrs_text(a, *keys);
        if (s.n)
            return s;
    }
    return (struct slice){ 0 };
}

static bool begins(struct slice s, const char *with) { return s.n >= strlen(with) && memcmp(s.s, with, strlen(with)) == 0; }

static bool database_of(const struct attrs *a, struct place_name *out)
{
    struct slice system = one_of(a, (const char *const[]){ "db.system.name", "db.system", NULL });
    if (!system.n)
        return false;
    if (slice_is(system, "postgresql"))
        system = SLICE("postgres");
    struct slice cluster = one_of(a, (const char *const[]){ "db.cluster.name", "server.address", "net.peer.name", "network.peer.address", "peer.service", "host.name", NULL });
    struct slice base = one_of(a, (const char *const[]){ "db.namespace", "db.name", NULL });
    char start[80] = "urn:db:";
    add(start, sizeof start - 1, system);
    size_t n = strlen(start);
    start[n] = ':';
    start[n + 1] = 0;
    if (!cluster.n && !base.n)
        cluster = SLICE("unknown");
    name_it(out, "db", start, cluster, base);
    return true;
}

void place_of_resource(const struct attrs *a, struct slice source, struct place_name *out)
{
    struct slice service = attrs_text(a, "service.name"), host = attrs_text(a, "host.name");
    struct slice space = attrs_text(a, "k8s.namespace.name");
    if (begins(service, "unknown_service"))
        service = (struct slice){ 0 };
    if (space.n) {
        struct slice what = service.n ? service : one_of(a, (const char *const[]){ "k8s.deployment.name", "k8s.statefulset.name", "k8s.daemonset.name",
                                                                                  "k8s.cronjob.name", "k8s.job.name", "k8s.pod.name", NULL });
        if (what.n) {
            name_it(out, "svc", "urn:k8s:svc:", space, what);
            return;
        }
    }
    if (!service.n && database_of(a, out))
        return;
    if (service.n) {
        struct slice of = attrs_text(a, "service.namespace");
        name_it(out, "svc", "urn:svc:", of, service);
    } else if (host.n) {
        name_it(out, "host", "urn:host:", host, (struct slice){ 0 });
    } else {
        name_it(out, "source", "urn:source:", source.n ? source : SLICE("unknown"), (struct slice){ 0 });
    }
}

/*
 * The host of an absolute URL; empty: it is none. What stands before '@' may hold a password and goes nowhere. An address in brackets comes
 * without them, as server.address has it; so does a host without its port.
 */
static struct slice host_of_url(struct slice url)
{
    const struct slice none = { 0 };
    size_t             at = 0, end, port;
    while (at < url.n && (isalnum((unsigned char)url.s[at]) || memchr("+-.", url.s[at], 3)))
        at++;
    if (at == 0 || url.n - at < 3 || memcmp(url.s + at, "://", 3) != 0)
        return none;
    for (end = at += 3; end < url.n && !memchr("/?#", url.s[end], 3); end++)
        if (url.s[end] == '@')
            at = end + 1;
    bool        bracket = at < end && url.s[at] == '[';
    const char *close = bracket ? memchr(url.s + at, ']', end - at) : NULL;
    for (port = end; port > at && isdigit((unsigned char)url.s[port - 1]); port--)
        ;
    struct slice host = { url.s + at, (port > at && url.s[port - 1] == ':' ? port - 1 : end) - at };
    if (bracket)
        host = close && close + 1 == host.s + host.n ? (struct slice){ host.s + 1, host.n - 2 } : none;
    for (size_t i = 0; i < host.n; i++) {
        unsigned char c = (unsigned char)host.s[i];
        if (!isalnum(c) && c < 0x80 && !memchr("-._~", c, 4) && (!bracket || !memchr(":%", c, 2)))
            return none;
    }
    return host.n <= HOST_MAX ? host : none;
}

bool place_of_peer(const struct attrs *a, struct place_name *out)
{
    if (database_of(a, out))
        return true;
    struct slice queue = one_of(a, (const char *const[]){ "messaging.destination.name", "messaging.destination", NULL });
    if (queue.n) {
        struct slice system = attrs_text(a, "messaging.system");
        char         start[80] = "urn:queue:";
        add(start, sizeof start - 1, system.n ? system : SLICE("unknown"));
        size_t n = strlen(start);
        start[n] = ':';
        start[n + 1] = 0;
        name_it(out, "queue", start, queue, (struct slice){ 0 });
        return true;
    }
    struct slice peer = one_of(a, (const char *const[]){ "peer.service", "service.peer.name", NULL });
    if (peer.n) {
        name_it(out, "svc", "urn:svc:", peer, (struct slice){ 0 });
        return true;
    }
    struct slice rpc = attrs_text(a, "rpc.service");
    if (rpc.n) {
        name_it(out, "svc", "urn:svc:", rpc, (struct slice){ 0 });
        return true;
    }
    struct slice host = one_of(a, (const char *const[]){ "server.address", "net.peer.name", "http.host", "network.peer.address", "net.peer.ip", NULL });
    for (int i = 0; i < 2 && !host.n; i++)
        host = host_of_url(attrs_text(a, i == 0 ? "url.full" : "http.url"));
    if (host.n)
        name_it(out, "host", "urn:host:", host, (struct slice){ 0 });
    return host.n > 0;
}

enum err places_new(uint32_t max, struct places **out, struct fault *fault)
{
    struct places *p = calloc(1, sizeof *p);
    if (p) {
        p->max = max + 2 * PLACES_TENANTS_MAX;         /* each tenant's "other" and "external" always fit */
        p->list = calloc(p->max, sizeof *p->list);
        p->tenant = calloc(PLACES_TENANTS_MAX + 1, sizeof *p->tenant);
    }
    if (!p || !p->list || !p->tenant) {
        places_free(p);
        return fail(fault, ERR_LIMIT, "no memory for %u places", max);
    }
    *out = p;
    return OK;
}

void places_free(struct places *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; p->list && i < p->count; i++)
        free((char *)p->list[i].urn);
    for (uint32_t i = 0; p->tenant && i < p->tenants; i++)
        free(p->tenant[i]);
    free(p->list);
    free(p->tenant);
    map_done(&p->by_urn);
    map_done(&p->by_resource);
    map_done(&p->by_tenant);
    free(p);
}

static const char other_tenant[] = "other";

static uint32_t tenant_of(struct places *p, struct slice tenant)
{
    uint64_t  h = XXH3_64bits(tenant.s ? tenant.s : "", tenant.n);
    uint32_t *there = map_at(&p->by_tenant, h);
    if (there)
        return *there;
    if (p->tenants >= PLACES_TENANTS_MAX) {
        p->refused++;
        if (p->tenants == PLACES_TENANTS_MAX)
            p->tenant[p->tenants++] = strdup(other_tenant);
        return PLACES_TENANTS_MAX;
    }
    char *s = malloc(tenant.n + 1);
    if (!s || !map_put(&p->by_tenant, h, p->tenants)) {
        free(s);
        return 0;
    }
    if (tenant.n)
        memcpy(s, tenant.s, tenant.n);
    s[tenant.n] = 0;
    p->tenant[p->tenants] = s;
    return p->tenants++;
}

bool places_tenant_is(const struct places *p, struct slice tenant, const char *code)
{
    if (slice_is(tenant, code))
        return true;
    return p->tenants > PLACES_TENANTS_MAX && strcmp(code, other_tenant) == 0 && !map_at(&p->by_tenant, XXH3_64bits(tenant.s ? tenant.s : "", tenant.n));
}

void places_know_own(struct places *p)
{
    if (p->tenants < PLACES_TENANTS_MAX)
        (void)tenant_of(p, (struct slice){ 0 });
}

static uint64_t urn_key(uint32_t tenant, const char *urn) { return XXH3_64bits_withSeed(urn, strlen(urn), tenant); }

static const char *const types[] = { "svc", "host", "db", "queue", "source", "external", "other" };

static const char *type_of(struct slice s)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (slice_is(s, types[i]))
            return types[i];
    return "other";
}

/* All texts of a place lie one behind the other in one piece of memory that begins with the URN. */
static uint32_t place_add(struct places *p, uint32_t tenant, struct slice urn, const char *type, struct slice name, struct slice env, struct slice region, struct slice zone)
{
    struct slice part[5] = { urn, name, env, region, zone };
    const char  *at[5];
    size_t       n = 0;
    for (int i = 0; i < 5; i++) {
        if (part[i].n > PLACE_URN_MAX)
            part[i].n = PLACE_URN_MAX;
        n += part[i].n + 1;
    }
    char    *s = malloc(n), *to = s;
    uint32_t number = p->vacant ? p->first_vacant : p->count;
    if (!s || number >= p->max) {
        free(s);
        return UINT32_MAX;
    }
    for (int i = 0; i < 5; i++) {
        at[i] = to;
        if (part[i].n)
            memcpy(to, part[i].s, part[i].n);
        to[part[i].n] = 0;
        to += part[i].n + 1;
    }
    if (!map_put(&p->by_urn, urn_key(tenant, s), number)) {
        free(s);
        return UINT32_MAX;
    }
    if (p->vacant) {
        p->vacant--;
        p->first_vacant = p->list[number].tenant_number;
    } else {
        p->count++;
    }
    p->list[number] = (struct place){ p->tenant[tenant], at[0], type, at[1], at[2], at[3], at[4], tenant };
    return number;
}

static bool is_full(const struct places *p) { return p->count - p->vacant >= p->max - 2 * PLACES_TENANTS_MAX; }

bool places_crowded(const struct places *p)
{
    uint32_t most = p->max - 2 * PLACES_TENANTS_MAX;
    return p->count - p->vacant >= most - most / 8;
}

static void vacate(struct places *p, uint32_t number)
{
    p->list[number] = (struct place){ .tenant_number = p->first_vacant };
    p->first_vacant = number;
    p->vacant++;
}

void places_forget(struct places *p, const struct places_held *held)
{
    for (uint32_t i = 1; i < p->count && i < held->n; i++) {     /* the first stands in where there is no memory for any other */
        struct place *l = &p->list[i];
        if (held->is[i] || !l->urn)
            continue;
        map_remove(&p->by_urn, urn_key(l->tenant_number, l->urn));
        free((char *)l->urn);
        vacate(p, i);
    }
    map_clear(&p->by_resource);
    p->last = NULL;
}

static uint32_t named(struct places *p, uint32_t tenant, const struct place_name *name, const struct attrs *a)
{
    uint32_t *there = map_at(&p->by_urn, urn_key(tenant, name->urn));
    if (there)
        return *there;
    bool     reserved = strcmp(name->type, "other") == 0 || strcmp(name->type, "external") == 0;
    uint32_t number = UINT32_MAX;
    if (reserved || !is_full(p)) {
        struct slice none = { 0 };
        number = place_add(p, tenant, slice_of(name->urn), name->type, slice_of(name->name),
                           a ? one_of(a, (const char *const[]){ "deployment.environment.name", "deployment.environment", NULL }) : none,
                           a ? attrs_text(a, "cloud.region") : none, a ? attrs_text(a, "cloud.availability_zone") : none);
    }
    if (number != UINT32_MAX)
        return number;
    p->refused++;
    if (reserved)
        return 0;                                        /* no memory even for that */
    struct place_name other;
    name_it(&other, "other", "urn:other", (struct slice){ 0 }, (struct slice){ 0 });
    return named(p, tenant, &other, NULL);
}

uint32_t places_of(struct places *p, const struct event *e)
{
    if (e->resource == p->last && e->record == p->last_record && e->resource->id == p->last_id)
        return p->last_place;
    uint64_t  key = map_mix(map_mix(e->resource->id, XXH3_64bits(e->tenant.s ? e->tenant.s : "", e->tenant.n)), XXH3_64bits(e->source.s ? e->source.s : "", e->source.n));
    uint32_t *there = map_at(&p->by_resource, key);
    uint32_t  number;
    if (there) {
        number = *there;
    } else {
        struct place_name name;
        uint64_t          refused = p->refused;
        place_of_resource(&e->resource->attrs, e->source, &name);
        number = named(p, tenant_of(p, e->tenant), &name, &e->resource->attrs);
        if (p->by_resource.count >= (size_t)p->max * CACHE_FACTOR)
            map_clear(&p->by_resource);
        if (refused == p->refused)
            (void)map_put(&p->by_resource, key, number);  /* only a cache */
    }
    p->last = e->resource;
    p->last_record = e->record;
    p->last_id = e->resource->id;
    p->last_place = number;
    return number;
}

uint32_t places_beside(struct places *p, uint32_t of, const struct place_name *name) { return named(p, p->list[of].tenant_number, name, NULL); }

uint32_t places_external(struct places *p, uint32_t of)
{
    struct place_name external;
    name_it(&external, "external", "urn:external", (struct slice){ 0 }, (struct slice){ 0 });
    return places_beside(p, of, &external);
}

const struct place *places_get(const struct places *p, uint32_t number) { return &p->list[number]; }
uint32_t            places_count(const struct places *p) { return p->count; }
uint32_t            places_tenants(const struct places *p) { return p->tenants; }
const char         *places_tenant(const struct places *p, uint32_t number) { return p->tenant[number]; }
uint64_t            places_refused(const struct places *p) { return p->refused; }

void places_save(const struct places *p, struct pack *out)
{
    pack_u(out, 1);
    pack_u(out, p->refused);
    pack_u(out, p->tenants);
    for (uint32_t i = 0; i < p->tenants; i++)
        pack_s(out, slice_of(p->tenant[i]));
    pack_u(out, p->count);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct place *l = &p->list[i];
        const char *const   texts[] = { l->urn, l->type, l->name, l->env, l->region, l->zone };
        pack_u(out, l->urn ? l->tenant_number : 0);
        for (int k = 0; k < 6; k++)
            pack_s(out, slice_of(texts[k] ? texts[k] : ""));         /* without a URN it is nobody's */
    }
}

enum err places_load(struct places *p, struct slice bytes, struct fault *fault)
{
    struct unpack u = unpack_of(bytes);
    bool          fine = unpack_u(&u) == 1;
    uint64_t      refused = unpack_u(&u);
    size_t tenants = unpack_count(&u, 1);
    for (size_t i = 0; i < tenants && fine && !u.bad; i++) {
        struct slice t = unpack_s(&u);
        fine = i < PLACES_TENANTS_MAX ? tenant_of(p, t) == i : i == PLACES_TENANTS_MAX && tenant_of(p, SLICE("\1any")) == i;
    }
    p->refused = refused;                                /* those who are known already are refused by nobody */
    size_t count = unpack_count(&u, 7);
    if (count > p->max) {                                /* the bound was lowered meanwhile */
        struct place *list = count < UINT32_MAX / 2 ? calloc(count, sizeof *list) : NULL;
        if (!list)
            return fail(fault, ERR_LIMIT, "no memory for %zu places", count);
        free(p->list);
        p->list = list;
        p->max = (uint32_t)count;
    }
    for (size_t i = 0; i < count && fine && !u.bad; i++) {
        uint64_t     tenant = unpack_u(&u);
        struct slice urn = unpack_s(&u), type = unpack_s(&u), name = unpack_s(&u), env = unpack_s(&u), region = unpack_s(&u), zone = unpack_s(&u);
        if (!u.bad && !urn.n)                            /* linked afterwards, so that nobody gets the number meanwhile */
            p->count++;
        else
            fine = !u.bad && tenant < p->tenants && place_add(p, (uint32_t)tenant, urn, type_of(type), name, env, region, zone) == i;
    }
    for (uint32_t i = 0; i < p->count; i++)
        if (!p->list[i].urn)
            vacate(p, i);
    return fine && !u.bad ? OK : fail(fault, ERR_INPUT, "the saved list of places cannot be read");
}
