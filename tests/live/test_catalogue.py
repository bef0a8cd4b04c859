"""The catalogue of parameters against a real server: names, types, units, contexts, ranges, and how values are read and shown."""
import os
import random
import subprocess

import psycopg2
import pytest

from conftest import BUILD

TOOL = os.path.join(BUILD, "tests", "live", "knob_tool")


@pytest.fixture(scope="module")
def cursor(postgres):
    connection = psycopg2.connect(postgres.dsn)
    connection.autocommit = True
    yield connection.cursor()
    connection.close()


def table():
    for line in subprocess.run([TOOL, "table"], capture_output=True, text=True, check=True).stdout.splitlines():
        name, kind, unit, context, low, high, special, choices, oldest, newest = line.split("\t")
        yield {"name": name, "type": kind, "unit": unit, "context": context, "low": float(low), "high": float(high),
               "special": [float(s) for s in special.split(",") if s], "choices": [c for c in choices.split(",") if c],
               "oldest": int(oldest), "newest": int(newest)}


def test_every_row_is_a_parameter_of_the_server_as_it_says(cursor):
    cursor.execute("select current_setting('server_version_num')::int")
    version = cursor.fetchone()[0]
    cursor.execute("select name, vartype, coalesce(unit, ''), context, min_val, max_val, enumvals from pg_settings")
    server = {row[0]: row[1:] for row in cursor.fetchall()}
    seen = 0
    for knob in table():
        if knob["oldest"] > version or 0 < knob["newest"] < version:
            continue
        kind, unit, context, low, high, words = server[knob["name"]]
        assert (knob["name"], kind, unit) == (knob["name"], knob["type"], knob["unit"])
        assert (context == "postmaster") == (knob["context"] == "postmaster"), knob["name"]
        assert context not in ("internal", "backend", "superuser-backend"), knob["name"]
        if kind in ("integer", "real"):
            for value in [knob["low"], knob["high"], *knob["special"]]:
                assert float(low) <= value <= float(high), knob["name"]
        if kind == "enum":
            assert set(words) <= set(knob["choices"]), knob["name"]
        seen += 1
    assert seen > 40


# What a session may set by itself, and the row of the catalogue that is measured alike.
ALIKE = [("work_mem", "work_mem"), ("effective_cache_size", "effective_cache_size"), ("random_page_cost", "random_page_cost"),
         ("statement_timeout", "bgwriter_delay"), ("vacuum_cost_delay", "autovacuum_vacuum_cost_delay"), ("jit", "jit"),
         ("synchronous_commit", "synchronous_commit"), ("effective_io_concurrency", "effective_io_concurrency"),
         ("backend_flush_after", "backend_flush_after")]
UNITS = ["", "", "B", "kB", "MB", "GB", "TB", "KB", "mb", "ms", "s", "min", "h", "d", "us", " kB", "k", "MBx"]
WORDS = ["on", "off", "true", "false", "t", "f", "tr", "y", "n", "yes", "no", "of", "o", "1", "0", "ON", "Off", "local", "remote_write", "rem", "2"]
ODD = ["nan", "inf", "1.", "1.5e", "+7", "- 1", "1 2", "1e400", "99999999999", "2147483647", "2147483648", ".5"]


def number(chance):
    return chance.choice([
        lambda: str(chance.randint(0, 5000)),
        lambda: f"{chance.randint(0, 500)}.{chance.choice(['5', '25', '125', '1', '75'])}",
        lambda: f"0x{chance.randint(0, 9999):x}",
        lambda: f"0{chance.randint(0, 777):o}",
        lambda: f"{chance.randint(1, 9)}e{chance.randint(0, 6)}",
        lambda: f"-{chance.randint(1, 3)}",
        lambda: chance.choice(ODD),
    ])()


def test_values_are_read_and_shown_as_the_server_does(cursor):
    chance = random.Random(4)
    cases = []
    for _ in range(3000):
        theirs, ours = chance.choice(ALIKE)
        text = chance.choice(WORDS) if theirs in ("jit", "synchronous_commit") else number(chance) + chance.choice(UNITS)
        cases.append((theirs, ours, f" {text} " if chance.random() < 0.1 else text))
    shown = subprocess.run([TOOL, "show"], input="".join(f"{ours}|{text}\n" for _, ours, text in cases), capture_output=True, text=True,
                           check=True).stdout.splitlines()
    compared = 0
    for (theirs, _, text), got in zip(cases, shown):
        try:
            cursor.execute("select set_config(%s, %s, false)", (theirs, text))
            want = cursor.fetchone()[0]
        except psycopg2.Error as error:
            if "outside the valid range" in str(error):   # a range is the next test of a value, not how it is read
                continue
            want = "ERR"
        assert got == want, (theirs, text)
        compared += 1
    assert compared > 1500
