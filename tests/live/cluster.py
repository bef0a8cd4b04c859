"""A private PostgreSQL: built in a folder of its own, on a free port of 127.0.0.1, gone when the test is over.

    with Cluster(settings={"shared_buffers": "64MB"}) as pg:
        pg.psql("SELECT 1")            # -> [(1,)]
        pg.stop("immediate"); pg.start()

Started as root it runs as the user postgres, in a folder which that user can reach. Everything but the port, the socket
folder and what `settings` says is as initdb leaves it, so that tests of knobs meet the defaults.
"""
import atexit
import contextlib
import ctypes
import glob
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref

import psycopg2
import psycopg2.extensions

START_TIMEOUT_S = 60


class ClusterError(Exception):
    """The server did not do what it was told; the text has what it wrote last."""


def pg_bin():
    """The folder with initdb and postgres: HOMEOSTAT_PG_BIN, else 15, else the newest that is installed."""
    named = os.environ.get("HOMEOSTAT_PG_BIN")
    if named:
        return named
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"), key=lambda p: int(p.split("/")[4]))
    if not found:
        raise ClusterError("no PostgreSQL server under /usr/lib/postgresql; install postgresql-15")
    wanted = [p for p in found if p.split("/")[4] == "15"]
    return os.path.dirname((wanted or found)[-1])


def free_port():
    """Free now: it may be somebody else's before it is listened on. See hold_port()."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def hold_port():
    """A socket whose port of 127.0.0.1 is given to nobody else while it is open, also while its server is down.

    It does not listen, so a server that names the port and sets SO_REUSEADDR, as they all do, can; who connects meanwhile is refused.
    """
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    return s


def state(pid):
    """R, S, D, T, Z as ps shows it; None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return None


def alive(pid):
    """Whether a process is there and not merely waiting to be reaped."""
    return state(pid) not in (None, "Z")


def stand_still(pid):
    """SIGSTOP, and until it stands still (or has gone): what it is in the middle of, a fork perhaps, comes to its end first."""
    with contextlib.suppress(ProcessLookupError):      # it came to its end by itself just now
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + START_TIMEOUT_S
        while state(pid) not in (None, "Z", "T"):
            if time.monotonic() > deadline:
                raise ClusterError(f"process {pid} does not stop")
            time.sleep(0.005)


