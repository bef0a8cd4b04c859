"""Drives tests/live/act_tool: one call of an adapter from Python.

    a = Actor(pg, tmp_path)
    snapshot = a.probe(a.set(work_mem=("4MB", "8MB")))["snapshot"]
    a.act(step, snapshot)["outcome"]  -> "done"
"""
import hashlib
import json
import os
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(os.path.abspath(os.environ.get("HOMEOSTAT_BUILD", os.path.join(ROOT, "build"))), "tests", "live", "act_tool")


LIMIT_S = 90          # generous: it is only reached when something is wrong, and the machine may be busy with other things


def until(done, what="what was waited for", limit_s=LIMIT_S):
    """What done() answered, as soon as it is true."""
    deadline = time.monotonic() + limit_s
    while True:
        found = done()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.05)


def settings(changes):
    """{name: (from, to)} or {name: to} -> the list that a step carries."""
    rows = []
    for name, value in changes.items():
        row = {"name": name.replace("__", ".")}
        if isinstance(value, tuple):
            row["from"], row["to"] = value
        else:
            row["to"] = value
        rows.append(row)
    return rows


class Actor:
    def __init__(self, pg, folder, **target):
        self.pg, self.state = pg, str(folder)
        self.target = None
        if pg is not None:
            restart = pg.as_owner([os.path.join(pg.bin, "pg_ctl"), "-D", pg.data, "-l", pg.log, "-w", "-t", "60", "restart"])
            start = pg.as_owner([os.path.join(pg.bin, "pg_ctl"), "-D", pg.data, "-l", pg.log, "-w", "-t", "60", "start"])
            self.target = {"name": "main", "dsn": pg.dsn, "restart_command": restart, "start_command": start, **target}

    @staticmethod
    def set(**changes):
        return {"action": "postgres.set", "params": {"target": "main", "settings": settings(changes)}, "timeout_s": 60, "retry": 0}

    @staticmethod
    def restart(**changes):
        return {"action": "postgres.restart", "params": {"target": "main", "settings": settings(changes)}, "timeout_s": 120, "retry": 0}

    @staticmethod
    def script(**params):
        return {"action": "script.exec", "params": params, "timeout_s": 60, "retry": 0}

    def request(self, call, steps, snapshots=(), **more):
        steps = steps if isinstance(steps, list) else [steps]
        snapshots = list(snapshots) if isinstance(snapshots, (list, tuple)) else [snapshots]
        asked = {"call": call, "state": self.state, "steps": steps, "snapshots": snapshots, "action_id": "test-action", "deadline_s": 150, **more}
        if self.target:
            asked["target"] = {**self.target, **more.pop("target", {})}
        return json.dumps(asked)

    def start(self, call, steps, snapshots=(), crash=None, **more):
        """The running tool; read its answer with finish()."""
        env = {**os.environ, **({"HOMEOSTAT_CRASH_AT": str(crash)} if crash else {})}
        p = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        p.stdin.write(self.request(call, steps, snapshots, **more))
        p.stdin.close()
        p.stdin = None
        return p

    @staticmethod
    def finish(p, timeout=300):
        out, err = p.communicate(timeout=timeout)
        if p.returncode != 0:
            raise RuntimeError(f"act_tool ended with {p.returncode}: {err}")
        return json.loads(out)

    def call(self, *args, **more):
        return self.finish(self.start(*args, **more))

    def probe(self, step, **more):
        return self.call("probe", step, **more)

    def snapshot(self, step, **more):
        answer = self.probe(step, **more)
        assert answer["ok"], answer
        return answer["snapshot"]

    def act(self, step, snapshot, **more):
        return self.call("act", step, snapshot, **more)

    def undo(self, step, snapshot, **more):
        return self.call("undo", step, snapshot, **more)

    def recover(self, step, snapshot, **more):
        return self.call("recover", step, snapshot, **more)

    def auto_conf(self):
        """{name: value} of postgresql.auto.conf."""
        found = {}
        with open(os.path.join(self.pg.data, "postgresql.auto.conf"), encoding="utf-8") as f:
            for line in f:
                if "=" in line and not line.lstrip().startswith("#"):
                    name, value = line.split("=", 1)
                    found[name.strip()] = value.strip().strip("'")
        return found


# ---- indexes and statistics ----------------------------------------------------------------------------------------------


def quoted_name(name):
    return '"' + name.replace('"', '""') + '"'


def index_name(table, columns, include=(), schema="public"):
    """As model/index.c makes it."""
    def key(c):
        return quoted_name(c[:-5]) + " DESC" if c.endswith(" desc") else quoted_name(c)

    what = f"{quoted_name(schema)}.{quoted_name(table)} ({', '.join(key(c) for c in columns)})"
    if include:
        what += f" INCLUDE ({', '.join(quoted_name(c) for c in include)})"

    def plain(s):
        return "".join(chr(b).lower() if chr(b).isalnum() and b < 128 else "_" for b in s.encode())

    name = "homeostat_" + "_".join(plain(s) for s in [table, *[c[:-5] if c.endswith(" desc") else c for c in columns]])
    return name[:54] + "_" + hashlib.sha256(what.encode()).hexdigest()[:8]


def index_step(table, columns, include=(), schema="public", do="create", target="main", timeout_s=60, retry=0, size=1 << 24, **params):
    more = {"include": list(include)} if include else {}
    return {"action": "postgres.index", "timeout_s": timeout_s, "retry": retry,
            "params": {"target": target, "do": do, "schema": schema, "table": table, "name": index_name(table, columns, include, schema), "columns": list(columns),
                       "bytes": size, "table_bytes": 4 * size, **more, **params}}


def analyze_step(table, columns=(), schema="public", target="main", timeout_s=60):
    more = {"columns": list(columns)} if columns else {}
    return {"action": "postgres.analyze", "timeout_s": timeout_s, "retry": 0, "params": {"target": target, "schema": schema, "table": table, **more}}
