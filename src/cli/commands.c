/*
 * cli/commands.c - every subcommand, one row each.
 *
 * The last column says which parts of the API a row makes reachable; a test
 * compares it with the engine's commands and the routes of the web.
 */
#include "cli/commands.h"

#define HERE   " config output json "
#define ASK    " config url token-file ca-file timeout retry output json "
#define CHANGE ASK "key if-version as why "

const struct cli_command cli_commands[] = {
    { "run",            "",             0, 0, " config ", cmd_daemon, "Run Homeostat: watch the targets, serve the API and the dashboard, act as far as each target's mode allows.", "" },
    { "status",         "",             0, 0, ASK, cmd_status, "Is it alive and ready, what is watched, which cases are open, what is stopped.", "GET:/livez GET:/readyz GET:/target GET:/case GET:/stop" },
    { "init",           "",             0, 0, " dsn passfile name out force output json ", cmd_init, "Look at a database of yours and write a commented configuration that only watches it.", "" },

    { "case ls",        "",             0, 0, ASK "state target tenant since limit all ", cmd_case_ls, "List cases, newest first.", "GET:/case" },
    { "case show",      "CASE",         1, 1, ASK, cmd_case_show, "Show one case as it is now.", "GET:/case/{id}" },
    { "case timeline",  "CASE",         1, 1, ASK, cmd_case_timeline, "Show everything that happened to a case, with the rule behind each step.", "GET:/case/{id}/timeline" },
    { "case file",      "CASE",         1, 1, ASK, cmd_case_file, "Print the whole file of a case as JSON: plans, verdicts, actions, trial, outcome, evidence.", "GET:/case/{id}/file" },
    { "explain",        "CASE",         1, 1, ASK "format out force ", cmd_explain, "Tell a case in words: what was seen, planned, decided, done, what came of it, and why it did; as a report in Markdown or HTML.", "GET:/case/{id}/file GET:/case/{id}/explanation" },
    { "case open",      "[TITLE]",      0, 1, CHANGE "title target tenant driver ", cmd_case_open, "Open a case; prints its id.", "case.create" },
    { "case start",     "CASE",         1, 1, CHANGE, cmd_case_start, "Start the analysis of a new case.", "case.transition" },
    { "case approve",   "CASE",         1, 1, CHANGE, cmd_case_approve, "Approve the plan that waits at the gate, as it is now.", "case.approve GET:/case/{id}" },
    { "case reject",    "CASE",         1, 1, CHANGE, cmd_case_reject, "Reject the plan that waits at the gate.", "case.reject GET:/case/{id}" },
    { "case cancel",    "CASE",         1, 1, CHANGE, cmd_case_cancel, "Cancel a case; what was changed is put back first.", "case.transition" },
    { "case resume",    "CASE",         1, 1, CHANGE, cmd_case_resume, "Try a different plan for a parked case.", "case.transition" },
    { "case give-up",   "CASE",         1, 1, CHANGE, cmd_case_give_up, "Close a parked case, once what is in force is proven.", "case.transition" },
    { "case event",     "CASE EVENT",   2, 2, CHANGE, cmd_case_event, "Send any event to a case; homeostat rules tells what each means.", "case.transition" },
    { "case comment",   "CASE TEXT",    2, 2, CHANGE, cmd_case_comment, "Add a remark to the timeline.", "case.comment" },

    { "plan",           "CASE",         1, 1, CHANGE "template param plan ", cmd_plan, "Make a plan for a case: from a template, from a file, or by the planner.", "plan.generate" },
    { "gate",           "CASE",         1, 1, CHANGE, cmd_gate, "Ask the gate; exit status 3 when it does not approve.", "gate.eval" },
    { "exec",           "CASE",         1, 1, CHANGE "wait no-wait ", cmd_exec, "Execute the approved plan and wait for the end.", "adapter.exec GET:/case/{id}/file GET:/case/{id}" },
    { "verify",         "CASE",         1, 1, CHANGE "wait no-wait ", cmd_verify, "Verify what was executed and wait for the verdict; exit status 1 when it was put back.", "verify.run GET:/case/{id}/file GET:/case/{id}" },

    { "stop",           "",             0, 0, CHANGE "target for clear ", cmd_stop, "Stop acting, with a reason and perhaps an end; --clear ends it; alone, list what is stopped.", "stop.set stop.clear GET:/stop" },
    { "target ls",      "",             0, 0, ASK, cmd_target_ls, "List the targets as they are right now.", "GET:/target" },
    { "target show",    "TARGET",       1, 1, ASK, cmd_target_show, "Show one target: what was seen last, the server, its parameters.", "GET:/target/{id}" },
    { "target mode",    "TARGET MODE",  2, 2, CHANGE, cmd_target_mode, "Say how far Homeostat may go with a target: watch, suggest, approve or auto.", "target.mode" },
    { "diagnose postgres", "",          0, 0, ASK "target ", cmd_diagnose, "Take a careful look at a database: symptoms, indexes that could help, indexes and statistics that hurt.", "GET:/target/{id}/report GET:/target" },
    { "series",         "TARGET",       1, 1, ASK "metrics since ", cmd_series, "Show the last minutes of a target, second by second.", "GET:/target/{id}/series" },
    { "metric",         "TARGET",       1, 1, ASK "metric since to ", cmd_metric, "Show one metric of a target, minute by minute.", "GET:/target/{id}/metric" },
    { "outcomes",       "TARGET",       1, 1, ASK "limit ", cmd_outcomes, "Show what was tried with a target and what became of it.", "GET:/target/{id}/outcomes" },
    { "knowledge list", "",             0, 0, ASK "limit all ", cmd_knowledge_list, "Show what trials taught, here and elsewhere, newest first.", "GET:/knowledge" },
    { "knowledge export", "FILE",       1, 1, ASK "force ", cmd_knowledge_export, "Write what trials taught into a file for another Homeostat; tenants that do not share are left out. - is standard output.", "GET:/knowledge" },
    { "knowledge import", "FILE",       1, 1, ASK, cmd_knowledge_import, "Take in what trials elsewhere taught: all of the file or, with each bad line told by its number, nothing.", "knowledge.import" },
    { "budget",         "",             0, 0, ASK, cmd_budget, "Show what has been spent of each budget.", "GET:/budget" },
    { "events",         "",             0, 0, ASK "follow after topics case ", cmd_events, "Show what happened, and with --follow what happens.", "GET:/events" },

    { "ingest",         "",             0, 0, ASK, cmd_ingest, "How ingest stands: the journal, who reads it, the sinks.", "GET:/ingest" },
    { "ingest mock",    "FOLDER [MINUTES]", 1, 2, " output json ", cmd_ingest_mock, "Make mock minutes in a folder of their own: 5000 lines, 500 points and 1000 spans each, through a journal and a digest; tells how long it took.", "" },
    { "backfill",       "JOB FROM TO",  3, 3, ASK "tenant ", cmd_backfill, "Make the windows of a job again; what is done is overwritten without a conflict.", "POST:/events/enqueue" },
    { "look trace",     "TRACE",        1, 1, ASK "tenant limit ", cmd_look_trace, "Show the spans and logs of one trace, out of the journal.", "GET:/trace/{id}" },
    { "look services",  "",             0, 0, ASK "tenant since limit ", cmd_look_services, "Show services with their logs, calls and error rates, the most errors first.", "GET:/service" },
    { "look downstreams", "SERVICE",    1, 1, ASK "tenant since limit ", cmd_look_downstreams, "Show what a service calls, the failing first and then the slow, with what the worst say and where their raw data lies.", "GET:/downstreams GET:/service/{id}/downstreams" },
    { "look metrics",   "SERVICE [METRIC]", 1, 2, ASK "tenant since limit ", cmd_look_metrics, "Show the metrics of a service, host or database with their newest minute, or the minutes of one metric.", "GET:/service/metrics" },
    { "look patterns",  "[SERVICE]",    0, 1, ASK "tenant since limit ", cmd_look_patterns, "Show the patterns of log lines, the most errors first.", "GET:/pattern" },
    { "look jobs",      "",             0, 0, ASK "tenant limit ", cmd_look_jobs, "Show the windows that were made, and those that could not be.", "GET:/job" },
    { "look tables",    "",             0, 0, ASK "tenant limit ", cmd_look_tables, "Show the tables of rows that were registered, with their columns.", "GET:/table" },
    { "look events",    "[SERVICE]",    0, 1, ASK "tenant since limit kind ", cmd_look_events, "Show what happened, the newest first: deploys, incidents, cases.", "GET:/event" },
    { "look event",     "EVENT",        1, 1, ASK "tenant ", cmd_look_event, "Show an event with its evidence and pointers to the raw data.", "GET:/event/{id}" },
    { "event post",     "SERVICE TITLE [SUMMARY]", 2, 3, ASK "kind severity when tenant id label ", cmd_event_post, "Tell of something that happened to a service, such as a deploy; with --id the same again is the same event.", "POST:/event" },
    { "journal ls",     "",             0, 0, " config folder output json ", cmd_journal_ls, "Show the segments of the journal and how far its consumers are; also while Homeostat runs.", "" },
    { "journal cat",    "",             0, 0, " config folder from limit all body ", cmd_journal_cat, "Print records of the journal, a line of JSON each, or their bodies as they came.", "" },
    { "journal verify", "",             0, 0, " config folder output json ", cmd_journal_verify, "Read every block of the journal; exit status 1 when one is damaged.", "" },
    { "journal replay", "CONSUMER",     1, 1, ASK "folder from since ", cmd_journal_replay, "Have a consumer such as sink:lake read again from a record or a moment on; also while Homeostat runs.", "POST:/ingest/consumers/{id}/replay" },
    { "journal forget", "CONSUMER",     1, 1, ASK "folder ", cmd_journal_forget, "Forget a consumer that will not come back, so that it holds nothing any more; also while Homeostat runs.", "POST:/ingest/consumers/{id}/forget" },
    { "deadletter ls",  "[SINK]",       0, 1, " config folder from limit all output json ", cmd_deadletter_ls, "List events that a sink will never take, with the reason; also while Homeostat runs.", "" },
    { "deadletter show", "ID",          1, 1, " config folder ", cmd_deadletter_show, "Print one dead letter with its events, as JSON.", "" },
    { "deadletter replay", "SINK",      1, 1, " config folder output json ", cmd_deadletter_replay, "Send the dead letters of a sink again, by the Homeostat that runs or by the next one that does.", "" },
    { "deadletter forget", "ID",        1, 1, " config folder output json ", cmd_deadletter_forget, "Forget all dead letters up to this one, of every sink, so that their room can be used again.", "" },

    { "rules",          "",             0, 0, " mermaid output json ", cmd_rules, "Show how a case moves and what the gate asks; --mermaid draws it.", "GET:/rules" },
    { "map",            "",             0, 0, " ", cmd_map, "Show the stages of a case and who does their work.", "" },
    { "knobs",          "",             0, 0, " output json ", cmd_knobs, "Show the PostgreSQL parameters that Homeostat knows.", "" },
    { "config check",   "[FILE]",       0, 1, HERE, cmd_config_check, "Check the configuration and the files it names; every mistake with its line and column.", "" },
    { "config print",   "[FILE]",       0, 1, HERE, cmd_config_print, "Print the configuration in force, with where each value comes from.", "" },
    { "config docs",    "",             0, 0, " form json ", cmd_config_docs, "Explain every setting.", "" },
    { "policy check",   "[FILE]",       0, 1, HERE "policy ", cmd_policy_check, "Check a policy; every mistake with its line and column.", "" },
    { "policy print",   "[FILE]",       0, 1, HERE "policy ", cmd_policy_print, "Print a policy with everything it leaves out.", "" },
    { "policy show",    "",             0, 0, ASK, cmd_policy_show, "Show the policy that the running Homeostat goes by.", "GET:/policy" },

    { "top",            "",             0, 0, " config at since to every folder output json ", cmd_top, "Show one minute of this machine's history: load, processors, memory, disks, network, pressure, processes; or, with --since, a line for each minute. Needs no daemon.", "" },
    { "sensors",        "",             0, 0, " config ", cmd_sensors, "Read this machine once and print it as exposition text, under the names of node_exporter and process-exporter; with -c as that configuration wants it. Needs no daemon.", "" },

    { "token new",      "",             0, 0, HERE "name role file expires ", cmd_token_new, "Make a token for the API; it is told once.", "" },
    { "whoami",         "",             0, 0, ASK, cmd_whoami, "Whose token this is and what it may do.", "GET:/whoami" },
    { "reload",         "",             0, 0, ASK "key ", cmd_reload, "Read the configuration again, and wait until all have taken it.", "reload" },
    { "metrics",        "",             0, 0, ASK, cmd_metrics, "Print Homeostat's own metrics (Prometheus text).", "GET:/metrics" },
    { "api",            "METHOD PATH [BODY]", 2, 3, ASK "key if-version ", cmd_api, "Send any request; BODY is JSON, @FILE, or - for standard input.",
      "GET:/openapi.json GET:/openapi.yaml GET:/ GET:/assets/{id}" },
};
const size_t cli_commands_count = sizeof cli_commands / sizeof cli_commands[0];
