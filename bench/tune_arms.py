"""Campaigns whose outcomes are compared: the stages that tune_oltp.py and tune_olap.py have in common, and the arithmetic of rounds."""
import json
import math

from tune_run import Stage, say
from rig.cluster import Cluster     # tune_run has put it within reach
from tune_site import DURABILITY, RESTORE_S, Live, Site, expected_s, run_trials, told

# ---- comparing ------------------------------------------------------------------------------------------------------


def interleaved(names, rounds):
    """[(round, name)]: each round all of them, and every other round the other way round."""
    return [(i, name) for i in range(rounds) for name in (names if i % 2 == 0 else names[::-1])]


def compare(journal, names, rounds, measure, one_s, budget):
    """measure(name) -> a row, for every round and name that the journal does not have yet."""
    have = {(row["round"], row["name"]) for row in journal.rows}
    for i, name in interleaved(names, rounds):
        if (i, name) in have:
            continue
        budget.take(one_s, f"round {i + 1}, {name},")
        say(f"round {i + 1} of {rounds}: {name}")
        journal.append({"round": i, "name": name, **measure(name)})
        say(json.dumps({k: v for k, v in journal.rows[-1].items() if not isinstance(v, dict)}))


def ratios(rows, name, key, base="default"):
    """Of each round that has both. Whoever did nothing has 0 and not no ratio; beside a base that did nothing there is none that holds a bar: NAN."""
    of = {(row["round"], row["name"]): row.get(key) for row in rows}
    pairs = [(of[r, n], of.get((r, base))) for r, n in of if n == name]
    return [a / b if b else math.nan for a, b in pairs if a is not None and b is not None]


def errors(rows, name):
    """In all rounds."""
    return sum(row["errors"] for row in rows if row["name"] == name)


# One-sided 95 % points of Student's t, by degrees of freedom.
T95 = {1: 6.314, 2: 2.920, 3: 2.353, 4: 2.132, 5: 2.015, 6: 1.943, 7: 1.895, 8: 1.860, 9: 1.833}


def lower_bound(values):
    """What the ratio is at least, with 95 % certainty; NAN of fewer than two."""
    n = len(values)
    if n < 2:
        return math.nan
    if not all(values):
        return 0.0
    logs = [math.log(v) for v in values]
    mean = sum(logs) / n
    deviation = math.sqrt(sum((x - mean) ** 2 for x in logs) / (n - 1))
    return math.exp(mean - T95.get(n - 1, 1.812) * deviation / math.sqrt(n))


def touched(rows):
    """What of durability differs from the default in any measurement: ["tuned: fsync on -> off", ...]"""
    default = next((row["durability"] for row in rows if row["name"] == "default"), {})
    return sorted({f"{row['name']}: {k} {default.get(k)} -> {v}" for row in rows for k, v in row["durability"].items() if v != default.get(k)})


def reached_for(arm, rows):
    """What of durability was changed in a trial, kept or not: ["trial 3 of allowed: fsync", ...]"""
    return [f"trial {row['trial']} of {arm}: {c['name']}" for row in rows for c in row["changes"] if c["name"] in DURABILITY]


def settings(conf):
    return Cluster.settings_in(conf)


def lines_of(settings_):
    return "".join(f"{k} = '{v}'\n" for k, v in settings_.items())


# ---- campaigns and their comparison ------------------------------------------------------------------------------------


