/*
 * bench/race.c - many clients at once, all after the same cases.
 *
 *   race --port P --token-file F --log L [--clients 8] [--operations 100000] [--cases 24] [--seed 1]
 *
 * Each operation is a PATCH of a case's state with If-Match and an Idempotency-Key; some are stale on purpose, some are
 * said again, some go through a connection that is cut before, during or after the answer, some are sent twice at the same
 * time, some re-use a key for something else.  What one client alone can judge is judged here (the same key gets the same
 * bytes); everything else is written down, one line an answer, for race.py:
 *
 *   key case event if_match status version began_ns ended_ns state
 */
#include "wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLIENTS_MAX = 64, CASES_MAX = 256, MEMORY = 256, BODY_MAX = 2048, STATE_SIZE = 16 };

enum event { START, DONE, CANCEL, RESUME, PROVEN, EVENTS };
static const char *const event_names[EVENTS] = { "start_analysis", "analysis_done", "cancel", "resume", "in_force_proven" };

/* What is thought to be so; always a little out of date, as with any client. */
struct shared_case { char id[64]; _Atomic int64_t seen; };   /* version * STATES_ROOM + state */
enum state { NEW, ANALYZING, PLANNING, PARKED, STATES, STATES_ROOM = 8 };
static const char *const state_names[STATES] = { "NEW", "ANALYZING", "PLANNING", "PARKED" };
static const enum event usual[STATES][2] = { { START, CANCEL }, { DONE, CANCEL }, { CANCEL, CANCEL }, { RESUME, PROVEN } };

static struct shared_case cases[CASES_MAX];
static int                case_count = 24, clients = 8, port;
static long               operations = 100000;
static char               token[256];
static atomic_long        taken, violations, replays, cuts, twins, stale, won, refused;
static FILE              *log_file;
static pthread_mutex_t    log_lock = PTHREAD_MUTEX_INITIALIZER;

struct operation { char key[48]; int which; enum event event; int64_t if_match; };
struct remembered { struct operation op; int status; int64_t version; size_t size; char body[BODY_MAX]; };

struct client {
    pthread_t         thread;
    int               number;
    uint64_t          chance;
    struct wire       wire, second;
    struct remembered memory[MEMORY];
    long              remembered, done;
};

