"""What Homeostat has learned in a campaign, kept in the run's folder: with it the run goes on where its server is gone, also on another machine of the kind.

The server's folder has gigabytes that are made anew in minutes, and one small database that hours of trials went into.
"""
import contextlib
import lzma
import os
import shutil
import sqlite3

FILE = "cases.db"


def keep(store, path):
    """What the store of a Homeostat that has stopped remembers, as one small file at path; whole or not at all. A store without any leaves path as it is."""
    if not os.path.exists(os.path.join(store, FILE)):
        return
    with contextlib.suppress(FileNotFoundError):
        os.remove(path + ".new")
    with contextlib.closing(sqlite3.connect(os.path.join(store, FILE))) as memory:
        memory.execute("vacuum into ?", (path + ".new",))
    with open(path + ".new", "rb") as f:
        packed = lzma.compress(f.read())
    with open(path + ".new", "wb") as f:
        f.write(packed)
        f.flush()
        os.fsync(f.fileno())
    os.rename(path + ".new", path)


def bring(path, store, uid, gid):
    """A store that remembers what was kept at path, for a Homeostat of this user. False, and no store, when nothing was kept."""
    if not os.path.exists(path):
        return False
    shutil.rmtree(store + ".part", ignore_errors=True)
    os.mkdir(store + ".part", 0o700)
    with lzma.open(path) as packed, open(os.path.join(store + ".part", FILE), "wb") as f:
        shutil.copyfileobj(packed, f)
    for made in (store + ".part", os.path.join(store + ".part", FILE)):
        os.chown(made, uid, gid)
    os.rename(store + ".part", store)
    return True
