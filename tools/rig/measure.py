"""Rounds of measurement: closed loop for throughput, open loop for latency, a kill for recovery, the 22 queries for reports."""
import json
import os
import time

WARM_S = int(os.environ.get("DEMO_WARM_S", 30))
CLOSED_S = int(os.environ.get("DEMO_CLOSED_S", 100))
OPEN_S = int(os.environ.get("DEMO_OPEN_S", 60))
CRASH_S = int(os.environ.get("DEMO_CRASH_S", 60))
OPEN_SHARE = 0.6        # of the default's throughput is what arrives in the open loop


def quantile(before, after, q):
    """The q-quantile in ms of what was counted between two readings of cumulative buckets."""
    old = {upper: n for upper, n in before["buckets"]}
    new = [(upper, n - old.get(upper, 0)) for upper, n in sorted(after["buckets"])]
    total = sum(n for _, n in new)
    left = q * total
    for upper, n in new:
        left -= n
        if left <= 0 and n:
            return upper / 1000
    return None


class Stretch:
    """What a load did between two moments: transactions a second, their p99, and how busy the machine was."""

    def __init__(self, load):
        self.load, self.before, self.began, self.cpu = load, load.counters(), time.monotonic(), self.ticks()

    @staticmethod
    def ticks():
        """(at work, all) of the machine's processors; waiting for a disk is not work."""
        with open("/proc/stat", encoding="ascii") as f:
            user, nice, system, idle, iowait, irq, softirq, steal = map(int, f.readline().split()[1:9])
        work = user + nice + system + irq + softirq + steal
        return work, work + idle + iowait

    def end(self):
        after, seconds, (work, all_) = self.load.counters(), time.monotonic() - self.began, self.ticks()
        return {"tps": (after["transactions"] - self.before["transactions"]) / seconds, "p99_ms": quantile(self.before, after, 0.99),
                "errors": after["errors"] - self.before["errors"], "cpu": (work - self.cpu[0]) / max(all_ - self.cpu[1], 1)}


def settle(cluster, limits, conf):
    """A server that has just been started with this configuration and nothing in any cache; on the copy's data when there is one."""
    cluster.stop()
    if os.path.isdir(cluster.copy):
        cluster.restore()
    cluster.put_conf(conf)
    limits.drop_cache()
    cluster.start()


def under_load(cluster, seconds, *what):
    """A Stretch of these seconds after the warm-up, with one CHECKPOINT inside."""
    load = cluster.start_load(cluster.folder + "/bin/homeostat-load", *what, "--duration", 0)
    try:
        time.sleep(WARM_S)
        stretch = Stretch(load)
        time.sleep(seconds / 3)
        cluster.sql("checkpoint")
        time.sleep(max(0, seconds - (time.monotonic() - stretch.began)))
        return stretch.end()
    finally:
        load.stop()


def measure_round(cluster, limits, conf, clients, rate, *how):
    """TPS of CLOSED_S seconds with one CHECKPOINT inside, then p99 at a given rate; rate None: OPEN_SHARE of this very TPS. how: more words for the load."""
    settle(cluster, limits, conf)
    closed = under_load(cluster, CLOSED_S, "--clients", clients, *how)
    rate = rate or OPEN_SHARE * closed["tps"]
    # From the same start again: what a saturated minute leaves to be written is the more the faster it was, and not this load's.
    settle(cluster, limits, conf)
    opened = under_load(cluster, OPEN_S, "--clients", clients, "--rate", f"{rate:.3f}", *how)
    return {"tps": closed["tps"], "closed_p99_ms": closed["p99_ms"], "cpu": closed["cpu"], "errors": closed["errors"] + opened["errors"], "rate": rate, "p99_ms": opened["p99_ms"]}


def measure_queries(cluster, limits, conf, seed):
    """The 22 queries of TPC-H, once: the seconds of each, their sum, and the digest of all answers."""
    settle(cluster, limits, conf)
    cpu = Stretch.ticks()
    done = cluster.run(cluster.folder + "/bin/homeostat-load", "run", "--bench", "tpch", "--test", "power", "--dsn", cluster.dsn(), "--seed", str(seed), "--json",
                       inside=True, check=False, env=cluster.environment())
    after = Stretch.ticks()
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines or not lines[-1].get("complete"):
        raise OSError("the 22 queries were not all answered: " + done.stdout[-300:])
    return {"total_s": lines[-1]["total_s"], "geometric_mean_s": lines[-1]["geometric_mean_s"], "digest": lines[-1]["digest"],
            "query_s": {str(o["query"]): o["seconds"] for o in lines if o.get("type") == "query"}, "cpu": (after[0] - cpu[0]) / max(after[1] - cpu[1], 1)}


def recovery_time(cluster, limits, conf, clients, *how):
    """Seconds until connections are accepted again after a kill under load. how: more words for it."""
    settle(cluster, limits, conf)
    cluster.sql("checkpoint")
    load = cluster.start_load(cluster.folder + "/bin/homeostat-load", "--clients", clients, *how, "--duration", 0)
    try:
        time.sleep(CRASH_S)
        cluster.stop("immediate")
    finally:
        load.stop()
    limits.drop_cache()
    began = time.monotonic()
    cluster.start()
    return time.monotonic() - began
