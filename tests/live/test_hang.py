"""A test that hangs fails by itself, wherever it waits, and the tests after it run as if it had not been there."""
import os
import re
import subprocess
import sys

from again import in_one_of

PLANTED = """
import os
import subprocess
import time

from cluster import Cluster


def connect():
    c = Cluster.__new__(Cluster)
    c.data, c.host, c.port, c.user, c.database = os.environ["DATA"], "127.0.0.1", os.environ["PORT"], "postgres", "postgres"
    return c.connect()


def test_in_python():
    while True:
        time.sleep(0.01)


def test_for_an_answer():
    with connect().cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE planted; SELECT pg_sleep(100000)")


def test_for_a_process():
    subprocess.run(["sleep", "100000"], check=True)


def test_no_more():
    with connect().cursor() as cursor:
        cursor.execute("SET lock_timeout = '60s'")
        cursor.execute("INSERT INTO planted VALUES (1)")
"""


@in_one_of(3)
def test_a_test_that_hangs_fails_alone_and_holds_nothing(postgres, tmp_path):
    postgres.psql("DROP TABLE IF EXISTS planted; CREATE TABLE planted (n int)")
    (tmp_path / "test_planted.py").write_text(PLANTED)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-p", "conftest", "--rootdir", str(tmp_path), str(tmp_path / "test_planted.py")],
                          env={**os.environ, "PYTHONPATH": os.path.dirname(__file__), "HOMEOSTAT_TEST_LIMIT_S": "5", "DATA": postgres.data, "PORT": str(postgres.port)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
    ended = {name: how for how, name in re.findall(r"^(PASSED|FAILED) .*::(\w+)", done.stdout, re.M)}
    assert ended == {"test_in_python": "FAILED", "test_for_an_answer": "FAILED", "test_for_a_process": "FAILED", "test_no_more": "PASSED"}, done.stdout + done.stderr
    assert done.stdout.count("Failed: it hangs: 5 s are over") >= 3 and "in test_for_a_process" in done.stdout, done.stdout
