/* sensor/process.c - see process.h. /proc/PID/stat of everybody at each turn; the rest only of those that have done something since. */
#include "sensor/process.h"

#include "base/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OTHER = 0, STATES = 5, CMDLINE_MAX = GROUP_CMDLINE_MAX };

#define GROUP_UNUSED_US (600 * US_PER_S)        /* a name nobody has used for so long gives way to another when there is no room */

/* What one process has counted so far. */
struct counts { uint64_t user, system, minor, major, read, write, voluntary, forced; };

struct process {
    int32_t       pid, parent;
    uint64_t      start;
    struct counts last;
    uint64_t      rss, virtual, swap, fds, fds_max;
    uint32_t      threads;
    uint32_t      group;            /* index; OTHER until asked */
    bool          grouped, io_known, fds_known, fresh, gone;
    bool          refused;          /* its group's name had no room */
    bool          from_before;      /* it was there at the first reading */
    char          state;
    uint8_t       age;              /* turns since it was read whole */
    char          comm[16];
    struct kept   stat;
};

/* As node_exporter names them; the last is for what it does not know. */
static const char host_states[] = "DIRSTtXZ";
enum { HOST_STATES = sizeof host_states, THREADS_LOOKED_MAX = 4096 };
#define THREADS_EVERY_US (INT64_C(10) * US_PER_S)

struct group {
    char     name[GROUP_NAME_MAX];
    struct counts sum;
    uint64_t procs, threads, rss, virtual, swap, fds, oldest, states[STATES];
    double   worst;
    bool     io_known, fds_known;
    int64_t  used_us;               /* mono: when it had a process last */
};

struct processes {
    struct grouping *grouping;
    bool             children;
    size_t           groups_max;
    struct process  *list;          /* by pid */
    size_t           count, room;
    int32_t         *pids;
    size_t           pids_count, pids_room;
    struct group    *group;
    size_t           groups;
    size_t           files;         /* kept open */
    uint64_t         groups_refused, unseen, unread, partly, failed;
    size_t           threads_in[HOST_STATES];       /* as of the last look at threads */
    int64_t          threads_us;    /* mono, of it; 0: none yet */
    bool             threads_told;  /* there were not too many */
    bool             again;         /* it has been read before */
    DIR             *folder;
    struct kept      limit[2];      /* of all processes and threads */
    double           tick_s;
};

enum err processes_new(const struct sensors_conf *conf, const struct sensors_group_conf *groups, size_t count, struct processes **out, struct fault *fault)
{
    struct processes *p = calloc(1, sizeof *p);
    if (!p)
        return fail(fault, ERR_LIMIT, "out of memory for the processes");
    p->children   = conf->processes_children;
    p->groups_max = (size_t)conf->processes_groups_max;
    p->tick_s     = 1.0 / (double)sysconf(_SC_CLK_TCK);
    enum err e    = grouping_new(groups, count, &p->grouping, fault);
    if (e == OK && !(p->group = calloc(p->groups_max + 1, sizeof *p->group)))
        e = fail(fault, ERR_LIMIT, "out of memory for the groups of processes");
    if (e != OK) {
        processes_free(p);
        return e;
    }
    snprintf(p->group[OTHER].name, sizeof p->group[OTHER].name, "other");
    p->groups = 1;
    *out      = p;
    return OK;
}

void processes_free(struct processes *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        kept_done(&p->list[i].stat);
    kept_done(&p->limit[0]);
    kept_done(&p->limit[1]);
    if (p->folder)
        closedir(p->folder);
    grouping_free(p->grouping);
    free(p->list);
    free(p->pids);
    free(p->group);
    free(p);
}

/* ---- who is there ---- */

static int by_pid(const void *a, const void *b) { return (*(const int32_t *)a > *(const int32_t *)b) - (*(const int32_t *)a < *(const int32_t *)b); }

