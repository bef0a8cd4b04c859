/*
 * bench/patterns.c - templates of log lines against those that people found (loghub, 2000 lines of each of several systems), and how fast.
 *
 *     patterns FOLDER [-v SYSTEM]     FOLDER holds SYSTEM/SYSTEM_2k.log_structured.csv (Content, EventId); -v tells what is wrong
 *
 * GA: the share of lines whose group has exactly the lines of their true group.  FGA: F1 over groups, one being right when its lines are.
 * Speed: CPU time of taking all lines of all systems again and again into one memory, from empty.
 */
#include "digest/patterns.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LINES_MAX = 4096, SYSTEMS_MAX = 64, COLUMNS_MAX = 32, PASSES = 60 };

struct system { char name[64]; char *text; size_t n; struct slice line[LINES_MAX]; struct slice truth[LINES_MAX]; };

static char *read_all(const char *path, size_t *size)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *s = n >= 0 ? calloc(1, (size_t)n + 1) : NULL;
    if (s && fread(s, 1, (size_t)n, f) != (size_t)n) {
        free(s);
        s = NULL;
    }
    fclose(f);
    *size = (size_t)n;
    return s;
}

/* One field of a CSV file, put right in place. */
static char *csv_field(char *at, struct slice *field, bool *last)
{
    char *to = at;
    *field = (struct slice){ at, 0 };
    bool quoted = *at == '"';
    at += quoted;
    for (; *at; at++) {
        if (quoted && at[0] == '"' && at[1] == '"')
            at++;
        else if (quoted && *at == '"') {
            quoted = false;
            continue;
        } else if (!quoted && (*at == ',' || *at == '\n' || *at == '\r'))
            break;
        *to++ = *at;
    }
    field->n = (size_t)(to - field->s);
    at += *at == '\r';
    *last = *at != ',';
    return *at ? at + 1 : at;
}

static bool read_system(struct system *s, const char *folder, const char *name, const char *tail)
{
    char   path[4096];
    size_t size;
    snprintf(path, sizeof path, "%s/%s/%s_2k.log_structured%s.csv", folder, name, name, tail);
    snprintf(s->name, sizeof s->name, "%s", name);
    s->text = read_all(path, &size);
    if (!s->text)
        return false;
    int  content = -1, event = -1, row = 0;
    for (char *at = s->text; *at && s->n < LINES_MAX; row++) {
        bool last = false;
        for (int c = 0; !last && *at; c++) {
            struct slice f;
            at = csv_field(at, &f, &last);
            if (row == 0 && slice_is(f, "Content"))
                content = c;
            else if (row == 0 && slice_is(f, "EventTemplate"))
                event = c;
            else if (row && c == content)
                s->line[s->n] = f;
            else if (row && c == event)
                s->truth[s->n] = f;
        }
        s->n += row > 0;
    }
    return content >= 0 && event >= 0 && s->n > 0;
}

/* ---- groups ---- */

struct merges { uint64_t *into; size_t n; };

static void merged(void *ctx, uint64_t gone, uint64_t into)
{
    struct merges *m = ctx;
    if (gone < m->n)
        m->into[gone] = into;
}

static int group_number(struct slice *seen, int *n, struct slice name)
{
    for (int i = 0; i < *n; i++)
        if (slice_same(seen[i], name))
            return i;
    seen[*n] = name;
    return (*n)++;
}

/* A true group that was not met: who has its lines, and how many others. */
static void tell_group(const struct system *s, const int *truth, const int *found, int g, struct patterns *p, const uint64_t *id)
{
    int lines = 0;
    for (size_t i = 0; i < s->n; i++)
        if (truth[i] == g) {
            if (lines++ == 0)
                printf("  TRUE %.*s\n", (int)s->truth[i].n, s->truth[i].s);
            bool first = true;
            for (size_t j = 0; j < i && first; j++)
                first = !(truth[j] == g && found[j] == found[i]);
            if (first) {
                int have = 0, all = 0;
                for (size_t j = 0; j < s->n; j++) {
                    have += truth[j] == g && found[j] == found[i];
                    all += found[j] == found[i];
                }
                const struct pattern *t = patterns_find(p, id[i]);
                printf("     %4d of %4d: %s\n", have, all, t ? t->text : "?");
            }
        }
}

