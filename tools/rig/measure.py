"""Rounds of measurement: closed loop for throughput, open loop for latency, a kill for recovery."""
import os
import time

WARM_S = int(os.environ.get("DEMO_WARM_S", 30))
CLOSED_S = int(os.environ.get("DEMO_CLOSED_S", 100))
OPEN_S = int(os.environ.get("DEMO_OPEN_S", 60))


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


def settle(cluster, limits, conf):
    cluster.stop()
    cluster.put_conf(conf)
    limits.drop_cache()
    cluster.start()


def measure_round(cluster, limits, conf, clients, rate):
    """TPS of CLOSED_S seconds with one CHECKPOINT inside, then p99 at a given rate; rate None: 60 % of this very TPS."""
    settle(cluster, limits, conf)
    load = cluster.start_load(cluster.folder + "/bin/homeostat-load", clients)
    try:
        time.sleep(WARM_S)
        before, began = load.counters(), time.monotonic()
        time.sleep(CLOSED_S / 3)
        cluster.sql("checkpoint")
        time.sleep(max(0, CLOSED_S - (time.monotonic() - began)))
        after, ended = load.counters(), time.monotonic()
    finally:
        load.stop()
    tps = (after["transactions"] - before["transactions"]) / (ended - began)
    out = {"tps": tps, "closed_p99_ms": quantile(before, after, 0.99), "errors": after["errors"] - before["errors"], "rate": rate or 0.6 * tps}
    # From the same start again: what a saturated minute leaves to be written is the more the faster it was, and not this load's.
    settle(cluster, limits, conf)
    load = cluster.start_load(cluster.folder + "/bin/homeostat-load", clients, out["rate"])
    try:
        time.sleep(WARM_S)
        before = load.counters()
        time.sleep(OPEN_S / 3)
        cluster.sql("checkpoint")
        time.sleep(OPEN_S * 2 / 3)
        out["p99_ms"] = quantile(before, load.counters(), 0.99)
    finally:
        load.stop()
    return out


def recovery_time(cluster, limits, conf, clients):
    """Seconds until connections are accepted again after a kill under load."""
    settle(cluster, limits, conf)
    cluster.sql("checkpoint")
    load = cluster.start_load(cluster.folder + "/bin/homeostat-load", clients)
    try:
        time.sleep(int(os.environ.get("DEMO_CRASH_S", 60)))
        cluster.stop("immediate")
    finally:
        load.stop()
    limits.drop_cache()
    began = time.monotonic()
    cluster.start()
    return time.monotonic() - began
