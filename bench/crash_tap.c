/*
 * bench/crash_tap.c - homeostat with a consumer on its bus, for counting what was published.
 *
 * The linker puts us between `homeostat run` and web_start() (--wrap), where the engine is at hand: the program itself is the one
 * that is shipped.  Each durable message becomes one line of the file named by HOMEOSTAT_TAP, in one write to the end of
 * it, so what was consumed before a kill stays consumed.
 */
#include "engine/engine.h"
#include "web/web.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The linker's names. */
enum err __real_web_start(const struct web_options *o, struct engine *e, const struct web_sources *s, struct web **w, struct fault *fault);
enum err __wrap_web_start(const struct web_options *o, struct engine *e, const struct web_sources *s, struct web **w, struct fault *fault);

static int tap_fd = -1;

static void on_message(void *ctx, const struct bus_message *m)
{
    (void)ctx;
    if (m->outbox_id == 0)
        return;
    size_t size = strlen(m->payload) + 300;
    char  *line = malloc(size);
    if (!line)
        abort();
    int n = snprintf(line, size, "%lld\t%.100s\t%.100s\t%s\n", (long long)m->outbox_id, m->topic, m->key, m->payload);
    if (write(tap_fd, line, (size_t)n) != n)
        abort();   /* a consumer that forgets would blame others */
    free(line);
}

enum err __wrap_web_start(const struct web_options *o, struct engine *e, const struct web_sources *s, struct web **w, struct fault *fault)
{
    const char *path = getenv("HOMEOSTAT_TAP");
    if (path) {
        tap_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (tap_fd < 0)
            return fail(fault, ERR_IO, "cannot open HOMEOSTAT_TAP=%s", path);
        if (engine_subscribe(e, on_message, NULL) < 0)
            return fail(fault, ERR_LIMIT, "no room for the consumer on the bus");
    }
    return __real_web_start(o, e, s, w, fault);
}