static enum sensed list_pids(struct processes *p, struct turn *u)
{
    char path[512];
    if (!p->folder) {
        snprintf(path, sizeof path, "%s/proc", u->root);
        if (!(p->folder = opendir(path)))
            return failed(u, "cannot open %s", path);
    }
    rewinddir(p->folder);
    p->pids_count = 0;
    bool sorted   = true;
    for (struct dirent *e; errno = 0, (e = readdir(p->folder));) {
        int64_t     pid = 0;
        const char *c   = e->d_name;
        for (; *c >= '0' && *c <= '9' && pid < INT32_MAX; c++)
            pid = pid * 10 + (*c - '0');
        if (*c || c == e->d_name)
            continue;
        if (p->pids_count == PROCESSES_MAX) {
            p->unseen++;
            continue;
        }
        if (p->pids_count == p->pids_room) {
            size_t   room = p->pids_room ? 2 * p->pids_room : 256;
            int32_t *more = realloc(p->pids, room * sizeof *more);
            if (!more)
                return failed(u, "out of memory for the processes");
            p->pids      = more;
            p->pids_room = room;
        }
        sorted &= !p->pids_count || p->pids[p->pids_count - 1] < (int32_t)pid;
        p->pids[p->pids_count++] = (int32_t)pid;
    }
    if (errno)
        return failed(u, "cannot list the processes: %s", strerror(errno));      /* half a list would make the other half begin anew */
    if (!sorted)
        qsort(p->pids, p->pids_count, sizeof *p->pids, by_pid);
    return SENSED;
}

static void forget(struct processes *p, struct process *one)
{
    p->files -= one->stat.fd1 != 0;
    kept_done(&one->stat);
}

/* The list and the pids are both in order: one walk makes the new list. */
static enum sensed merge(struct processes *p, struct turn *u)
{
    size_t          room = p->pids_count + p->pids_count / 4 + 64, n = 0, old = 0;
    struct process *list = malloc(room * sizeof *list);
    if (!list)
        return failed(u, "out of memory for the processes");
    for (size_t i = 0; i < p->pids_count; i++) {
        while (old < p->count && p->list[old].pid < p->pids[i])
            forget(p, &p->list[old++]);
        list[n++] = old < p->count && p->list[old].pid == p->pids[i] ? p->list[old++] : (struct process){ .pid = p->pids[i], .fresh = true, .from_before = !p->again };
    }
    while (old < p->count)
        forget(p, &p->list[old++]);
    free(p->list);
    p->list  = list;
    p->count = n;
    p->room  = room;
    return SENSED;
}

static bool same_pids(const struct processes *p)
{
    if (p->count != p->pids_count)
        return false;
    for (size_t i = 0; i < p->count; i++)
        if (p->list[i].pid != p->pids[i])
            return false;
    return true;
}

/* ---- one process ---- */

static const char *of_pid(const struct process *one, const char *file, char *out, size_t size)
{
    snprintf(out, size, "/proc/%d/%s", (int)one->pid, file);
    return out;
}

struct seen { struct counts c; char comm[16], state; int32_t parent; uint64_t start, rss, virtual; uint32_t threads; };

static bool parse_stat(struct slice text, struct seen *s)
{
    const char *open = memchr(text.s, '(', text.n), *close = memrchr(text.s, ')', text.n);
    if (!open || !close || close < open)
        return false;
    size_t n = (size_t)(close - open - 1);
    n        = n < sizeof s->comm - 1 ? n : sizeof s->comm - 1;
    memcpy(s->comm, open + 1, n);
    memset(s->comm + n, 0, sizeof s->comm - n);
    utf8_clean(s->comm, '?');
    struct scan  f = { close + 1, text.s + text.n };
    struct slice w = scan_word(&f);
    s->state       = w.n ? *w.s : '?';
    s->parent      = (int32_t)scan_or_0(&f);
    uint64_t v[21] = { 0 };                         /* 5 (pgrp) and on; some are negative, and not looked at */
    size_t   i     = 0;
    for (; i < COUNT(v); i++) {
        if (!scan_u64(&f, &v[i]) && !scan_word(&f).n)
            break;
    }
    s->c.minor  = v[5];
    s->c.major  = v[7];
    s->c.user   = v[9];
    s->c.system = v[10];
    s->threads  = (uint32_t)v[15];
    s->start    = v[17];
    s->virtual  = v[18];
    s->rss      = v[19];
    return i >= 20;
}

