/* cli/tables.c - what can be said without asking anybody: configuration, rules, knobs, policy. */
#include "cli/commands.h"
#include "cli/sections.h"
#include "cli/where.h"

#include "casefile/step.h"
#include "casefile/rules.h"
#include "conf/command.h"
#include "conf/daemon.h"
#include "gate/judge.h"
#include "gate/policy.h"
#include "model/knob.h"
#include "plan/template.h"
#include "sensor/group.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_MAX = 4 * 1024 * 1024 };

/* ---- configuration ---- */

static const char *conf_path_of(struct cli *c) { return c->o.words > 0 ? c->o.word[0] : where_config(&c->o); }

static int put_complaints(struct cli *c, const struct conf_complaints *all, const struct fault *fault)
{
    if (c->o.json) {
        json_t *o = json_pack("{s:b, s:o}", "ok", 0, "errors", conf_complaints_json(all));
        if (json_array_size(json_object_get(o, "errors")) == 0)
            json_array_append_new(json_object_get(o, "errors"), json_pack("{s:s, s:s}", "text", fault->text, "hint", fault->hint));
        (void)cli_put_json(c, o);
        json_decref(o);
        return CLI_FAILED;
    }
    struct text t CLEANUP(text_done);
    text_init(&t, TABLE_MAX);
    conf_complaints_text(all, &t);
    if (t.used)
        fputs(t.s, c->err);
    else
        fprintf(c->err, "%s%s%s\n", fault->text, fault->hint[0] ? ". " : "", fault->hint);
    return CLI_FAILED;
}

static int check_policy(struct cli *c, const char *path)
{
    struct conf_complaints all CLEANUP(conf_complaints_done);
    struct fault           fault = { 0 };
    struct policy         *p = malloc(sizeof *p);
    int                    code = CLI_DONE;
    conf_complaints_init(&all);
    if (!p) {
        (void)fail(&fault, ERR_LIMIT, "no memory for a policy");
        return cli_complain(c, &fault);
    }
    if (policy_read(path, p, &all, &fault) != OK)
        code = put_complaints(c, &all, &fault);
    free(p);
    return code;
}

static void put_doubt(void *ctx, const char *text) { fprintf(((struct cli *)ctx)->err, "homeostat: warning: %s\n", text); }

/* Whoever misspells a tenant shares what was to be kept. */
static void doubt_tenants(struct cli *c, const struct daemon_conf *d)
{
    for (size_t i = 0; i < d->tenants; i++) {
        size_t t = 0;
        char   text[200];
        while (t < d->targets && strcmp(d->target[t].tenant, d->tenant[i].name) != 0)
            t++;
        (void)snprintf(text, sizeof text, "tenants.%s: no target has `tenant: %s`, so what is said there holds for none", d->tenant[i].name, d->tenant[i].name);
        if (t == d->targets)
            put_doubt(c, text);
    }
}

static bool is_among(const char *program, const char *const *names)
{
    const char *slash = strrchr(program, '/');
    for (; *names; names++)
        if (strcmp(slash ? slash + 1 : program, *names) == 0)
            return true;
    return false;
}

/* A server that a command of ours starts is ours to the service manager: it has the limits of our service, and not the rights of its own. */
static void doubt_command(struct cli *c, const struct daemon_target *t, const char *key, const struct conf_list *command)
{
    static const char *const starters[] = { "pg_ctl", "pg_ctlcluster", "postgres", "postmaster", NULL }, *const becomers[] = { "sudo", "su", "runuser", "doas", "pkexec", NULL };
    char                     text[400];
    const char              *program = command->count ? command->item[0] : "", *why = NULL;
    if (is_among(program, starters))
        why = "starts the server as a process of Homeostat's: under the unit that comes with it the server then has that unit's MemoryMax=, read-only files and no JIT";
    else if (is_among(program, becomers))
        why = "becomes nobody else under the unit that comes with Homeostat (NoNewPrivileges=)";
    if (!why)
        return;
    (void)snprintf(text, sizeof text, "targets.%s.%s: %.60s %s. Let the service manager do it, e.g. [systemctl, restart, postgresql@15-main], with a polkit rule (deploy/README.md)",
                   t->name, key, program, why);
    put_doubt(c, text);
}