static void judge(const struct system *s, bool verbose, double *ga, double *fga)
{
    static uint64_t     id[LINES_MAX];
    static struct slice seen[LINES_MAX];
    static int          truth[LINES_MAX], found[LINES_MAX], in_both[LINES_MAX], in_truth[LINES_MAX], in_found[LINES_MAX], first_of[LINES_MAX];
    struct patterns_options o = patterns_options_default();
    struct patterns *p;
    struct fault     f;
    struct merges    m = { calloc(65536, sizeof *m.into), 65536 };
    if (!m.into || patterns_new(&o, &p, &f)) {
        printf("%s\n", m.into ? f.text : "out of memory");
        exit(2);
    }
    patterns_on_merge(p, merged, &m);
    for (size_t i = 0; i < s->n; i++)
        id[i] = patterns_take(p, s->line[i], (int64_t)i)->id;
    int truths = 0, founds = 0, right = 0, lines = 0;
    for (size_t i = 0; i < s->n; i++) {
        while (id[i] < m.n && m.into[id[i]])
            id[i] = m.into[id[i]];
        truth[i] = group_number(seen, &truths, s->truth[i]);
    }
    static uint64_t ids[LINES_MAX];
    for (size_t i = 0; i < s->n; i++) {
        int g = 0;
        while (g < founds && ids[g] != id[i])
            g++;
        if (g == founds) {
            first_of[g] = (int)i;
            ids[founds++] = id[i];
        }
        found[i] = g;
    }
    memset(in_both, 0, sizeof in_both);
    memset(in_truth, 0, sizeof in_truth);
    memset(in_found, 0, sizeof in_found);
    for (size_t i = 0; i < s->n; i++) {
        in_truth[truth[i]]++;
        in_found[found[i]]++;
        in_both[found[i]] += truth[i] == truth[first_of[found[i]]];
    }
    static bool met[LINES_MAX];
    memset(met, 0, sizeof met);
    for (int g = 0; g < founds; g++) {
        int t = truth[first_of[g]];
        if (in_both[g] == in_found[g] && in_found[g] == in_truth[t]) {
            right++;
            lines += in_found[g];
            met[t] = true;
        }
    }
    *ga = (double)lines / (double)s->n;
    *fga = 2.0 * right / (truths + founds);
    printf("%-12s GA %.4f FGA %.4f; %d groups found, %d true, %d right\n", s->name, *ga, *fga, founds, truths, right);
    for (int g = 0; verbose && g < truths; g++)
        if (!met[g])
            tell_group(s, truth, found, g, p, id);
    patterns_free(p);
    free(m.into);
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double speed(const struct system *all, size_t n)
{
    struct patterns_options o = patterns_options_default();
    struct patterns *p;
    struct fault     f;
    size_t           lines = 0;
    double           began = cpu_s();
    if (patterns_new(&o, &p, &f)) {
        printf("%s\n", f.text);
        exit(2);
    }
    for (int pass = 0; pass < PASSES; pass++)
        for (size_t s = 0; s < n; s++)
            for (size_t i = 0; i < all[s].n; i++, lines++)
                (void)patterns_take(p, all[s].line[i], (int64_t)lines);
    double took = cpu_s() - began;
    printf("%zu lines in %.2f s of CPU; %zu templates, %zu bytes\n", lines, took, patterns_count(p), patterns_bytes(p));
    patterns_free(p);
    return (double)lines / took;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static size_t read_systems(struct system *all, const char *folder, const char *tail)
{
    struct dirent **names;
    size_t          n = 0;
    int             found = scandir(folder, &names, NULL, by_name);
    for (int i = 0; i < found; i++) {
        if (names[i]->d_name[0] != '.' && n < SYSTEMS_MAX) {
            memset(&all[n], 0, sizeof all[n]);
            if (read_system(&all[n], folder, names[i]->d_name, tail))
                n++;
        }
        free(names[i]);
    }
    if (found >= 0)
        free(names);
    return n;
}

static void judge_all(const struct system *all, size_t n, const char *tell, double *ga, double *fga)
{
    *ga = *fga = 0;
    for (size_t i = 0; i < n; i++) {
        double g, f;
        judge(&all[i], strcmp(tell, all[i].name) == 0 || strcmp(tell, "all") == 0, &g, &f);
        *ga += g / (double)n;
        *fga += f / (double)n;
    }
}

int main(int argc, char **argv)
{
    const char    *folder = argc > 1 ? argv[1] : ".", *tell = argc > 3 && strcmp(argv[2], "-v") == 0 ? argv[3] : "";
    struct system *all = calloc(2 * SYSTEMS_MAX, sizeof *all), *corrected = all + SYSTEMS_MAX;
    char           path[4096];
    if (!all)
        return 2;
    snprintf(path, sizeof path, "%s/corrected", folder);
    size_t n = read_systems(all, folder, ""), m = read_systems(corrected, path, "_corrected");
    if (n == 0) {
        printf("patterns nan - (bar not measured: no SYSTEM/SYSTEM_2k.log_structured.csv in %s) short\n", folder);
        return 1;
    }
    double fast = speed(all, n), ga, fga, ga2, fga2;
    judge_all(corrected, m, tell, &ga2, &fga2);
    printf("the same with the labels that were corrected later: GA %.4f FGA %.4f\n", ga2, fga2);
    judge_all(all, n, tell, &ga, &fga);
    bool ok = ga >= 0.95 && fga >= 0.85 && fast >= 7e5;
    printf("patterns %.4f GA (bar >= 0.95; %zu systems; FGA %.4f of >= 0.85; %.2f M lines/s of CPU of >= 0.7; corrected labels GA %.4f FGA %.4f) %s\n",
           ga, n, fga, fast / 1e6, ga2, fga2, ok ? "ok" : "short");
    for (size_t i = 0; i < n; i++)
        free(all[i].text);
    for (size_t i = 0; i < m; i++)
        free(corrected[i].text);
    free(all);
    return ok ? 0 : 1;
}
