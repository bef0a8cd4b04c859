/* sensor/asker.c - see asker.h. A worker has its own copy of the questions, so that it may be left behind with them. */
#include "sensor/asker.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct worker {
    pthread_mutex_t lock;               /* of everything below */
    pthread_cond_t  asked, told;        /* their clock is the monotonic one */
    struct ask     *list;
    size_t          count, next;        /* next: how many have been answered */
    bool            ending, over;       /* over: its thread is done */
    bool            left;               /* nobody waits for it any more: it frees itself */
};

struct hung { struct worker *worker; char path[ASK_PATH]; };

struct asker {
    struct worker *worker;              /* NULL: none yet */
    pthread_t      thread;
    struct hung    hung[ASKERS_HUNG_MAX];
    size_t         hung_count;
};

static void worker_free(struct worker *w)
{
    (void)pthread_cond_destroy(&w->asked);
    (void)pthread_cond_destroy(&w->told);
    (void)pthread_mutex_destroy(&w->lock);
    free(w->list);
    free(w);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->ending) {
        if (w->next == w->count) {
            (void)pthread_cond_wait(&w->asked, &w->lock);
            continue;
        }
        struct ask *one = &w->list[w->next];
        struct stat st;
        (void)pthread_mutex_unlock(&w->lock);
        one->error = statfs(one->path, &one->room) != 0 || stat(one->path, &st) != 0 ? errno : 0;
        if (!one->error)
            one->device = st.st_dev;
        (void)pthread_mutex_lock(&w->lock);
        w->next++;
        (void)pthread_cond_signal(&w->told);
    }
    w->over   = true;
    bool left = w->left;
    (void)pthread_mutex_unlock(&w->lock);
    if (left)
        worker_free(w);
    return NULL;
}

struct asker *asker_new(void) { return calloc(1, sizeof(struct asker)); }

static bool begin(struct asker *a)
{
    pthread_condattr_t steady;
    struct worker     *w = calloc(1, sizeof *w);
    if (!w)
        return false;
    (void)pthread_condattr_init(&steady);
    (void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->asked, &steady);
    (void)pthread_cond_init(&w->told, &steady);
    (void)pthread_condattr_destroy(&steady);
    if (pthread_create(&a->thread, NULL, work, w) != 0) {
        worker_free(w);
        return false;
    }
    a->worker = w;
    return true;
}

/* Let go of one that hangs: whoever is last, it or we, frees it. */
static void leave(struct worker *w)
{
    (void)pthread_mutex_lock(&w->lock);
    bool over = w->over;
    w->left   = true;
    (void)pthread_mutex_unlock(&w->lock);
    if (over)
        worker_free(w);
}

void asker_free(struct asker *a)
{
    if (!a)
        return;
    if (a->worker) {
        (void)pthread_mutex_lock(&a->worker->lock);
        a->worker->ending = true;
        (void)pthread_cond_signal(&a->worker->asked);
        (void)pthread_mutex_unlock(&a->worker->lock);
        (void)pthread_join(a->thread, NULL);
        worker_free(a->worker);
    }
    for (size_t i = 0; i < a->hung_count; i++)
        leave(a->hung[i].worker);
    free(a);
}

/* Those that have come back are free to be asked again. */
static void look_after_hung(struct asker *a)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->hung_count; i++) {
        struct worker *w = a->hung[i].worker;
        (void)pthread_mutex_lock(&w->lock);
        bool over = w->over;
        (void)pthread_mutex_unlock(&w->lock);
        if (over)
            worker_free(w);
        else if (kept++ != i)
            a->hung[kept - 1] = a->hung[i];
    }
    a->hung_count = kept;
}

static bool hangs(const struct asker *a, const char *path)
{
    for (size_t i = 0; i < a->hung_count; i++)
        if (strcmp(a->hung[i].path, path) == 0)
            return true;
    return false;
}

/* Asks until all have answered or one hangs; answers how many have. */
static size_t ask_some(struct worker *w, const struct ask *list, size_t count)
{
    size_t          seen = 0;
    struct timespec until = { .tv_sec = 0 };
    (void)pthread_mutex_lock(&w->lock);
    struct ask *own = realloc(w->list, count * sizeof *own);
    if (own) {
        memcpy(own, list, count * sizeof *own);
        w->list  = own;
        w->next  = 0;
        w->count = count;
        (void)pthread_cond_signal(&w->asked);
    }
    for (bool waited_out = false; own && w->next < count && !waited_out;) {
        if (w->next != seen || !until.tv_sec) {
            seen = w->next;
            (void)clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_sec += ASK_PATIENCE_S;
        }
        waited_out = pthread_cond_timedwait(&w->told, &w->lock, &until) == ETIMEDOUT && w->next == seen;
    }
    size_t answered = own ? w->next : 0;
    w->ending      |= own && answered < count;
    (void)pthread_mutex_unlock(&w->lock);
    return answered;
}

/* From `from` on; answers where to go on behind one that hangs, or count. */
static size_t ask_from(struct asker *a, struct ask *list, size_t from, size_t count)
{
    if (a->hung_count == ASKERS_HUNG_MAX || (!a->worker && !begin(a)))
        return count;
    struct worker *w        = a->worker;
    size_t         answered = ask_some(w, list + from, count - from);
    if (answered)
        memcpy(list + from, w->list, answered * sizeof *list);       /* it writes behind these only */
    if (from + answered == count || !w->ending)
        return count;
    struct hung *h = &a->hung[a->hung_count++];
    h->worker      = w;
    memcpy(h->path, list[from + answered].path, sizeof h->path);
    (void)pthread_detach(a->thread);
    a->worker                    = NULL;
    list[from + answered].error = ETIMEDOUT;
    return from + answered + 1;
}

void asker_ask(struct asker *a, struct ask *list, size_t count)
{
    look_after_hung(a);
    for (size_t i = 0; i < count; i++)
        list[i].error = hangs(a, list[i].path) ? ETIMEDOUT : EAGAIN;
    for (size_t from = 0; from < count;) {
        while (from < count && list[from].error == ETIMEDOUT)
            from++;
        size_t to = from;
        while (to < count && list[to].error != ETIMEDOUT)
            to++;
        while (from < to)
            from = ask_from(a, list, from, to);
    }
}