/* HERE_NOT: it is gone, or may not be seen. FAILED: we could not look, and it may well be there. */
static enum sensed read_stat(struct processes *p, struct turn *u, struct process *one, struct seen *s)
{
    char         path[64];
    struct slice text;
    bool         was = one->stat.fd1 != 0;
    enum sensed  is  = kept_read(u, &one->stat, of_pid(one, "stat", path, sizeof path), &text);
    if (is != SENSED) {
        p->files -= was;
        return is;
    }
    bool fine = parse_stat(text, s);
    if (!was && p->files >= PROCESS_FILES_MAX)
        kept_done(&one->stat);
    else if (!was)
        p->files++;
    return fine ? SENSED : HERE_NOT;
}

static uint64_t named(struct slice text, const char *key)
{
    const char *at = memmem(text.s, text.n, key, strlen(key));
    if (!at)
        return 0;
    at += strlen(key);
    return scan_or_0(&(struct scan){ at, text.s + text.n });
}

/* false: they may not be counted. */
static bool count_fds(const struct turn *u, const struct process *one, uint64_t *n)
{
    char        path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/proc/%d/fd", u->root, (int)one->pid);
    if (!*u->root && stat(path, &st) == 0 && st.st_size > 0) {
        *n = (uint64_t)st.st_size;          /* since Linux 6.2 */
        return true;
    }
    DIR *d = opendir(path);
    if (!d)
        return false;
    *n = 0;
    for (struct dirent *e; (e = readdir(d));)
        *n += *e->d_name != '.';
    closedir(d);
    return true;
}

/* What costs more than its stat. */
static void read_rest(struct processes *p, struct turn *u, struct process *one, struct counts *c)
{
    char         path[64];
    struct slice text;
    bool io = file_once(u, of_pid(one, "io", path, sizeof path), &text) == SENSED;
    if (io) {
        c->read       = named(text, "\nread_bytes:");
        c->write      = named(text, "\nwrite_bytes:");
        if (!one->io_known && !one->fresh)
            one->last.read = c->read, one->last.write = c->write;
        one->io_known = true;
    }
    if (file_once(u, of_pid(one, "status", path, sizeof path), &text) == SENSED) {
        one->swap    = 1024 * named(text, "\nVmSwap:");
        c->voluntary = named(text, "\nvoluntary_ctxt_switches:");
        c->forced    = named(text, "\nnonvoluntary_ctxt_switches:");
    }
    one->fds_known = count_fds(u, one, &one->fds);
    p->partly     += !io || !one->fds_known;
    if (!one->fds_max && file_once(u, of_pid(one, "limits", path, sizeof path), &text) == SENSED)
        one->fds_max = named(text, "\nMax open files");
}

/* ---- its group ---- */

/* The one that has been unused longest; OTHER: none for long enough. */
static uint32_t unused(const struct processes *p, const struct turn *u)
{
    uint32_t found = OTHER;
    for (uint32_t i = 1; i < p->groups; i++) {
        const struct group *g = &p->group[i];
        if (!g->procs && u->mono_us - g->used_us >= GROUP_UNUSED_US && (found == OTHER || g->used_us < p->group[found].used_us))
            found = i;
    }
    return found;
}

static uint32_t group_index(struct processes *p, const struct turn *u, const char *name, bool *refused)
{
    uint32_t at = 0;
    *refused    = false;
    while (at < p->groups && strcmp(p->group[at].name, name) != 0)
        at++;
    if (at < p->groups)
        return at;
    at       = p->groups <= p->groups_max ? (uint32_t)p->groups++ : unused(p, u);
    *refused = at == OTHER;
    if (at != OTHER) {
        p->group[at] = (struct group){ .used_us = u->mono_us };
        snprintf(p->group[at].name, GROUP_NAME_MAX, "%s", name);
    }
    return at;
}