def gone(pid):
    """Whether not even a zombie is left: PostgreSQL takes a zombie's pid in its lock file for a running server."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
    return not os.path.exists(f"/proc/{pid}")


# Orphans (the postmaster, once pg_ctl has gone) become our children, so that a killed one can be reaped here: in a
# container the first process may not do it.
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_for(connection):
    """Until the server has answered, as psycopg2 waits by itself, but here a signal is heard: one that ends the run, or a test that hangs."""
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        waits = select.poll()      # unlike select() also for a number of 1024 and more
        waits.register(connection.fileno(), select.POLLIN if state == psycopg2.extensions.POLL_READ else select.POLLOUT)
        waits.poll(1000)


psycopg2.extensions.set_wait_callback(wait_for)


class Cluster:
    """host, port, user, database, dsn, folder, data, log, bin; start/stop/restart/kill, psql, connect."""

    _open = set()      # what atexit closes when a fixture did not get that far
    connections = weakref.WeakSet()    # what connect() gave and is still held by somebody
    _template = None   # one initdb for all clusters of a run; copying it is ten times faster

    def __init__(self, settings=None, start=True, initdb=()):
        self.held = hold_port()
        self.host, self.port, self.user, self.database = "127.0.0.1", self.held.getsockname()[1], "postgres", "postgres"
        self.bin = pg_bin()
        self.owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.folder = self._make_folder("homeostat-pg-")
        Cluster._open.add(self)
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.folder, "server.log")
        try:
            self._build(list(initdb))
            lines = {"listen_addresses": self.host, "port": self.port, "unix_socket_directories": self.folder}
            lines.update(settings or {})
            self.configure(**lines)
            if start:
                self.start()
        except BaseException:
            self.close()
            raise

    @property
    def dsn(self):
        return f"host={self.host} port={self.port} user={self.user} dbname={self.database}"

    @property
    def url(self):
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"

    # -- running the server ------------------------------------------------------------------------------------------

    def start(self, timeout_s=START_TIMEOUT_S):
        done = self.run("pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", str(timeout_s), "start", check=False)
        if done.returncode != 0:
            raise ClusterError(f"the server did not start: {done.stdout}\n{self.log_tail()}")

    def stop(self, mode="fast", timeout_s=START_TIMEOUT_S):
        """mode: smart, fast or immediate (as a crash: recovery follows). Nothing to do when it does not run."""
        if not self.running():
            return
        done = self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "-t", str(timeout_s), "stop", check=False)
        if done.returncode != 0 and self.running():
            raise ClusterError(f"the server did not stop: {done.stdout}\n{self.log_tail()}")

    def restart(self, mode="fast", timeout_s=START_TIMEOUT_S):
        self.stop(mode, timeout_s)
        self.start(timeout_s)

    def reload(self, timeout_s=START_TIMEOUT_S):
        """And until it was taken up: sessions that begin from now on have what the files say. Files with an error in them are never taken up."""
        loaded, deadline = self.value("SELECT pg_conf_load_time()"), time.monotonic() + timeout_s
        self.run("pg_ctl", "-D", self.data, "reload")
        while self.value("SELECT pg_conf_load_time()") == loaded:
            if time.monotonic() > deadline:
                raise ClusterError(f"the server did not take up its configuration\n{self.log_tail()}")
            time.sleep(0.02)

    def kill(self):
        """SIGKILL to the postmaster, as the out-of-memory killer does it. Its children notice and go."""
        pid = self.pid()
        if pid is None:
            return
        with self.frozen(pid) as processes, contextlib.suppress(ProcessLookupError):      # so that it starts none that would be missed here
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not gone(pid) or any(alive(p) for p in processes):
            if time.monotonic() > deadline:
                raise ClusterError("the server's processes did not go after the kill")
            time.sleep(0.02)

    def version(self):
        with open(os.path.join(self.data, "PG_VERSION"), encoding="ascii") as f:
            return int(f.read().split(".")[0])

    def pid(self):
        """The postmaster's process id, None when no server runs on this data folder."""
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as f:
                pid = int(f.readline())
        except (OSError, ValueError):
            return None
        return pid if alive(pid) else None

    def running(self):
        return self.pid() is not None

    @staticmethod
    def children(pid):
        found = []
        for path in glob.glob(f"/proc/{pid}/task/*/children"):
            try:
                with open(path, encoding="ascii") as f:
                    found += [int(word) for word in f.read().split()]
            except OSError:
                pass
        return found

    @contextlib.contextmanager
    def frozen(self, postmaster=None):
        """The whole server stopped by SIGSTOP while the block runs, which is given the process ids, the postmaster's first.

        The postmaster is stopped first, so that it starts nothing meanwhile; then its children, until no more are found, since the
        kernel may leave some out of the list while others come to their end.
        """
        stopped = [postmaster or self.pid()]
        try:
            stand_still(stopped[0])
            while new := [pid for pid in self.children(stopped[0]) if pid not in stopped]:
                stopped += new
                for pid in new:
                    stand_still(pid)
            yield stopped
        finally:
            for pid in reversed(stopped):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    # -- talking to it -----------------------------------------------------------------------------------------------

    def connect(self, database=None, **more):
        """A psycopg2 connection in autocommit; the caller closes it.

        It waits five minutes for a lock, so that one nobody will release costs a test and not all that come after it; and what it asked for is
        given up soon after it was closed, with its locks. A bound on statements that a test sets is for others."""
        more.setdefault("options", "-c lock_timeout=5min -c statement_timeout=0" + (" -c client_connection_check_interval=5s" if self.version() >= 14 else ""))
        c = psycopg2.connect(host=self.host, port=self.port, user=self.user, dbname=database or self.database, **more)
        c.autocommit = True
        Cluster.connections.add(c)
        return c

    def psql(self, sql, args=None, database=None):
        """All rows of the (last) statement as tuples; [] when it has none."""
        c = self.connect(database)
        try:
            with c.cursor() as cursor:
                cursor.execute(sql, args)
                return cursor.fetchall() if cursor.description else []
        finally:
            c.close()

    def value(self, sql, args=None, database=None):
        return self.psql(sql, args, database)[0][0]

    def create_database(self, name):
        self.psql(f'CREATE DATABASE "{name}"')
        return f"host={self.host} port={self.port} user={self.user} dbname={name}"

    def configure(self, **settings):
        """Append to postgresql.conf; takes effect with the next start or reload."""
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as f:
            for name, value in settings.items():
                quoted = str(value).replace("'", "''")
                f.write(f"{name} = '{quoted}'\n")

    def log_tail(self, lines=30):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except OSError:
            return "(no server log)"

    # -- housekeeping ------------------------------------------------------------------------------------------------

    def run(self, program, *args, check=True, **more):
        """One of PostgreSQL's programs as the server's user; output captured as text."""
        # A file, not a pipe: the server inherits it from pg_ctl and would keep a pipe open for ever.
        with tempfile.TemporaryFile("w+") as out:
            done = subprocess.run(self.as_owner([os.path.join(self.bin, program), *args]), stdout=out, stderr=subprocess.STDOUT,
                                  stdin=subprocess.DEVNULL, cwd=self.folder, check=False, timeout=300, **more)
            out.seek(0)
            done.stdout = out.read()
        if check and done.returncode != 0:
            raise ClusterError(f"{program} {' '.join(args)}: exit {done.returncode}: {done.stdout}")
        return done

    def as_owner(self, argv):
        if not self.owner:
            return list(argv)
        return ["setpriv", f"--reuid={self.owner.pw_uid}", f"--regid={self.owner.pw_gid}", "--init-groups", *argv]

    def _make_folder(self, prefix):
        folder = tempfile.mkdtemp(prefix=prefix, dir=os.environ.get("HOMEOSTAT_TEST_FOLDER", "/var/tmp"))
        if self.owner:
            os.chown(folder, self.owner.pw_uid, self.owner.pw_gid)
        return folder

    def _initdb(self, data, more):
        self.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", *more)

    def _build(self, more):
        if more:
            self._initdb(self.data, more)
            return
        if Cluster._template is None:
            folder = self._make_folder("homeostat-pg-template-")
            Cluster._template = folder
            self._initdb(os.path.join(folder, "data"), [])
        subprocess.run(["cp", "-a", os.path.join(Cluster._template, "data"), self.data], check=True)

    @classmethod
    def forget_template(cls):
        if cls._template:
            shutil.rmtree(cls._template, ignore_errors=True)
            cls._template = None

    @classmethod
    def close_all(cls):
        for cluster in list(cls._open):
            cluster.close()
        cls.forget_template()

    def close(self):
        Cluster._open.discard(self)
        try:
            if self.running():
                self.stop("immediate")
        except ClusterError:
            self.kill()
        self.held.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


atexit.register(Cluster.close_all)
