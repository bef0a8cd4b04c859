/*
 * bench/journal.c - what the journal costs: CPU seconds per GB appended and read, and how long a commit takes.
 *
 *     journal FOLDER [requests] [records per request] [bytes per record] [pack level]
 *
 * Requests are like those of an SDK: protobuf-ish records with a time, a level, words and numbers, so that packing has what it has in life.
 */
#include "base/rand.h"
#include "journal/journal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { KINDS = 16 };

struct bench {
    struct journal          *j;
    struct journal_consumer *c;
    char                   **bodies;
    size_t                   size;
    uint32_t                 events;
    long                     refused, read;
};

/* All of it, and the system's part. */
static void cpu_s(double out[2])
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    out[1] = (double)u.ru_stime.tv_sec + 1e-6 * (double)u.ru_stime.tv_usec;
    out[0] = out[1] + (double)u.ru_utime.tv_sec + 1e-6 * (double)u.ru_utime.tv_usec;
}

static void count(void *ctx, uint64_t id, enum err result)
{
    (void)id;
    atomic_fetch_add((atomic_long *)ctx + (result != OK), 1);
}

static char *request(struct rand *r, long records, long bytes)
{
    static const char *const words[] = { "connection", "timeout", "user", "request", "GET", "/api/v1/items", "completed", "failed", "retry", "shard", "replica", "status", "latency_ms" };
    char                    *out = malloc((size_t)(records * bytes));
    for (long i = 0; out && i < records; i++) {
        char *p = out + i * bytes;
        int   n = snprintf(p, (size_t)bytes, "%016llx%016llx service.name=shop-%d host=node-%d ", (unsigned long long)rand_u64(r), (unsigned long long)rand_u64(r), (int)rand_int(r, 0, 9),
                           (int)rand_int(r, 0, 99));
        while (n < bytes - 30)
            n += snprintf(p + n, (size_t)(bytes - n), "%s=%lld ", words[rand_int(r, 0, 12)], (long long)rand_int(r, 0, 9999));
        memset(p + n, ' ', (size_t)(bytes - n));
    }
    return out;
}

/* Appends, and reads and commits what is durable now and then, as the digest does. */
static void run(struct bench *b, long requests)
{
    struct record r = { .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF, .events = b->events, .source = SLICE("otlp") }, got;
    struct fault  fault = { 0 };
    atomic_long   done[2] = { 0, 0 };
    uint64_t      last = 0;
    for (long i = 0; i < requests || done[0] + done[1] < requests; ) {
        r.body = (struct slice){ b->bodies[i % KINDS], b->size };
        enum err e = i < requests ? journal_append(b->j, &r, count, done, &fault) : ERR_BUSY;
        i += e == OK;
        if (e != OK)
            (void)usleep(1000);
        b->refused += i < requests && e != OK;
        while (journal_read(b->c, &got, &fault) == OK) {
            last = got.id;
            b->read++;
        }
        if ((i % 256 == 0 || e != OK) && journal_commit(b->c, last, &fault) != OK)
            abort();
    }
    if (done[1])
        fprintf(stderr, "%ld requests did not become durable\n", (long)done[1]);
    while (journal_read(b->c, &got, &fault) == OK)
        last = got.id;
    if (journal_commit(b->c, last, &fault) != OK)
        abort();
}

int main(int argc, char **argv)
{
    long                   requests = argc > 2 ? atol(argv[2]) : 4000, records = argc > 3 ? atol(argv[3]) : 1000, bytes = argc > 4 ? atol(argv[4]) : 300;
    struct journal_options o = journal_options_default(argc > 1 ? argv[1] : "/tmp/bench-journal");
    struct fault           fault = { 0 };
    struct journal        *j;
    struct journal_consumer *c[2];
    struct rand            chance;
    char                  *body[KINDS];
    o.keep_us = 0;
    o.pack = argc > 5 ? atoi(argv[5]) : o.pack;
    rand_seed(&chance, 1);
    for (int i = 0; i < KINDS; i++)
        body[i] = request(&chance, records, bytes);
    if (journal_open(&o, &j, &fault) != OK || journal_consumer_open(j, "hot", JOURNAL_FROM_NOW, &c[0], &fault) != OK) {
        fprintf(stderr, "%s\n", fault.text);
        return 1;
    }
    /* Once round, so that what is measured is segments that are used again. */
    struct bench  b = { .j = j, .c = c[0], .bodies = body, .size = (size_t)(records * bytes), .events = (uint32_t)records };
    double        gb = (double)requests * (double)b.size / 1e9, began[2], ended[2];
    struct record got;
    long          seen = 0;
    run(&b, (long)(4 * o.segment_bytes / (int64_t)b.size));
    b.refused = b.read = 0;
    cpu_s(began);
    run(&b, requests);
    cpu_s(ended);
    struct journal_stats s;
    journal_stats(j, &s);
    printf("append and read what is in memory  %.3f CPU s per GB (system %.3f), %.2f GB in %ld requests, %lld groups, %lld syncs, p99 %lld us, %ld refused\n", (ended[0] - began[0]) / gb,
           (ended[1] - began[1]) / gb, gb, b.read, (long long)s.groups, (long long)s.syncs, (long long)s.sync_p99_us, b.refused);
    if (journal_consumer_open(j, "cold", JOURNAL_FROM_START, &c[1], &fault) != OK || journal_seek(c[1], s.first_id, false, &fault) != OK)
        return 1;
    cpu_s(began);
    while (seen < requests / 2 && journal_read(c[1], &got, &fault) == OK)
        seen++;
    cpu_s(ended);
    printf("read from the files                %.3f CPU s per GB, %ld requests\n", (ended[0] - began[0]) / ((double)seen * (double)b.size / 1e9), seen);
    journal_consumer_close(c[0]);
    journal_consumer_close(c[1]);
    journal_close(j);
    for (int i = 0; i < KINDS; i++)
        free(body[i]);
    return 0;
}