static struct process *find(const struct processes *p, int32_t pid)
{
    size_t lo = 0, hi = p->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (p->list[mid].pid < pid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < p->count && p->list[lo].pid == pid ? &p->list[lo] : NULL;
}

static bool by_recipe(struct processes *p, struct turn *u, struct process *one)
{
    char               path[512], name[GROUP_NAME_MAX];
    struct slice       text;
    struct stat        st;
    struct group_facts f = { .comm = slice_of(one->comm) };
    enum sensed is = file_once(u, of_pid(one, "cmdline", path, sizeof path), &text);
    if (is == FAILED)
        return false;               /* asked again at the next turn */
    if (is == SENSED)
        f.cmdline = (struct slice){ text.s, text.n < CMDLINE_MAX ? text.n : CMDLINE_MAX };
    snprintf(path, sizeof path, "%s/proc/%d", u->root, (int)one->pid);
    f.uid = stat(path, &st) == 0 ? st.st_uid : (uid_t)-1;
    bool matched = grouping_name(p->grouping, &f, name), again = one->refused;
    one->refused = false;
    one->group   = matched ? group_index(p, u, name, &one->refused) : OTHER;
    one->grouped = true;
    p->groups_refused += one->refused && !again;
    return matched;
}

/* Parents first, so that who matches nothing can be its parent's. The depth bounds a chain that is broken on purpose. */
static void assign(struct processes *p, struct turn *u, struct process *one, int depth)
{
    if (one->grouped || by_recipe(p, u, one) || !p->children || depth > 32)
        return;
    struct process *parent = one->parent > 0 && one->parent != one->pid ? find(p, one->parent) : NULL;
    if (!parent)
        return;
    if (parent->fresh && parent != one && !*parent->comm) {
        one->grouped = false;       /* not read yet in this turn, since it has the higher number: again at the next */
        return;
    }
    assign(p, u, parent, depth + 1);
    one->group = parent->group;
}

/* ---- the turn ---- */

static uint64_t since(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

static void add_counts(struct group *g, const struct counts *now, const struct counts *before)
{
    g->sum.user      += since(now->user, before->user);
    g->sum.system    += since(now->system, before->system);
    g->sum.minor     += since(now->minor, before->minor);
    g->sum.major     += since(now->major, before->major);
    g->sum.read      += since(now->read, before->read);
    g->sum.write     += since(now->write, before->write);
    g->sum.voluntary += since(now->voluntary, before->voluntary);
    g->sum.forced    += since(now->forced, before->forced);
}

static size_t state_index(char c) { return c == 'R' ? 0 : c == 'S' || c == 'I' ? 1 : c == 'D' ? 2 : c == 'Z' ? 3 : 4; }

static void add_gauges(struct group *g, const struct process *one, long page)
{
    g->procs++;
    g->threads += one->threads;
    g->rss     += one->rss * (uint64_t)page;
    g->virtual += one->virtual;
    g->swap    += one->swap;
    g->fds     += one->fds_known ? one->fds : 0;
    g->states[state_index(one->state)]++;
    g->io_known  |= one->io_known;
    g->fds_known |= one->fds_known;
    if (!g->oldest || one->start < g->oldest)
        g->oldest = one->start;
    double ratio = one->fds_known && one->fds_max ? (double)one->fds / (double)one->fds_max : 0;
    g->worst     = ratio > g->worst ? ratio : g->worst;
}

static bool idle(const struct process *one, const struct seen *s)
{
    const struct counts *a = &one->last, *b = &s->c;
    return !one->fresh && s->state == one->state && a->user == b->user && a->system == b->system && a->minor == b->minor && a->major == b->major && one->rss == s->rss && one->threads == s->threads;
}

static void one_turn(struct processes *p, struct turn *u, struct process *one)
{
    struct seen s;
    enum sensed is = read_stat(p, u, one, &s);
    one->gone      = is == HERE_NOT;
    p->unread     += is == FAILED;
    if (is != SENSED)
        return;
    if (!one->fresh && one->start != s.start) {         /* the pid was given again within one turn */
        struct kept stat = one->stat;
        *one = (struct process){ .pid = one->pid, .fresh = true, .stat = stat };
    }
    if (!one->fresh && memcmp(one->comm, s.comm, sizeof s.comm) != 0)
        one->grouped = false;                           /* it became another program */
    bool whole = !idle(one, &s) || ++one->age >= PROCESS_FULL_EVERY;
    s.c.read      = one->last.read;
    s.c.write     = one->last.write;
    s.c.voluntary = one->last.voluntary;
    s.c.forced    = one->last.forced;
    memcpy(one->comm, s.comm, sizeof s.comm);
    one->parent  = s.parent;
    one->start   = s.start;
    one->state   = s.state;
    one->rss     = s.rss;
    one->virtual = s.virtual;
    one->threads = s.threads;
    if (whole) {
        read_rest(p, u, one, &s.c);
        one->age = (uint8_t)(one->fresh ? one->pid % PROCESS_FULL_EVERY : 0);       /* so that not all come due in one turn */
    }
    if (whole && one->refused && unused(p, u) != OTHER)
        one->grouped = false;                           /* there is room for its name now */
    if (!one->grouped)
        assign(p, u, one, 0);
    if (!one->fresh || !one->from_before)
        add_counts(&p->group[one->group], &s.c, &one->last);
    one->last  = s.c;
    one->fresh = false;
}

#define LABEL(name, labels, type, help) { "namedprocess_namegroup_" name, labels, type, help }
static const struct series_kind procs_kind   = LABEL("num_procs", "groupname", SERIES_GAUGE, "number of processes in this group");
static const struct series_kind cpu_kind     = LABEL("cpu_seconds_total", "groupname mode", SERIES_COUNTER, "Cpu user usage in seconds");
static const struct series_kind read_kind    = LABEL("read_bytes_total", "groupname", SERIES_COUNTER, "number of bytes read by this group");
static const struct series_kind write_kind   = LABEL("write_bytes_total", "groupname", SERIES_COUNTER, "number of bytes written by this group");
static const struct series_kind major_kind   = LABEL("major_page_faults_total", "groupname", SERIES_COUNTER, "Major page faults");
static const struct series_kind minor_kind   = LABEL("minor_page_faults_total", "groupname", SERIES_COUNTER, "Minor page faults");
static const struct series_kind switch_kind  = LABEL("context_switches_total", "ctxswitchtype groupname", SERIES_COUNTER, "Context switches");
static const struct series_kind memory_kind  = LABEL("memory_bytes", "groupname memtype", SERIES_GAUGE, "number of bytes of memory in use");
static const struct series_kind fds_kind     = LABEL("open_filedesc", "groupname", SERIES_GAUGE, "number of open file descriptors for this group");
static const struct series_kind worst_kind   = LABEL("worst_fd_ratio", "groupname", SERIES_GAUGE, "the worst (closest to 1) ratio between open fds and max fds among all procs in this group");
static const struct series_kind oldest_kind  = LABEL("oldest_start_time_seconds", "groupname", SERIES_GAUGE, "start time in seconds since 1970/01/01 of oldest process in group");
static const struct series_kind threads_kind = LABEL("num_threads", "groupname", SERIES_GAUGE, "Number of threads");
static const struct series_kind states_kind  = LABEL("states", "groupname state", SERIES_GAUGE, "Number of processes in states Running, Sleeping, Waiting, Zombie, or Other");
static const struct series_kind refused_kind = { "homeostat_sensor_groups_refused_total", "", SERIES_COUNTER, "Processes counted as `other` because there are too many groups." };
static const struct series_kind unseen_kind  = { "homeostat_sensor_processes_unseen_total", "", SERIES_COUNTER, "Processes not looked at because there are too many." };

static const struct series_kind unread_kind  = { "homeostat_sensor_processes_unread_total", "", SERIES_COUNTER, "Times that a process was there and could not be read." };
static const struct series_kind scrape_kind   = { "namedprocess_scrape_errors", "", SERIES_COUNTER, "incremented each time a turn cannot list the processes" };
static const struct series_kind procread_kind = { "namedprocess_scrape_procread_errors", "", SERIES_COUNTER, "incremented each time a proc's metrics collection fails" };
static const struct series_kind partial_kind  = { "namedprocess_scrape_partial_errors", "", SERIES_COUNTER, "incremented each time a tracked proc's metrics collection fails partially, e.g. unreadable I/O stats" };

/* What node_exporter's collector `processes` tells of the host. */
static const struct series_kind state_kind   = { "node_processes_state", "state", SERIES_GAUGE, "Number of processes in each state." };
static const struct series_kind thread_state_kind = { "node_processes_threads_state", "thread_state", SERIES_GAUGE, "Number of threads in each state; absent while processes with several have more than 4096." };
static const struct series_kind all_kind     = { "node_processes_pids", "", SERIES_GAUGE, "Number of PIDs" };
static const struct series_kind tasks_kind   = { "node_processes_threads", "", SERIES_GAUGE, "Allocated threads in system" };
static const struct series_kind most_kind    = { "node_processes_max_processes", "", SERIES_GAUGE, "Number of max PIDs limit" };
static const struct series_kind most_t_kind  = { "node_processes_max_threads", "", SERIES_GAUGE, "Limit of threads in the system" };

static size_t host_state(char state)
{
    const char *at = state ? strchr(host_states, state) : NULL;
    return at ? (size_t)(at - host_states) : HOST_STATES - 1;
}

/* Of a process with several; the state stands behind the name, which may hold anything. */
static void count_threads(struct turn *u, int32_t pid, size_t in[HOST_STATES])
{
    unsigned     tid[THREADS_LOOKED_MAX];
    char         path[64];
    struct slice text;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    size_t n = folder_numbers(u, path, "", "", tid, THREADS_LOOKED_MAX);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "/proc/%d/task/%u/stat", (int)pid, tid[i]);
        const char *end = file_once(u, path, &text) == SENSED && text.n ? memrchr(text.s, ')', text.n) : NULL;
        if (end && end + 2 < text.s + text.n)
            in[host_state(end[2])]++;
    }
}

