/* receive/inputs.c - see inputs.h. */
#include "receive/inputs.h"

#include "base/file.h"
#include "receive/reader.h"
#include "receive/syslog_in.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct inputs {
    struct journal     *journal;
    const struct clock *clock;
    char                folder[PATH_MAX];
    pthread_rwlock_t    lock;      /* written while one of them comes or goes */
    struct syslog_in   *syslog;
    struct reader      *reader;
};

static const char *const words[] = {
#define X(name, word) [INPUT_##name] = word,
    INPUTS_MAP(X)
#undef X
};
const char *inputs_name(enum input_kind kind) { return words[kind]; }

enum err inputs_start(const struct conf *conf, struct journal *journal, const char *store_folder, const struct clock *clock, struct inputs **out, struct fault *fault)
{
    struct inputs *in = calloc(1, sizeof *in);
    *out = NULL;
    if (!in)
        return fail(fault, ERR_LIMIT, "no memory for syslog, files and journald");
    in->journal = journal;
    in->clock = clock;
    (void)pthread_rwlock_init(&in->lock, NULL);
    (void)snprintf(in->folder, sizeof in->folder, "%s/inputs", store_folder);
    enum err e = file_make_dirs(in->folder, 0700, fault);
    if (e == OK)
        e = syslog_in_start(conf, journal, clock, &in->syslog, fault);
    if (e == OK)
        e = reader_start(conf, journal, in->folder, clock, &in->reader, fault);
    if (e != OK) {
        inputs_stop(in);
        return e;
    }
    *out = in;
    return OK;
}

static enum err syslog_change(struct inputs *in, const struct conf *conf, struct fault *fault)
{
    size_t n;
    (void)conf_instances(conf, &syslog_section, &n);
    if (in->syslog && n)
        return syslog_in_reload(in->syslog, conf, fault);
    if (!in->syslog)
        return syslog_in_start(conf, in->journal, in->clock, &in->syslog, fault);
    syslog_in_stop(in->syslog);
    in->syslog = NULL;
    return OK;
}

enum err inputs_reload(struct inputs *in, const struct conf *conf, struct fault *fault)
{
    (void)pthread_rwlock_wrlock(&in->lock);
    enum err e = syslog_change(in, conf, fault);
    if (e == OK) {
        reader_stop(in->reader);
        in->reader = NULL;
        e = reader_start(conf, in->journal, in->folder, in->clock, &in->reader, fault);
    }
    (void)pthread_rwlock_unlock(&in->lock);
    return e;
}

void inputs_stop(struct inputs *in)
{
    if (!in)
        return;
    syslog_in_stop(in->syslog);
    reader_stop(in->reader);
    (void)pthread_rwlock_destroy(&in->lock);
    free(in);
}

int inputs_port(struct inputs *in, const char *name)
{
    (void)pthread_rwlock_rdlock(&in->lock);
    int port = in->syslog ? syslog_in_port(in->syslog, name) : 0;
    (void)pthread_rwlock_unlock(&in->lock);
    return port;
}

void inputs_stats(struct inputs *in, struct inputs_stats *out)
{
    *out = (struct inputs_stats){ 0 };
    (void)pthread_rwlock_rdlock(&in->lock);
    if (in->syslog)
        syslog_in_stats(in->syslog, &out->of[INPUT_SYSLOG]);
    reader_stats(in->reader, out);
    (void)pthread_rwlock_unlock(&in->lock);
}

json_t *inputs_status(struct inputs *in)
{
    struct inputs_stats s;
    json_t             *out = json_object();
    inputs_stats(in, &s);
    for (int k = 0; k < INPUT_COUNT; k++) {
        const struct input_stats *i = &s.of[k];
        json_object_set_new(out, words[k],
                            json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:s}", "on", i->on, "lines", (json_int_t)i->lines, "bytes", (json_int_t)i->bytes, "records", (json_int_t)i->records,
                                      "lost", (json_int_t)i->lost, "cut", (json_int_t)i->cut, "refused", (json_int_t)i->refused, "empty", (json_int_t)i->empty, "waiting_bytes", (json_int_t)i->waiting_bytes, "open", (json_int_t)i->open,
                                      "held", i->held, "last_error", i->last_error));
    }
    (void)pthread_rwlock_rdlock(&in->lock);
    json_t *syslog = in->syslog ? syslog_in_status(in->syslog) : NULL, *files = in->reader ? reader_status(in->reader) : NULL;
    (void)pthread_rwlock_unlock(&in->lock);
    if (syslog)
        json_object_set_new(json_object_get(out, words[INPUT_SYSLOG]), "listeners", syslog);
    if (files)
        json_object_set_new(json_object_get(out, words[INPUT_FILES]), "follows", files);
    return out;
}