/* splitmix64 */
static uint64_t dice(struct client *c, uint64_t n)
{
    uint64_t z = (c->chance += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % n;
}

static void violation(const char *what, const struct operation *op, const char *detail)
{
    atomic_fetch_add(&violations, 1);
    (void)pthread_mutex_lock(&log_lock);
    printf("VIOLATION %s: key %s, case %s, %s If-Match %lld: %.300s\n", what, op->key, cases[op->which].id, event_names[op->event], (long long)op->if_match, detail);
    (void)pthread_mutex_unlock(&log_lock);
}

static size_t format(const struct wire *w, const struct operation *op, const char *reason, char *out, size_t room)
{
    char path[128], extra[160], body[128];
    (void)snprintf(path, sizeof path, "/case/%s/transition", cases[op->which].id);
    int n = snprintf(extra, sizeof extra, "Idempotency-Key: \"%s\"\r\n", op->key);
    if (op->if_match > 0)
        (void)snprintf(extra + n, sizeof extra - (size_t)n, "If-Match: \"v%lld\"\r\n", (long long)op->if_match);
    (void)snprintf(body, sizeof body, "{\"event\":\"%s\",\"reason\":\"%s\"}", event_names[op->event], reason);
    return wire_format(w, out, room, "PATCH", path, extra, body);
}

/* The state that an answer tells, in either of its forms. */
static enum state state_of(const char *body)
{
    const char *at = strstr(body, "\"status\":\"");
    if (at)
        at += strlen("\"status\":\"");
    else if ((at = strstr(body, "\"state\":\"")))
        at += strlen("\"state\":\"");
    for (int i = 0; at && i < STATES; i++)
        if (strncmp(at, state_names[i], strlen(state_names[i])) == 0)
            return (enum state)i;
    return STATES;
}

static void learn(const struct operation *op, const struct wire_answer *a)
{
    enum state s = state_of(a->body);
    int64_t    seen = atomic_load(&cases[op->which].seen), news = a->version * STATES_ROOM + (int64_t)s;
    while (s != STATES && news > seen && !atomic_compare_exchange_weak(&cases[op->which].seen, &seen, news)) { }
}

static void write_down(const struct operation *op, const struct wire_answer *a, int64_t began)
{
    enum state s = state_of(a->body);
    int64_t    ended = wire_now_ns();
    (void)pthread_mutex_lock(&log_lock);
    fprintf(log_file, "%s %s %s %lld %d %lld %lld %lld %s\n", op->key, cases[op->which].id, event_names[op->event], (long long)op->if_match, a->status,
            (long long)a->version, (long long)began, (long long)ended, s == STATES ? "-" : state_names[s]);
    (void)pthread_mutex_unlock(&log_lock);
}

/* The same request until there is an answer: what a client does that does not give up. */
static bool insist(struct client *c, struct wire *w, const struct operation *op, struct wire_answer *a)
{
    for (int tries = 0; tries < 200; tries++) {
        char   request[2048];
        size_t n = format(w, op, "race", request, sizeof request);
        if (wire_open(w) && wire_write(w, request, n) && wire_receive(w, a) && a->status != 503 && a->status != 429 &&
            !(a->status == 409 && strstr(a->body, "in-flight")))
            return true;
        (void)nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    }
    violation("stuck: no answer", op, "");
    return false;
}

static void compare(const struct remembered *m, const struct wire_answer *a)
{
    if (a->status != m->status || a->version != m->version || a->size != m->size || memcmp(a->body, m->body, a->size) != 0)
        violation("the second answer under a key is another one", &m->op, a->body);
}

static void remember(struct client *c, const struct operation *op, const struct wire_answer *a)
{
    struct remembered *m = &c->memory[c->remembered++ % MEMORY];
    if (a->size >= sizeof m->body) {
        violation("an answer is larger than thought", op, a->body);
        return;
    }
    m->op = *op;
    m->status = a->status;
    m->version = a->version;
    m->size = a->size;
    memcpy(m->body, a->body, a->size + 1);
}

static void count(const struct wire_answer *a)
{
    atomic_fetch_add(a->status == 200 ? &won : a->status == 412 ? &stale : &refused, 1);
}

/* Cut the connection somewhere in the first attempt; then ask properly, with the same key, what came of it. */
static void cut(struct client *c, const struct operation *op)
{
    char   request[2048];
    size_t n = format(&c->wire, op, "race", request, sizeof request);
    if (!wire_open(&c->wire))
        return;
    switch (dice(c, 4)) {
    case 0: (void)wire_write(&c->wire, request, 1 + dice(c, n - 1)); break;               /* half a request */
    case 1: (void)wire_write(&c->wire, request, n); break;                                 /* a whole one, and gone */
    case 2:                                                                                /* a slow one, and gone */
        if (wire_write(&c->wire, request, n / 2)) {
            (void)nanosleep(&(struct timespec){ .tv_nsec = (long)dice(c, 3000000) }, NULL);
            (void)wire_write(&c->wire, request + n / 2, n - n / 2);
        }
        break;
    default:                                                                               /* gone while the answer is made */
        if (wire_write(&c->wire, request, n))
            (void)nanosleep(&(struct timespec){ .tv_nsec = (long)dice(c, 5000000) }, NULL);
    }
    wire_close(&c->wire);
    atomic_fetch_add(&cuts, 1);
}

static struct operation choose(struct client *c)
{
    struct operation op = { .which = (int)dice(c, (uint64_t)case_count) };
    int64_t          seen = atomic_load(&cases[op.which].seen);
    (void)snprintf(op.key, sizeof op.key, "race-%d-%ld", c->number, c->done++);
    op.event = dice(c, 20) == 0 ? (enum event)dice(c, EVENTS) : usual[seen % STATES_ROOM][dice(c, 4) == 0];
    op.if_match = seen / STATES_ROOM;
    uint64_t how = dice(c, 20);
    if (how == 0)
        op.if_match = 0;                                  /* no If-Match at all: whoever comes, comes */
    else if (how < 4 && op.if_match > 3)
        op.if_match -= 1 + (int64_t)dice(c, 3);           /* stale on purpose */
    return op;
}

static void say_again(struct client *c)
{
    long              n = c->remembered < MEMORY ? c->remembered : MEMORY;
    struct wire_answer a;
    if (n == 0)
        return;
    const struct remembered *m = &c->memory[dice(c, (uint64_t)n)];
    atomic_fetch_add(&replays, 1);
    if (insist(c, &c->wire, &m->op, &a))
        compare(m, &a);
}

static void reuse_key(struct client *c)
{
    struct wire_answer a;
    char               request[2048];
    if (c->remembered == 0)
        return;
    const struct operation *op = &c->memory[(c->remembered - 1) % MEMORY].op;
    size_t                  n = format(&c->wire, op, "something else", request, sizeof request);
    if (wire_open(&c->wire) && wire_write(&c->wire, request, n) && wire_receive(&c->wire, &a) && a.status != 422 && a.status != 503)
        violation("a key was taken for another request", op, a.body);
}

/* The same request over two connections at the same time: it happens once, and both hear the same. */
static void both_at_once(struct client *c, const struct operation *op)
{
    char              request[2048];
    size_t            n = format(&c->wire, op, "race", request, sizeof request);
    struct wire_answer a, b;
    int64_t           began = wire_now_ns();
    if (!wire_open(&c->wire) || !wire_open(&c->second))
        return;
    (void)(wire_write(&c->wire, request, n) && wire_write(&c->second, request, n));
    bool first = c->wire.fd >= 0 && wire_receive(&c->wire, &a), second = c->second.fd >= 0 && wire_receive(&c->second, &b);
    if ((!first && !insist(c, &c->wire, op, &a)) || (!second && !insist(c, &c->second, op, &b)))
        return;
    atomic_fetch_add(&twins, 1);
    write_down(op, &a, began);
    learn(op, &a);
    remember(c, op, &a);
    count(&a);
    compare(&c->memory[(c->remembered - 1) % MEMORY], &b);
}

static void *client_main(void *arg)
{
    struct client *c = arg;
    while (atomic_fetch_add(&taken, 1) < operations) {
        uint64_t          how = dice(c, 100);
        struct wire_answer a;
        if (how < 10) {
            say_again(c);
            continue;
        }
        if (how < 12) {
            reuse_key(c);
            continue;
        }
        struct operation op = choose(c);
        if (how < 17) {
            both_at_once(c, &op);
            continue;
        }
        int64_t began = wire_now_ns();
        if (how < 25)
            cut(c, &op);
        if (!insist(c, &c->wire, &op, &a))
            continue;
        if (a.status != 200 && a.status != 409 && a.status != 412)
            violation("an answer that has no place here", &op, a.body);
        write_down(&op, &a, began);
        learn(&op, &a);
        remember(c, &op, &a);
        count(&a);
    }
    wire_close(&c->wire);
    wire_close(&c->second);
    return NULL;
}

static bool open_cases(void)
{
    static struct wire w;
    w = (struct wire){ .fd = -1, .port = port, .token = token };
    for (int i = 0; i < case_count; i++) {
        char              body[64], extra[64];
        struct wire_answer a;
        (void)snprintf(body, sizeof body, "{\"title\":\"race %d\"}", i);
        (void)snprintf(extra, sizeof extra, "Idempotency-Key: \"race-case-%d\"\r\n", i);
        if (!wire_send(&w, "POST", "/case/create", extra, body) || !wire_receive(&w, &a) || a.status != 201)
            return false;
        const char *id = strstr(a.body, "\"id\":\"");
        if (!id || sscanf(id, "\"id\":\"%63[^\"]", cases[i].id) != 1)
            return false;
        atomic_store(&cases[i].seen, 1 * STATES_ROOM + NEW);
    }
    wire_close(&w);
    return true;
}

int main(int argc, char **argv)
{
    const char *token_path = NULL, *log_path = NULL;
    uint64_t    seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *v = argv[i + 1];
        if (strcmp(argv[i], "--port") == 0) port = atoi(v);
        else if (strcmp(argv[i], "--token-file") == 0) token_path = v;
        else if (strcmp(argv[i], "--log") == 0) log_path = v;
        else if (strcmp(argv[i], "--clients") == 0) clients = atoi(v);
        else if (strcmp(argv[i], "--operations") == 0) operations = atol(v);
        else if (strcmp(argv[i], "--cases") == 0) case_count = atoi(v);
        else if (strcmp(argv[i], "--seed") == 0) seed = strtoull(v, NULL, 10);
    }
    FILE *f = token_path ? fopen(token_path, "r") : NULL;
    log_file = log_path ? fopen(log_path, "w") : NULL;
    if (!port || !f || fscanf(f, "%255s", token) != 1 || !log_file || clients < 1 || clients > CLIENTS_MAX || case_count < 1 || case_count > CASES_MAX) {
        fprintf(stderr, "usage: race --port P --token-file F --log L [--clients 8] [--operations 100000] [--cases 24] [--seed 1]\n");
        return 2;
    }
    (void)fclose(f);
    if (!open_cases()) {
        fprintf(stderr, "race: the cases could not be opened\n");
        return 1;
    }
    static struct client client[CLIENTS_MAX];
    int64_t              began = wire_now_ns();
    for (int i = 0; i < clients; i++) {
        client[i].number = i;
        client[i].chance = seed * 1000003 + (uint64_t)i;
        client[i].wire = client[i].second = (struct wire){ .fd = -1, .port = port, .token = token };
        if (pthread_create(&client[i].thread, NULL, client_main, &client[i]) != 0)
            abort();
    }
    for (int i = 0; i < clients; i++)
        (void)pthread_join(client[i].thread, NULL);
    (void)fclose(log_file);
    printf("%ld operations in %.1f s: won %ld, stale %ld, refused %ld, said again %ld, sent twice at once %ld, cut %ld, violations %ld\n", operations,
           (double)(wire_now_ns() - began) / 1e9, atomic_load(&won), atomic_load(&stale), atomic_load(&refused), atomic_load(&replays), atomic_load(&twins),
           atomic_load(&cuts), atomic_load(&violations));
    return atomic_load(&violations) ? 1 : 0;
}