/* A restart that the target allows, and the policy never: it would be waited for without a word. */
static void doubt_restarts(struct cli *c, const struct daemon_conf *d)
{
    struct fault   fault = { 0 };
    struct policy *p = malloc(sizeof *p);
    if (!p)
        return;
    policy_default(p);
    bool readable = !*d->policy->file || policy_read(d->policy->file, p, NULL, &fault) == OK;      /* if not, that is told elsewhere */
    for (size_t i = 0; i < d->targets && readable; i++) {
        const struct daemon_target *t = &d->target[i];
        char                        text[300];
        bool                        never = p->set.restart == RESTART_NEVER, bounded = p->set.restart == RESTART_WINDOW || t->restart == DAEMON_RESTART_WINDOW;
        if (t->restart == DAEMON_RESTART_NEVER || (!never && (!bounded || p->windows > 0)))
            continue;
        (void)snprintf(text, sizeof text, "targets.%s.restart: %s, so nothing is ever restarted%s", t->name,
                       never ? "the policy says `restart: { when: never }`" : "the policy has no restart.windows", *d->policy->file ? "" : "; policy.file names a policy of your own");
        put_doubt(c, text);
    }
    free(p);
}

/* What is no mistake, and surely not meant. */
static void put_doubts(struct cli *c, const struct conf *conf)
{
    size_t                           n;
    const struct sensors_group_conf *groups = conf_instances(conf, &sensor_groups_section, &n);
    struct daemon_conf               d = daemon_conf_of(conf);
    (void)grouping_doubts(groups, n, put_doubt, c);
    doubt_tenants(c, &d);
    for (size_t i = 0; i < d.targets; i++) {
        doubt_command(c, &d.target[i], "restart_command", &d.target[i].restart_command);
        doubt_command(c, &d.target[i], "start_command", &d.target[i].start_command);
    }
    doubt_restarts(c, &d);
}

/* The configuration, and the files that it names: what `run` would refuse is refused here. */
int cmd_config_check(struct cli *c)
{
    struct conf *conf = NULL;
    struct fault fault = { 0 };
    int          code = CLI_DONE;
    if (conf_load(conf_path_of(c), program_sections, program_sections_count, &conf, NULL, &fault) == OK) {
        struct daemon_conf   d = daemon_conf_of(conf);
        struct template_set *templates = NULL;
        if (*d.policy->file)
            code = check_policy(c, d.policy->file);
        if (code == CLI_DONE && *d.runbooks->folder && templates_load(d.runbooks->folder, &templates, &fault) != OK) {
            struct conf_complaints none CLEANUP(conf_complaints_done);
            conf_complaints_init(&none);
            code = put_complaints(c, &none, &fault);
        }
        put_doubts(c, conf);
        templates_free(templates);
        conf_free(conf);
    }
    return code != CLI_DONE ? code : conf_command_check(conf_path_of(c), program_sections, program_sections_count, c->o.json, c->out, c->err);
}

int cmd_config_print(struct cli *c)
{
    return conf_command_print(conf_path_of(c), program_sections, program_sections_count, c->o.json, c->out, c->err);
}

int cmd_config_docs(struct cli *c)
{
    return conf_command_docs(c->o.json ? "json" : c->o.form, program_sections, program_sections_count, c->out, c->err);
}

/* ---- rules ---- */

static void put_case_rules(FILE *out)
{
    fputs("How a case moves; timelines quote the numbers.\n\n", out);
    for (size_t i = 0; i < case_rules_count; i++) {
        const struct case_rule *r = &case_rules[i];
        fprintf(out, "%4d  %-9s %-16s -> %-9s  %s%s\n", r->number, case_state_name(r->from), case_event_name(r->on), case_state_name(r->to), r->why,
                r->when ? " (guarded)" : "");
    }
    fputs("\nHow the approved plan is carried out and put back, inside EXECUTING and VERIFYING.\n\n", out);
    for (size_t i = 0; i < run_rules_count; i++) {
        const struct run_rule *r = &run_rules[i];
        fprintf(out, "%4d  %-13s %-13s -> %-13s  %s%s%s\n", r->number, run_phase_name(r->from), run_input_name(r->on), run_phase_name(r->to), r->why,
                r->event != ON_NOTHING ? "; then " : "", r->event != ON_NOTHING ? case_event_name(r->event) : "");
    }
}

