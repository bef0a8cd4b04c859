#!/usr/bin/python3
"""bench/tune_oltp.py - TPC-C on a small cloud machine: how far does Homeostat bring it, with restarts and without?

    tune_oltp.py [--budget SECONDS] [--plan] [--folder F] [--arm allowed|never|both] [--trials 45] ...

Two campaigns from the default configuration, each with a memory of its own: one may restart the server, one only reloads.  Then the
default, the rule of thumb, what a person set by hand, and what each campaign ended with are measured in turn: every measurement
begins with the same copy of the data, has a CHECKPOINT inside its windows, and the order is turned round from round to round.  Where
the campaign with restarts had another configuration after trial 30, that one is measured as well: what was won by then is not
estimated, it is measured.

Customers and items are drawn all alike, as by the driver that the bars were measured with: TPC-C's own preferences leave a default
configuration less to wait for.  p99 is held against its bar at saturation, where the bar comes from; in the open loop, at a rate that
the default can serve, it is printed.
What it leaves in its folder: report.txt, report.json, convergence.svg, convergence.csv, and the journals with a line for each trial.
"""
import math
import statistics
import sys

from tune_arms import Arms, compare, errors, lines_of, lower_bound, ratios, settings
from tune_report import convergence, shown, table, write_report
from tune_run import Stage, at_least_one, conduct, parser
from tune_site import LIFETIME_S, RESTORE_S
from rig.measure import CLOSED_S, CRASH_S, OPEN_S, WARM_S, measure_round, recovery_time      # tune_run has put it within reach
from rig.report import geometric

TRIALS, EARLY = 45, 30      # by the early one nearly everything should be won
ROUNDS, WAREHOUSES = 3, 12  # what the bars are for
# What a person arrived at on this profile; the bars come from what it was worth there and then, so it is measured beside the rest.
BY_HAND = {"shared_buffers": "614MB", "max_wal_size": "4GB", "wal_compression": "lz4", "checkpoint_timeout": "5min", "bgwriter_lru_maxpages": "1000", "bgwriter_delay": "10ms",
           "random_page_cost": "1.1", "effective_io_concurrency": "200", "jit": "off"}
RECOVERY_S = 2 * RESTORE_S + CRASH_S + 60


