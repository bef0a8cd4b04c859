"""A private PostgreSQL cluster and its load: started here, stopped by process id, gone at the end.

Its folder may outlive the program that made it (adopt), so that a long measurement can be broken off and goes on later; a copy of
its data (keep_copy) lets every round begin from the same pages.
"""
import glob
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request


DATABASE = "tpcc"
START_S = 60        # a server that has just come up may keep the load driver waiting


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(request, timeout_s):
    """What was answered, out of JSON. Whatever happens to the connection is an OSError, also when it breaks off amid the answer."""
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return json.load(answer)
    except http.client.HTTPException as e:
        raise OSError(f"the answer broke off: {e!r}") from e


class Failed(subprocess.CalledProcessError):
    """With what the program said before."""

    def __str__(self):
        return f"{super().__str__()}\n{self.output[-1000:].rstrip()}"


class Load:
    def __init__(self, process, endpoint, log):
        self.process, self.endpoint, self.log = process, endpoint, log

    def counters(self):
        return ask(self.endpoint + "/latency", 5)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def end_processes(folder):
    """Whatever works in this folder is from an earlier life: asked to end, and killed when it does not. What was found."""
    def inside():
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if (os.readlink(f"/proc/{pid}/cwd") + "/").startswith(folder + "/"):
                    yield int(pid), os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            except OSError:
                pass    # it has gone, or is not ours to see
    found = sorted(inside())
    until = time.monotonic() + 30
    while left := list(inside()):
        for pid, name in left:
            try:
                os.kill(pid, signal.SIGKILL if time.monotonic() > until else signal.SIGQUIT if name == "postgres" else signal.SIGTERM)
            except ProcessLookupError:
                pass
        time.sleep(0.5)
    return found