int cmd_rules(struct cli *c)
{
    if (c->o.mermaid) {
        case_rules_mermaid(c->out);
        return CLI_DONE;
    }
    if (c->o.json) {
        json_t *all = case_rules_json();
        json_object_set_new(all, "gate", gate_rules_json());
        (void)cli_put_json(c, all);
        json_decref(all);
        return CLI_DONE;
    }
    struct text t CLEANUP(text_done);
    text_init(&t, TABLE_MAX);
    put_case_rules(c->out);
    gate_rules_print(&t);
    fprintf(c->out, "\n%s", t.s);
    return CLI_DONE;
}

/* ---- knobs ---- */

static json_t *knobs_json(void)
{
    json_t *list = json_array();
    for (int i = KNOB_NONE + 1; i < KNOB_COUNT; i++) {
        const struct knob *k = knob_at((enum knob_id)i);
        json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s, s:b, s:s, s:s, s:b, s:s?, s:s}", "number", (int)k->id, "name", k->name, "type", knob_type_name(k->type),
                                              "unit", k->unit, "restart", k->restart, "step", knob_rule_name(k->rule), "verified", verify_class_name(k->verify),
                                              "proposed", (k->flags & KNOB_TUNED) != 0, "needs", k->needs, "why", k->why));
    }
    return list;
}

int cmd_knobs(struct cli *c)
{
    if (c->o.json) {
        json_t *list = knobs_json();
        (void)cli_put_json(c, list);
        json_decref(list);
        return CLI_DONE;
    }
    struct text t CLEANUP(text_done);
    text_init(&t, TABLE_MAX);
    knob_docs(NULL, &t);
    fputs(t.s, c->out);
    return CLI_DONE;
}

/* ---- policy ---- */

/* The file that is meant: the word, --policy, or what the configuration names; "" is the policy that is built in. */
static enum err policy_path(struct cli *c, char *path, size_t size, struct fault *fault)
{
    const char  *said = c->o.words > 0 ? c->o.word[0] : c->o.policy;
    struct conf *conf = NULL;
    if (*said)
        return text_copy(path, size, said) ? OK : fail(fault, ERR_INPUT, "the path is too long");
    if (!where_is_configured(&c->o))       /* what is built in is what there is */
        return OK;
    enum err e = conf_load(where_config(&c->o), program_sections, program_sections_count, &conf, NULL, fault);
    if (e != OK) {
        if (!fault->hint[0])
            fail_hint(fault, "or name the policy: homeostat policy check FILE");
        return e;
    }
    (void)text_copy(path, size, daemon_conf_of(conf).policy->file);
    conf_free(conf);
    return OK;
}

static int with_policy(struct cli *c, bool print)
{
    struct conf_complaints all CLEANUP(conf_complaints_done);
    struct text            t CLEANUP(text_done);
    struct fault           fault = { 0 };
    char                   path[1024] = "";
    int                    code = CLI_DONE;
    conf_complaints_init(&all);
    text_init(&t, TABLE_MAX);
    if (policy_path(c, path, sizeof path, &fault) != OK)
        return cli_complain(c, &fault);
    struct policy *p = malloc(sizeof *p);
    if (!p) {
        (void)fail(&fault, ERR_LIMIT, "no memory for a policy");
        return cli_complain(c, &fault);
    }
    policy_default(p);
    if (*path && policy_read(path, p, &all, &fault) != OK) {
        code = put_complaints(c, &all, &fault);
    } else {
        policy_print(p, &t);
        json_t *o = json_pack("{s:b, s:s, s:s, s:s}", "ok", 1, "file", path, "version", p->version, "yaml", t.s);
        if (!cli_put_json(c, o)) {
            if (print)
                fputs(t.s, c->out);
            else
                fprintf(c->out, "%s: ok, version %.12s\n", *path ? path : "the policy that is built in", p->version);
        }
        json_decref(o);
    }
    free(p);
    return code;
}

int cmd_policy_check(struct cli *c) { return with_policy(c, false); }
int cmd_policy_print(struct cli *c) { return with_policy(c, true); }
