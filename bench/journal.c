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

static double cpu_s(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static double cpu_system_s(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_stime.tv_sec + 1e-6 * (double)u.ru_stime.tv_usec;
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

int main(int argc, char **argv)
{
    enum { KINDS = 16 };
    long                   requests = argc > 2 ? atol(argv[2]) : 4000, records = argc > 3 ? atol(argv[3]) : 1000, bytes = argc > 4 ? atol(argv[4]) : 300;
    struct journal_options o = journal_options_default(argc > 1 ? argv[1] : "/tmp/bench-journal");
    struct fault           fault = { 0 };
    struct journal        *j;
    struct journal_consumer *c[2];
    struct rand            chance;
    char                  *body[KINDS];
    atomic_long            done[2] = { 0, 0 };
    o.pack = argc > 5 ? atoi(argv[5]) : o.pack;
    rand_seed(&chance, 1);
    for (int i = 0; i < KINDS; i++)
        body[i] = request(&chance, records, bytes);
    if (journal_open(&o, &j, &fault) != OK || journal_consumer_open(j, "hot", JOURNAL_FROM_NOW, &c[0], &fault) != OK || journal_consumer_open(j, "cold", JOURNAL_FROM_NOW, &c[1], &fault) != OK) {
        fprintf(stderr, "%s\n", fault.text);
        return 1;
    }
    struct journal_stats s;
    do {
        (void)usleep(100000);       /* what is zeroed first is not what is measured */
        journal_stats(j, &s);
    } while (s.segments_free < 2);
    double        start = cpu_s(), began = 0, began_system = cpu_system_s(), gb = (double)requests * (double)records * (double)bytes / 1e9;
    struct record r = { .kind = RECORD_OTLP_LOGS, .form = FORM_PROTOBUF, .events = (uint32_t)records, .source = SLICE("otlp") }, got;
    long          refused = 0, seen[2] = { 0, 0 };
    uint64_t      last[2] = { 0, 0 };
    for (long i = 0; i < requests; ) {
        r.body = (struct slice){ body[i % KINDS], (size_t)(records * bytes) };
        if (journal_append(j, &r, count, done, &fault) == OK) {
            i++;
        } else {
            refused++;
            (void)usleep(1000);
        }
    }
    while (done[0] + done[1] < requests)
        (void)usleep(1000);
    double appended = cpu_s(), appended_system = cpu_system_s();
    for (int k = 0; k < 2; k++) {
        while (journal_read(c[k], &got, &fault) == OK) {
            seen[k]++;
            last[k] = got.id;
        }
        double read = cpu_s();
        if (journal_commit(c[k], last[k], &fault) != OK)
            return 1;
        printf("read    %ld requests: %.3f CPU s per GB\n", seen[k], (read - (k ? began : appended)) / gb);
        began = cpu_s();
    }
    journal_stats(j, &s);
    printf("append  %.2f GB in %ld requests: %.3f CPU s per GB (system %.3f), %lld groups, %lld syncs, p99 %lld us, %ld failed, %ld refused\n", gb, requests,
           (appended - start) / gb, (appended_system - began_system) / gb, (long long)s.groups, (long long)s.syncs,
           (long long)s.sync_p99_us, (long)done[1], refused);
    journal_consumer_close(c[0]);
    journal_consumer_close(c[1]);
    journal_close(j);
    for (int i = 0; i < KINDS; i++)
        free(body[i]);
    return 0;
}