class Cluster:
    def __init__(self, limits, name="demo", adopt=None):
        """adopt: the folder of an earlier life, whose processes have ended."""
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda p: int(p.split("/")[4]))
        if not found:
            raise SystemExit("no PostgreSQL server is installed: tools/setup installs it")
        wanted = [p for p in found if p.split("/")[4] == "15"] or found
        self.bin = os.path.dirname(wanted[0])
        self.limits = limits
        self.root = os.geteuid() == 0
        self.user = "postgres" if self.root else pwd.getpwuid(os.geteuid()).pw_name
        self.uid, self.gid = pwd.getpwnam(self.user).pw_uid, pwd.getpwnam(self.user).pw_gid
        # /var/tmp is a disk that user postgres can reach; the checkout may lie in a home that it cannot.
        self.folder = adopt or tempfile.mkdtemp(prefix=f"homeostat-{name}-", dir="/var/tmp")
        os.chown(self.folder, self.uid, self.gid)
        self.data, self.copy = os.path.join(self.folder, "data"), os.path.join(self.folder, "copy")
        self.restart_script = os.path.join(self.folder, "restart")
        self.log = os.path.join(self.folder, "postgres.log")
        self.port = free_port()

    # ---- processes as the server's user, inside the limits ----

    def become(self, inside):
        def child():
            self.limits.enter(inside)
            if self.root:
                os.setgroups([])
                os.setgid(self.gid)
                os.setuid(self.uid)
        return child

    def run(self, *argv, inside=False, check=True, **more):
        done = subprocess.run(argv, preexec_fn=self.become(inside), cwd=self.folder, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, **more)
        if check and done.returncode:
            raise Failed(done.returncode, argv, done.stdout)
        return done

    def environment(self):
        return {"PATH": "/usr/bin:/bin", "HOME": self.folder, "PGAPPNAME": "homeostat-demo", "LC_ALL": "C.UTF-8"}

    def dsn(self):
        return f"host={self.folder} port={self.port} dbname={DATABASE} user={self.user}"

    # ---- life ----

    def create(self):
        # Data pages are to be charged to the group from the first touch. A terminal may name a locale that this machine does not have.
        self.run(f"{self.bin}/initdb", "-D", self.data, "-A", "trust", "-U", self.user, "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync", inside=True,
                 env=self.environment())
        with open(self.data + "/postgresql.conf", "a") as f:
            f.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{self.folder}'\n"
                    "shared_preload_libraries = 'pg_stat_statements'\nlog_checkpoints = on\n")
        with open(self.restart_script, "w") as f:
            f.write(f"#!/bin/sh\n# Restarts the server inside its limits.\n{self.limits.enter_script()}"
                    f"exec {self.bin}/pg_ctl restart -D {self.data} -l {self.log} -m fast -w -t 300\n")
        os.chmod(self.restart_script, 0o755)

    def keep_copy(self):
        """Of the data of the stopped server; whole or not at all."""
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.rmtree(self.copy + ".part", ignore_errors=True)
        self.run("cp", "-a", "--reflink=auto", self.data, self.copy + ".part")
        os.rename(self.copy + ".part", self.copy)

    def restore(self):
        """The data of the copy, with this life's port; the server is stopped."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.run("cp", "-a", "--reflink=auto", self.copy, self.data)
        path = self.data + "/postgresql.conf"
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(re.sub(r"(?m)^port = \d+$", f"port = {self.port}", text))

    def take(self, path):
        """A program that the server's user can run, wherever the checkout lies."""
        os.makedirs(os.path.join(self.folder, "bin"), exist_ok=True)
        copy = os.path.join(self.folder, "bin", os.path.basename(path))
        shutil.copyfile(path, copy)
        os.chmod(copy, 0o755)
        return copy

    def start(self):
        self.run(f"{self.bin}/pg_ctl", "start", "-D", self.data, "-l", self.log, "-w", "-t", "300", inside=True)

    def stop(self, mode="fast"):
        self.run(f"{self.bin}/pg_ctl", "stop", "-D", self.data, "-m", mode, "-w", "-t", "300", check=False)

    def sql(self, text, database=DATABASE):
        return self.run(f"{self.bin}/psql", "-XAtq", "-h", self.folder, "-p", str(self.port), "-U", self.user, "-d", database, "-c", text, env=self.environment()).stdout.strip()

    def starts(self):
        """How often the server began to take connections, as its own log tells."""
        if not os.path.exists(self.log):
            return 0
        with open(self.log, errors="replace") as f:
            return sum("database system is ready to accept connections" in line for line in f)

    def load(self, program, *what):
        """Tables and rows: what is for homeostat-load load, such as --warehouses 12."""
        self.sql(f"create database {DATABASE}", "postgres")
        self.sql("create extension pg_stat_statements")
        r = self.run(program, "load", "--dsn", self.dsn(), *map(str, what), "--seed", "1", inside=True, check=False, env=self.environment())
        if r.returncode:
            raise SystemExit("loading failed:\n" + r.stdout)
        self.sql("checkpoint")

    def start_load(self, program, *what):
        """A load that runs until it is stopped, or as its schedule says: what is for homeostat-load run, such as --clients 8 --duration 0."""
        port = free_port()
        argv = [program, "run", "--dsn", self.dsn(), *map(str, what), "--seed", "7", "--listen", f"127.0.0.1:{port}", "--json"]
        log = os.path.join(self.folder, "load.log")
        with open(log, "a") as out:
            process = subprocess.Popen(argv, preexec_fn=self.become(True), cwd=self.folder, stdout=out, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, env=self.environment())
        load = Load(process, f"http://127.0.0.1:{port}", log)
        until = time.monotonic() + START_S
        try:
            while process.poll() is None and time.monotonic() < until:
                try:
                    load.counters()
                    return load
                except OSError:
                    time.sleep(0.1)
        except BaseException:
            load.stop()
            raise
        load.stop()
        with open(log, errors="replace") as f:
            raise SystemExit(f"the load driver did not start; {log} ends:\n" + f.read()[-1000:])

    # ---- configuration ----

    def auto_conf_path(self):
        return self.data + "/postgresql.auto.conf"

    def auto_conf(self):
        return "".join(line for line in open(self.auto_conf_path()) if not line.startswith("#"))

    @staticmethod
    def settings_in(text):
        return dict(m.groups() for m in re.finditer(r"^(\w+)\s*=\s*'(.*)'\s*$", text, re.M))

    def put_conf(self, text):
        with open(self.auto_conf_path() + ".new", "w") as f:
            f.write(text)
        os.chown(self.auto_conf_path() + ".new", self.uid, self.gid)
        os.chmod(self.auto_conf_path() + ".new", 0o600)
        os.rename(self.auto_conf_path() + ".new", self.auto_conf_path())

    def remove(self):
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
