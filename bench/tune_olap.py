#!/usr/bin/python3
"""bench/tune_olap.py - TPC-H on a small cloud machine: what do the 22 queries take by default, by the rule of thumb, and tuned?

    tune_olap.py [--budget SECONDS] [--plan] [--folder F] [--scale 1] [--trials 12] ...

One campaign under the endless loop of queries, which may restart the server.  Then the 22 queries, with the same parameters for all,
are asked once in each round by a server that was just started on the copy of the data; the order of the configurations is turned round
from round to round.  The answers of all must have the same digest.
"""
import math
import sys

from tune_arms import Arms, ratios
from tune_report import convergence, shown, table, write_report
from tune_run import at_least_one, conduct, parser, positive
from tune_site import RESTORE_S
from rig.measure import measure_queries      # tune_run has put it within reach
from rig.report import geometric

TRIALS, ROUNDS = 12, 4      # what the bar is for
QUERIES_S = 200         # the 22 queries at scale factor 1 in the profile, until a run's own rounds tell better
SEED = 7


class Olap(Arms):
    name = "tune-olap"

    def __init__(self, run, o):
        self.fill, self.fill_s = ("--bench", "tpch", "--scale", o.scale), 60 + 300 * o.scale
        self.sessions = o.streams
        self.load = ("--bench", "tpch", "--test", "loop", "--streams", o.streams, "--duration", 0)
        self.trial_s = {"allowed": 9 * o.window + 120}
        super().__init__(run, o, ["allowed"])
        known = [row["total_s"] for row in self.rounds.rows]
        self.one_s = RESTORE_S + (sum(known) / len(known) if known else QUERIES_S * max(o.scale, 0.05))

    def measure_one(self, conf):
        return measure_queries(self.site.cluster, self.site.limits, conf, SEED)

    # ---- what it came to ----

    def summary(self):
        of, rows = {}, self.rounds.rows
        for name in self.confs():
            own = [row for row in rows if row["name"] == name]
            of[name] = {"total_s": geometric([row["total_s"] for row in own]), "total_ratio": geometric(ratios(rows, name, "total_s")),
                        "geometric_mean_ratio": geometric(ratios(rows, name, "geometric_mean_s")), "cpu": sum(row["cpu"] for row in own) / len(own),
                        "query_s": {q: geometric([row["query_s"][q] for row in own]) for q in own[0]["query_s"]}}
        return of

    def report(self):
        of = self.summary()
        facts, more = self.account()
        digests, kept = {row["digest"] for row in self.rounds.rows}, bool(facts["settings"]["tuned"])
        ratio, thumb = of["tuned"]["total_ratio"] if kept else 1.0, of["thumb"]["total_ratio"]     # nothing kept is nothing changed
        ok = facts["limited"] and not facts["touched"] and len(digests) == 1 and self.o.scale >= 1 and self.whole(TRIALS) and self.o.rounds >= ROUNDS and ratio <= 1
        text = table(["", "total s", "ratio", "geometric ratio", "CPU %"], [[name, shown(s["total_s"], 1), shown(s["total_ratio"], 2), shown(s["geometric_mean_ratio"], 2), shown(100 * s["cpu"], 0)]
                                                                             for name, s in of.items()])
        text += "\n\n" + table(["query", *of], [[f"Q{q}", *(shown(s["query_s"].get(q, math.nan), 2) for s in of.values())] for q in sorted(of["default"]["query_s"], key=int)])
        convergence(self.run, {"allowed": self.trials("allowed").rows})
        write_report(self.run, text, {**facts, "configurations": of, "digests": sorted(digests)})
        words = [f"{self.o.rounds} rounds of {ROUNDS}, {of['default']['total_s']:.1f} s -> {of['tuned']['total_s']:.1f} s" + ("" if kept else ", nothing was kept"), f"rule of thumb x{thumb:.2f}",
                 f"scale factor {self.o.scale:g} of 1", "all answers the same" if len(digests) == 1 else f"{len(digests)} DIFFERENT digests", *more]
        return f"tune-olap {ratio:.2f} x-default-time (bar <= 1; {'; '.join(words)}) {'ok' if ok else 'short'}", ok


def main():
    p = parser(__doc__, "tune-olap")
    p.add_argument("--scale", type=positive, default=1, help="scale factor (1; a smaller one is never ok)")
    p.add_argument("--streams", type=at_least_one, default=1, help="connections that ask queries while it is tuned (1)")
    p.add_argument("--trials", type=at_least_one, default=TRIALS, help=f"the campaign may end earlier by itself ({TRIALS}; fewer are never ok)")
    p.add_argument("--per-round", type=at_least_one, default=12, help="trials until the data are taken from the copy again; queries write nothing (12)")
    p.add_argument("--rounds", type=at_least_one, default=ROUNDS, help=f"of measuring all configurations in turn ({ROUNDS}; fewer are never ok)")
    p.add_argument("--window", type=at_least_one, default=120, help="seconds of one of Homeostat's windows: many queries must fit in (120)")
    p.add_argument("--windows", type=at_least_one, default=6, help="windows of each configuration in a trial, at most (6)")
    return conduct("tune-olap", p.parse_args(), Olap)


if __name__ == "__main__":
    sys.exit(main())