class Oltp(Arms):
    name = "tune-oltp"
    trial_s = {"allowed": 480, "never": 420}      # until a run's own trials tell better
    one_s = 2 * (RESTORE_S + WARM_S) + CLOSED_S + OPEN_S + 10

    def __init__(self, run, o):
        self.fill, self.fill_s = ("--warehouses", o.warehouses), 15 * o.warehouses + 60
        self.sessions = o.clients
        self.load = ("--clients", o.clients, "--draw", o.draw, "--duration", 0, "--lifetime", LIFETIME_S)
        super().__init__(run, o, ["allowed", "never"] if o.arm == "both" else [o.arm])
        self.recovery = run.journal("recovery")
        self.rate = next((row["rate"] for row in self.rounds.rows if row["name"] == "default"), None)

    def stages(self):
        return [*super().stages(), Stage("crash recovery of each", lambda: RECOVERY_S * (len(self.confs()) - len(self.recovery.rows)), self.crash)]

    def complete(self):
        return super().complete() and len(self.recovery.rows) == len(self.confs())

    def confs(self):
        confs = {**super().confs(), "hand": lines_of(BY_HAND)}
        early = self.early()
        if early is not None and early != settings(confs["tuned"]):
            confs["early"] = lines_of(early)
        return confs

    def early(self):
        """What was in force after trial EARLY of the campaign with restarts; None: it had ended by then."""
        rows = self.trials("allowed").rows if "allowed" in self.arms else []
        return rows[EARLY - 1]["in_force"] if len(rows) > EARLY else None

    def measure_one(self, conf):
        row = measure_round(self.site.cluster, self.site.limits, conf, self.o.clients, self.rate, "--draw", self.o.draw)
        self.rate = self.rate or row["rate"]       # the first is a default
        return row

    def crash(self, budget):
        confs = self.confs()
        compare(self.recovery, list(confs), 1, lambda name: {"recovery_s": recovery_time(self.site.cluster, self.site.limits, confs[name], self.o.clients, "--draw", self.o.draw)}, RECOVERY_S, budget)

    # ---- what it came to ----

    def summary(self):
        recovery, rows, of = {row["name"]: row["recovery_s"] for row in self.recovery.rows}, self.rounds.rows, {}
        for name in self.confs():
            middle = {key: median(row[key] for row in rows if row["name"] == name) for key in ("tps", "closed_p99_ms", "p99_ms", "cpu")}
            by = {key: ratios(rows, name, key) for key in ("tps", "closed_p99_ms", "p99_ms")}
            of[name] = {**middle, "recovery_s": recovery[name], "tps_at_least": lower_bound(by["tps"]), "errors": errors(rows, name), **{key + "_ratio": geometric(r) for key, r in by.items()}}
        return of

    def share_early(self, of):
        """How much of the final gain the configuration of trial EARLY has; 1 when it is the final one."""
        if "early" not in of:
            return 1.0
        final, early = of["tuned"]["tps_ratio"], of["early"]["tps_ratio"]
        return math.nan if not final > 1 else math.log(early) / math.log(final) if early else -math.inf

    def judge(self, of, facts):
        """(value, words, ok)"""
        value, words, ok = math.nan, [], facts["limited"] and not facts["touched"] and self.whole(TRIALS) and len(self.arms) == 2 and self.o.rounds >= ROUNDS and self.o.warehouses >= WAREHOUSES
        if "tuned" in of:
            tuned, share, most = of["tuned"], self.share_early(of), of["default"]["recovery_s"] + 60
            value = tuned["tps_ratio"]
            words += [f"p99 x{tuned['closed_p99_ms_ratio']:.2f} of <= 0.5, in the open loop x{tuned['p99_ms_ratio']:.2f}", f"crash recovery {tuned['recovery_s']:.1f} s of <= {most:.1f} s",
                      f"{100 * share:.0f} % of the gain by trial {EARLY} of >= 95 %"]
            ok = ok and value >= 2 and tuned["closed_p99_ms_ratio"] <= 0.5 and tuned["recovery_s"] <= most and share >= 0.95
        if "reload" in of:
            # Nothing kept is nothing changed, and needs no measurement to be no worse.
            least = of["reload"]["tps_at_least"] if facts["settings"]["reload"] else 1.0
            words.append(f"reload only x{of['reload']['tps_ratio']:.2f}, at least x{least:.2f} of >= 1")
            ok = ok and least >= 1
        for name in (self.ARM_NAMES[arm] for arm in self.arms):
            words.append(f"{name}: {of[name]['errors']} errors of <= {of['default']['errors']}")
            ok = ok and of[name]["errors"] <= of["default"]["errors"]
        return value, [*words, f"rule of thumb x{of['thumb']['tps_ratio']:.2f}", f"by hand x{of['hand']['tps_ratio']:.2f} and p99 x{of['hand']['closed_p99_ms_ratio']:.2f}",
                       f"{self.o.rounds} rounds of {ROUNDS}, {self.o.warehouses} warehouses of {WAREHOUSES}"], ok

    def report(self):
        of = self.summary()
        facts, more = self.account()
        value, words, ok = self.judge(of, facts)
        text = table(["", "TPS", "ratio", "at least", "p99 ms", "ratio", "open p99 ms", "ratio", "CPU %", "recovery s", "errors"],
                     [[name, *(shown(s[k], d) for k, d in (("tps", 1), ("tps_ratio", 2), ("tps_at_least", 2), ("closed_p99_ms", 0), ("closed_p99_ms_ratio", 2), ("p99_ms", 0), ("p99_ms_ratio", 2))),
                       shown(s["cpu"] * 100, 0), shown(s["recovery_s"], 1), str(s["errors"])] for name, s in of.items()])
        convergence(self.run, {arm: self.trials(arm).rows for arm in self.arms})
        write_report(self.run, text, {**facts, "configurations": of})
        return f"tune-oltp {value:.2f} x-default-tps (bar >= 2; {'; '.join([*words, *more])}) {'ok' if ok else 'short'}", ok


def median(values):
    known = [v for v in values if v is not None]
    return statistics.median(known) if known else math.nan


def main():
    p = parser(__doc__, "tune-oltp")
    p.add_argument("--arm", choices=("both", "allowed", "never"), default="both", help="restarts: which campaign; one alone is never ok")
    p.add_argument("--trials", type=at_least_one, default=TRIALS, help=f"of each campaign; it may end earlier by itself ({TRIALS}; fewer are never ok)")
    p.add_argument("--per-round", type=at_least_one, default=15, help="trials until the data are taken from the copy again (15)")
    p.add_argument("--rounds", type=at_least_one, default=ROUNDS, help=f"of measuring all configurations in turn ({ROUNDS}; fewer are never ok)")
    p.add_argument("--warehouses", type=at_least_one, default=WAREHOUSES, help=f"{WAREHOUSES}; fewer are never ok")
    p.add_argument("--clients", type=at_least_one, default=8)
    p.add_argument("--draw", choices=("uniform", "nurand"), default="uniform", help="of customers and items: all alike, as under the load that the bars were measured with, or as TPC-C says (uniform)")
    p.add_argument("--window", type=at_least_one, default=30, help="seconds of one of Homeostat's windows (30)")
    p.add_argument("--windows", type=at_least_one, default=10, help="windows of each configuration in a trial, at most (10)")
    return conduct("tune-oltp", p.parse_args(), Oltp)


if __name__ == "__main__":
    sys.exit(main())