class Arms:
    """The stages of a bench that tunes from the default configuration, once for each arm, and then compares.

    What a bench adds: name, fill, load and sessions (for homeostat-load, and as many as it opens), fill_s, trial_s by arm, one_s (a measurement), measure_one(conf) -> a row.
    """
    ARM_NAMES = {"allowed": "tuned", "never": "reload"}

    def __init__(self, run, o, arms):
        self.run, self.o, self.arms = run, o, arms
        self.site = Site(run, self.name, o.profile, self.fill)
        self.rounds = run.journal("rounds")

    def stages(self):
        return [Stage("load " + " ".join(map(str, self.fill)) + " and copy the data", lambda: 0 if self.site.prepared() or self.complete() else self.fill_s, lambda budget: self.prepare(budget)),
                Stage("ask for the rule of thumb", lambda: 0 if "thumb" in self.run.state else RESTORE_S + 10, self.ask_thumb),
                *[Stage(f"{self.o.trials} trials, restarts {arm}", lambda arm=arm: self.trials_left_s(arm), lambda budget, arm=arm: self.campaign(arm, budget)) for arm in self.arms],
                Stage(f"{self.o.rounds} rounds of all configurations in turn", lambda: self.one_s * (self.o.rounds * len(self.confs()) - len(self.rounds.rows)), self.measure)]

    def complete(self):
        """Nothing needs the server any more."""
        return all(self.ended(arm) for arm in self.arms) and len(self.rounds.rows) == self.o.rounds * len(self.confs())

    def prepare(self, budget):
        budget.take(self.fill_s, "loading")
        self.site.prepare()

    def ask_thumb(self, budget):
        budget.take(RESTORE_S, "asking for the rule of thumb")
        self.run.put(thumb=self.site.rule_of_thumb(self.sessions))

    def trials(self, arm):
        return self.run.journal("trials-" + arm)

    def ended(self, arm):
        return "ended-" + arm in self.run.state

    def trials_left_s(self, arm):
        if self.ended(arm):
            return 0
        left = self.o.trials - len(self.trials(arm).rows)
        return max(1, left * expected_s(self.trials(arm), self.trial_s[arm]) + math.ceil(left / self.o.per_round) * self.live(arm).opening_s)

    def live(self, arm):
        return Live(self.site, arm, self.load, self.o.window, self.o.windows, self.trial_s[arm], self.trials(arm))

    def campaign(self, arm, budget):
        rows, live = self.trials(arm).rows, self.live(arm)
        # Killed between the last trial and the campaign's end; or the server's folder has gone, and with it what was being tried: only what was proven goes on.
        if len(rows) >= self.o.trials or not live.remember():
            self.run.write(arm + ".conf", lines_of(rows[-1]["in_force"] if rows else {}))
            self.run.put(in_data=None)
        why = run_trials(self.trials(arm), self.o.trials, live, self.o.per_round, budget)
        self.run.put(in_data=None, **{"ended-" + arm: why})
        if why:
            say(f"{arm}: ended by itself after {len(rows)} trials: {why}")

    def confs(self):
        """{name: lines of the configuration}. Where a campaign kept nothing, the default is measured twice, and shows what noise does."""
        return {"default": "", "thumb": self.run.state.get("thumb", ""), **{self.ARM_NAMES[arm]: self.run.read(arm + ".conf") for arm in self.arms}}

    def measure(self, budget):
        confs = self.confs()
        compare(self.rounds, list(confs), self.o.rounds, lambda name: {**self.measure_one(confs[name]), "durability": self.site.durability()}, self.one_s, budget)

    def whole(self, trials):
        """Did every campaign have so many trials, or end by itself after it had tried something?"""
        return all(len(self.trials(arm).rows) >= (1 if self.run.state["ended-" + arm] else trials) for arm in self.arms)

    def account(self):
        """What every report of campaigns tells: (facts for report.json, words for the last line)."""
        rows = {arm: self.trials(arm).rows for arm in self.arms}
        reached = [text for arm, r in rows.items() for text in reached_for(arm, r)]
        facts = {"where": self.run.state["where"], "built": self.run.state["built"], "limited": self.run.state["limited"], "touched": touched(self.rounds.rows) + reached,
                 "settings": {n: settings(c) for n, c in self.confs().items()},
                 "trials": {arm: len(r) for arm, r in rows.items()}, "degraded_s": {arm: sum(t["degraded_s"] for t in r) for arm, r in rows.items()},
                 "restarts": {arm: sum(t["restarts"] for t in r) for arm, r in rows.items()}, "ended": {arm: self.run.state["ended-" + arm] or "all trials done" for arm in self.arms}}
        words = ["; ".join(f"{arm}: {facts['trials'][arm]} trials, degraded {facts['degraded_s'][arm]:.0f} s, {facts['restarts'][arm]} restarts" for arm in self.arms),
                 "durability " + (", ".join(facts["touched"]) or "untouched"), *told(self.run.state)]
        return facts, words