/* A file for each thread of those that have several, so not often, and not at all when there are very many: then nothing is said, which is better than a part. */
static void look_at_threads(struct turn *u, struct processes *p, size_t several)
{
    if (p->threads_us && u->mono_us - p->threads_us < THREADS_EVERY_US)
        return;
    p->threads_us   = u->mono_us;
    p->threads_told = several <= THREADS_LOOKED_MAX;
    memset(p->threads_in, 0, sizeof p->threads_in);
    for (size_t i = 0; p->threads_told && i < p->count; i++)
        if (p->list[i].threads > 1)
            count_threads(u, p->list[i].pid, p->threads_in);
        else
            p->threads_in[host_state(p->list[i].state)]++;
}

static void tell_host(struct turn *u, struct processes *p)
{
    size_t       in[HOST_STATES] = { 0 }, threads = 0, several = 0;
    struct slice text;
    for (size_t i = 0; i < p->count; i++) {
        in[host_state(p->list[i].state)]++;
        threads += p->list[i].threads;
        several += p->list[i].threads > 1 ? p->list[i].threads : 0;
    }
    look_at_threads(u, p, several);
    for (size_t i = 0; i + 1 < HOST_STATES; i++) {
        if (in[i])
            put_1(u, &state_kind, (struct slice){ host_states + i, 1 }, (double)in[i]);
        if (p->threads_told && p->threads_in[i])
            put_1(u, &thread_state_kind, (struct slice){ host_states + i, 1 }, (double)p->threads_in[i]);
    }
    put(u, &all_kind, (double)p->count);
    put(u, &tasks_kind, (double)threads);
    if (kept_read(u, &p->limit[0], "/proc/sys/kernel/pid_max", &text) == SENSED)
        put(u, &most_kind, slice_number(text));
    if (kept_read(u, &p->limit[1], "/proc/sys/kernel/threads-max", &text) == SENSED)
        put(u, &most_t_kind, slice_number(text));
}

