"""Many clients after the same cases. The long version is bench/run race."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_a_case_is_a_register_with_versions_whoever_writes_at_the_same_time_and_through_whatever_connection(spawn):
    bench = spawn([sys.executable, os.path.join(ROOT, "bench", "race.py"), "--operations", "15000", "--cases", "12"], stdout=subprocess.PIPE,
                  stderr=subprocess.STDOUT, cwd=ROOT)
    text, _ = bench.communicate(timeout=900)
    assert bench.returncode == 0, text
    assert "15000 operations" in text and "violations 0" in text, text
