"""Homeostat dies everywhere and at any time. The long version, with a count of every mutant, is bench/run crash."""
import glob
import os
import re
import shutil
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_killed_at_every_numbered_point_and_at_random_it_loses_doubles_and_turns_round_nothing_and_nothing_is_stuck(spawn):
    bench = spawn([sys.executable, os.path.join(ROOT, "bench", "crash.py"), "--kills", "40", "--passes", "1", "--layers", "1", "--arenas", "2", "--flows", "4"],
                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT)
    text, _ = bench.communicate(timeout=1200)
    assert bench.returncode == 0, text
    assert re.search(r'"kills": 40\b', text) and re.search(r'"points": (2[3-9]|[3-9]\d)\b', text), text


@pytest.mark.parametrize("mutant", sorted(glob.glob(os.path.join(ROOT, "bench", "mutants", "*.patch"))), ids=os.path.basename)
def test_a_mutant_that_the_long_version_must_catch_still_fits_the_sources(mutant, tmp_path):
    shutil.copytree(os.path.join(ROOT, "src"), tmp_path / "src")
    done = subprocess.run(["patch", "-p1", "--fuzz=3", "-i", mutant], cwd=tmp_path, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