static void tell(struct turn *u, const struct processes *p, const struct group *g, double boot_s)
{
    static const struct slice states[STATES] = { { "Running", 7 }, { "Sleeping", 8 }, { "Waiting", 7 }, { "Zombie", 6 }, { "Other", 5 } };
    struct slice              n = slice_of(g->name);
    put_1(u, &procs_kind, n, (double)g->procs);
    put_2(u, &cpu_kind, n, SLICE("user"), (double)g->sum.user * p->tick_s);
    put_2(u, &cpu_kind, n, SLICE("system"), (double)g->sum.system * p->tick_s);
    if (g->io_known) {
        put_1(u, &read_kind, n, (double)g->sum.read);
        put_1(u, &write_kind, n, (double)g->sum.write);
    }
    put_1(u, &major_kind, n, (double)g->sum.major);
    put_1(u, &minor_kind, n, (double)g->sum.minor);
    put_2(u, &switch_kind, SLICE("voluntary"), n, (double)g->sum.voluntary);
    put_2(u, &switch_kind, SLICE("nonvoluntary"), n, (double)g->sum.forced);
    put_2(u, &memory_kind, n, SLICE("resident"), (double)g->rss);
    put_2(u, &memory_kind, n, SLICE("virtual"), (double)g->virtual);
    put_2(u, &memory_kind, n, SLICE("swapped"), (double)g->swap);
    if (g->fds_known) {
        put_1(u, &fds_kind, n, (double)g->fds);
        put_1(u, &worst_kind, n, g->worst);
    }
    put_1(u, &threads_kind, n, (double)g->threads);
    if (g->procs)
        put_1(u, &oldest_kind, n, boot_s + (double)g->oldest * p->tick_s);
    for (size_t i = 0; i < STATES; i++)
        put_2(u, &states_kind, n, states[i], (double)g->states[i]);
}

