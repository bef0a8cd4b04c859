/*
 * bench/api.c - GET /case/{id} at a steady rate, whatever the answers take.
 *
 *   api --port P --token-file F --path /case/ID [--rate 1000] [--seconds 30] [--connections 16]
 *
 * Open loop: request n is due at n / rate, and its latency counts from then on, also when every connection was still busy
 * (a client that waits for slow answers before it asks again would never see that they are slow).
 */
#include "wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONNECTIONS_MAX = 256 };

static int         port, connections = 16;
static double      rate = 1000, seconds = 30;
static const char *path;
static char        token[256];
static atomic_long next_request, failures;
static int64_t     began_ns, *latency_ns;
static long        total;

static void sleep_until(int64_t ns)
{
    struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) { }
}

static void *connection_main(void *arg)
{
    struct wire *w = arg;
    for (;;) {
        long n = atomic_fetch_add(&next_request, 1);
        if (n >= total)
            break;
        int64_t           due = began_ns + (int64_t)((double)n / rate * 1e9);
        struct wire_answer a;
        sleep_until(due);
        bool fine = wire_send(w, "GET", path, NULL, NULL) && wire_receive(w, &a) && a.status == 200;
        latency_ns[n] = wire_now_ns() - due;
        if (!fine)
            atomic_fetch_add(&failures, 1);
    }
    wire_close(w);
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double quantile_ms(double q) { return (double)latency_ns[(long)(q * (double)(total - 1))] / 1e6; }

int main(int argc, char **argv)
{
    const char *token_path = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *v = argv[i + 1];
        if (strcmp(argv[i], "--port") == 0) port = atoi(v);
        else if (strcmp(argv[i], "--token-file") == 0) token_path = v;
        else if (strcmp(argv[i], "--path") == 0) path = v;
        else if (strcmp(argv[i], "--rate") == 0) rate = atof(v);
        else if (strcmp(argv[i], "--seconds") == 0) seconds = atof(v);
        else if (strcmp(argv[i], "--connections") == 0) connections = atoi(v);
    }
    FILE *f = token_path ? fopen(token_path, "r") : NULL;
    if (!port || !path || !f || fscanf(f, "%255s", token) != 1 || connections < 1 || connections > CONNECTIONS_MAX || rate <= 0) {
        fprintf(stderr, "usage: api --port P --token-file F --path /case/ID [--rate 1000] [--seconds 30] [--connections 16]\n");
        return 2;
    }
    (void)fclose(f);
    total = (long)(rate * seconds);
    latency_ns = calloc((size_t)total, sizeof *latency_ns);
    static struct wire wire[CONNECTIONS_MAX];
    pthread_t          thread[CONNECTIONS_MAX];
    if (!latency_ns || total < 1)
        return 2;
    for (int i = 0; i < connections; i++) {
        wire[i] = (struct wire){ .fd = -1, .port = port, .token = token };
        if (!wire_open(&wire[i]))
            return 1;
    }
    began_ns = wire_now_ns() + 10000000;
    for (int i = 0; i < connections; i++)
        if (pthread_create(&thread[i], NULL, connection_main, &wire[i]) != 0)
            abort();
    for (int i = 0; i < connections; i++)
        (void)pthread_join(thread[i], NULL);
    qsort(latency_ns, (size_t)total, sizeof *latency_ns, by_size);
    printf("{\"requests\": %ld, \"failures\": %ld, \"p50_ms\": %.3f, \"p90_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"max_ms\": %.3f}\n", total,
           atomic_load(&failures), quantile_ms(0.5), quantile_ms(0.9), quantile_ms(0.99), quantile_ms(0.999), quantile_ms(1));
    return atomic_load(&failures) ? 1 : 0;
}
