#!/usr/bin/python3
"""bench/mutants.py - would the harness notice? Each patch of bench/mutants/ puts one classic mistake into a copy of the program.

  mutants.py [M1 M6 ...] [--rounds 4] [--only-build]

The sources are copied to a temporary folder and built there once; then one patch after the other is applied, the program
built again, and crash.py (for M8: race.py) let loose on it, until it finds a violation: that mutant is caught.  One that
survives all rounds is not, and then the harness proves nothing.  Exit status 0 only when all are caught.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
TARGET = "bench/homeostat-tapped"


def sh(*argv, cwd=None, log=None):
    done = subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if log:
        log.write(f"$ {' '.join(argv)}\n{done.stdout}")
        log.flush()
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}: {done.stdout[-1500:]}")
    return done.stdout


def copy_tree(to):
    """The sources as they are here, changed or not; nothing that was built."""
    files = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=False)
    if files.returncode == 0:
        names = [n for n in files.stdout.decode().split("\0") if n and os.path.exists(os.path.join(ROOT, n))]
        for name in names:
            os.makedirs(os.path.join(to, os.path.dirname(name)), exist_ok=True)
            shutil.copy2(os.path.join(ROOT, name), os.path.join(to, name))
    else:      # from a tarball
        shutil.copytree(ROOT, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("build", ".git", "demo-run"))


class Nursery:
    """A copy of the sources and a build of it."""

    def __init__(self, log):
        self.folder = tempfile.mkdtemp(prefix="homeostat-mutants-", dir="/var/tmp")
        self.source, self.build, self.log = os.path.join(self.folder, "source"), os.path.join(self.folder, "build"), log
        try:
            copy_tree(self.source)
            sh("meson", "setup", self.build, self.source, log=log)
            sh("ninja", "-C", self.build, TARGET, "bench/race", log=log)
        except BaseException:
            self.close()
            raise

    def breed(self, patch):
        """The path of the mutated program."""
        name = os.path.basename(patch)[:-len(".patch")]
        sh("patch", "-p1", "--fuzz=3", "--no-backup-if-mismatch", "-i", patch, cwd=self.source, log=self.log)
        try:
            sh("ninja", "-C", self.build, TARGET, log=self.log)
            binary = os.path.join(self.folder, "homeostat-" + name)
            shutil.copy2(os.path.join(self.build, TARGET), binary)
        finally:
            sh("patch", "-p1", "--fuzz=3", "-R", "--no-backup-if-mismatch", "-i", patch, cwd=self.source, log=self.log)
        return binary

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def hunt(name, binary, build, number, log):
    """One round of the harness against a mutant. The first violation, or None."""
    env = {**os.environ, "HOMEOSTAT_BUILD": build, "HOMEOSTAT_PROGRAM": binary}
    if name == "M8":
        argv = [sys.executable, os.path.join(HERE, "race.py"), "--operations", "8000", "--cases", "6", "--seed", str(number)]
    else:
        argv = [sys.executable, os.path.join(HERE, "crash.py"), "--kills", "24", "--passes", "1", "--layers", "1", "--arenas", "3", "--seed", f"{name}.{number}"]
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=1800)
    log.write(f"== {name}, round {number}\n{done.stdout}")
    log.flush()
    found = [line for line in done.stdout.splitlines() if line.startswith("VIOLATION") and "the bench itself failed" not in line and "(what is left" not in line]
    for line in done.stdout.splitlines():
        if "(what is left of arena" in line:
            shutil.rmtree(line.rsplit(" lies in ", 1)[1].rstrip(")"), ignore_errors=True)
    return found


def run(names=None, rounds=4, say=print, log_path=os.devnull):
    """(caught, survived): lists of names."""
    caught, survived = [], []
    with open(log_path, "w", encoding="utf-8") as log:
        patches = sorted(glob.glob(os.path.join(HERE, "mutants", "*.patch")))
        nursery = Nursery(log)
        try:
            for patch in patches:
                name = os.path.basename(patch)[:-len(".patch")]
                if names and name not in names:
                    continue
                began = time.monotonic()
                binary = nursery.breed(patch)
                for number in range(1, rounds + 1):
                    found = hunt(name, binary, nursery.build, number, log)
                    if found:
                        caught.append(name)
                        say(f"{name} caught in round {number}, {time.monotonic() - began:.0f} s: {found[0][10:170]}")
                        break
                else:
                    survived.append(name)
                    say(f"{name} SURVIVED {rounds} rounds, {time.monotonic() - began:.0f} s")
        finally:
            nursery.close()
    return caught, survived


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--log", default=os.devnull)
    o = parser.parse_args()
    _, survived = run(o.names, o.rounds, lambda text: print(text, flush=True), o.log)
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
