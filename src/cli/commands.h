/*
 * cli/commands.h - the functions behind the rows of cli/commands.c. Each answers the exit code (cli/cli.h).
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

typedef int cli_function(struct cli *c);

/* daemon.c */
cli_function cmd_daemon, cmd_map;
/* tables.c: what can be said without anybody being asked */
cli_function cmd_config_check, cmd_config_print, cmd_config_docs, cmd_rules, cmd_knobs, cmd_policy_check, cmd_policy_print;
/* init.c, token.c */
cli_function cmd_init, cmd_token_new;
/* cases.c */
cli_function cmd_case_ls, cmd_case_show, cmd_case_timeline, cmd_case_file, cmd_case_open, cmd_case_comment, cmd_case_start, cmd_case_cancel,
    cmd_case_resume, cmd_case_give_up, cmd_case_event, cmd_case_approve, cmd_case_reject;
/* work.c: the stations of a case */
cli_function cmd_plan, cmd_gate, cmd_exec, cmd_verify;
/* look.c */
cli_function cmd_status, cmd_target_ls, cmd_target_show, cmd_target_mode, cmd_series, cmd_metric, cmd_outcomes, cmd_budget, cmd_metrics, cmd_whoami, cmd_stop,
    cmd_reload, cmd_policy_show;
/* knowledge.c: what databases learn from each other */
cli_function cmd_knowledge_list, cmd_knowledge_export, cmd_knowledge_import;
/* telemetry.c: what came in */
cli_function cmd_ingest, cmd_ingest_mock, cmd_backfill, cmd_look_trace, cmd_look_services, cmd_look_downstreams, cmd_look_metrics, cmd_look_patterns, cmd_look_jobs, cmd_look_tables;
/* event.c: what happened, and its evidence */
cli_function cmd_look_events, cmd_look_event, cmd_event_post;
/* deadletter.c */
cli_function cmd_deadletter_ls, cmd_deadletter_show, cmd_deadletter_replay, cmd_deadletter_forget;
/* journal.c */
cli_function cmd_journal_ls, cmd_journal_cat, cmd_journal_verify, cmd_journal_replay, cmd_journal_forget;
/* diagnose.c */
cli_function cmd_diagnose;
/* sensors.c, top.c: this machine, without a daemon */
cli_function cmd_sensors, cmd_top;
/* events.c, explain.c, api.c */
cli_function cmd_events, cmd_explain, cmd_api;

#endif
