/* act/adapter.c - the table of adapters, and the undo script of a whole case. */
#include "act/rows.h"

#include "base/file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { UNDO_SCRIPT_MAX = 1024 * 1024 };

static const struct act_adapter *const adapters[] = { &act_noop, &act_script, &act_postgres, &act_index, &act_analyze };

const struct act_adapter *act_adapter_for(enum plan_action action)
{
    for (size_t i = 0; i < sizeof adapters / sizeof *adapters; i++)
        if (adapters[i]->handles(action))
            return adapters[i];
    return NULL;
}

const char *act_outcome_name(enum act_outcome o)
{
    static const char *const names[] = { "done", "untouched", "partial", "unknown" };
    return (unsigned)o < sizeof names / sizeof *names ? names[o] : "?";
}

void act_report_init(struct act_report *r)
{
    *r = (struct act_report){ .outcome = ACT_UNKNOWN };
    text_init(&r->output, ACT_OUTPUT_MAX);
}

void act_report_done(struct act_report *r)
{
    json_decref(r->witness);
    r->witness = NULL;
    text_done(&r->output);
}

/* ---- one script that puts a whole case back ---- */

static enum err add_step(const struct act_context *c, const struct act_done_step *s, int number, struct text *out, struct fault *fault)
{
    const struct act_adapter *a = act_adapter_for(s->step->action);
    if (!a)
        return fail(fault, ERR_STATE, "no adapter for %s", plan_action_info[s->step->action].name);
    if (!a->undo_script)
        return OK;
    struct text part CLEANUP(text_done);
    text_init(&part, UNDO_SCRIPT_MAX);
    enum err e = a->undo_script(c, s->step, s->snapshot, &part, fault);
    if (e == OK && part.used > 0)   /* each part is a script of its own and runs in a shell of its own */
        text_printf(out, "\n# ---- step %d: %s\n(\n%s) || failed=1\n", number, plan_action_info[s->step->action].name, part.s);
    return e;
}

static bool file_name_fits(const char *s)
{
    return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == strlen(s);
}

enum err act_undo_script_write(const struct act_context *c, const char *case_id, const struct act_done_step *steps, int n, char *path, size_t path_size,
                               struct fault *fault)
{
    if (!file_name_fits(case_id))
        return fail(fault, ERR_INPUT, "a case id becomes a file name; this one does not fit");
    char file[PATH_MAX];
    if (snprintf(file, sizeof file, "%s/undo", c->state_folder) >= (int)sizeof file)
        return fail(fault, ERR_LIMIT, "path too long: %s", c->state_folder);
    enum err e = file_make_dirs(file, 0700, fault);
    if (e != OK)
        return e;
    if (snprintf(file, sizeof file, "%s/undo/%s.sh", c->state_folder, case_id) >= (int)sizeof file || (path && !text_copy(path, path_size, file)))
        return fail(fault, ERR_LIMIT, "path too long: %s", c->state_folder);
    struct text t CLEANUP(text_done);
    text_init(&t, UNDO_SCRIPT_MAX);
    text_printf(&t, "#!/bin/sh\n# Puts back what case %s has changed, last step first. Needs neither Homeostat nor a running server.\n"
                    "# Stop Homeostat first (or: homeostat stop --why ...), so that two do not pull at the same rope.\n"
                    "# Running it twice does no harm. FORCE=1 also overwrites entries that somebody else has changed since.\nfailed=0\n", case_id);
    for (int i = n - 1; e == OK && i >= 0; i--)
        e = add_step(c, &steps[i], i + 1, &t, fault);
    text_add(&t, "\nexit $failed\n");
    if (e == OK && t.cut)
        e = fail(fault, ERR_LIMIT, "the undo script of case %s would be larger than %d bytes", case_id, UNDO_SCRIPT_MAX);
    return e == OK ? file_write(file, t.s, t.used, 0700, fault) : e;
}