static double boot_time(struct turn *u)
{
    struct slice text;
    return file_once(u, "/proc/stat", &text) == SENSED ? (double)named(text, "\nbtime") : 0;
}

enum sensed processes_read(struct processes *p, struct turn *u)
{
    enum sensed is = list_pids(p, u);
    if (is == SENSED && !same_pids(p))
        is = merge(p, u);
    if (is != SENSED) {
        p->failed++;
        return is;
    }
    for (size_t i = 0; i < p->groups; i++) {
        struct group *g = &p->group[i];
        g->procs = g->threads = g->rss = g->virtual = g->swap = g->fds = g->oldest = 0;
        g->worst = 0;
        g->fds_known = false;
        memset(g->states, 0, sizeof g->states);
    }
    long   page = sysconf(_SC_PAGESIZE);
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++) {
        one_turn(p, u, &p->list[i]);
        if (p->list[i].gone)
            forget(p, &p->list[i]);
        else if (!p->list[i].fresh)
            add_gauges(&p->group[p->list[i].group], &p->list[i], page);
    }
    for (size_t i = 0; i < p->count; i++)
        if (!p->list[i].gone)
            p->list[kept++] = p->list[i];
    p->count     = kept;
    p->again     = true;
    double boot  = boot_time(u);
    for (size_t i = 0; i < p->groups; i++) {
        if (p->group[i].procs)
            p->group[i].used_us = u->mono_us;
        tell(u, p, &p->group[i], boot);
    }
    put(u, &refused_kind, (double)p->groups_refused);
    put(u, &unseen_kind, (double)p->unseen);
    put(u, &unread_kind, (double)p->unread);
    put(u, &scrape_kind, (double)p->failed);
    put(u, &procread_kind, (double)p->unread);
    put(u, &partial_kind, (double)p->partly);
    tell_host(u, p);
    return SENSED;
}

size_t processes_count(const struct processes *p) { return p->count; }

void processes_each(const struct processes *p, void (*see)(void *ctx, const struct sensors_process *one), void *ctx)
{
    double page = (double)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < p->count; i++) {
        const struct process *one = &p->list[i];
        see(ctx, &(struct sensors_process){ .pid = one->pid, .comm = one->comm, .group = p->group[one->group].name, .start_ticks = one->start,
            .cpu_s = one->fresh ? NAN : (double)(one->last.user + one->last.system) * p->tick_s, .read_bytes = one->io_known ? (double)one->last.read : NAN,
            .write_bytes = one->io_known ? (double)one->last.write : NAN, .rss_bytes = (double)one->rss * page, .threads = one->threads, .state = one->state });
    }
}

static enum sensed row_read(struct turn *u, void *state)
{
    (void)state;
    return u->processes ? processes_read(u->processes, u) : HERE_NOT;
}

const struct sensor sensors_process[] = {
    { "processes", 0, 0, row_read, NULL, "groups of processes: processors, memory, disk, open files, states" },
};
const size_t sensors_process_count = COUNT(sensors_process);
