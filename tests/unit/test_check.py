"""tools/check: what did not end well is counted as that, whatever the files of the runners say, and nothing that a stage started outlives it."""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

sys.dont_write_bytecode = True
TOOL = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tools", "check")
PYTHON = sys.executable

PROJECT = """project('tried')
py = find_program('%s')
test('works', py, args: ['-c', 'pass'], suite: 'unit')
test('skips', py, args: ['-c', 'raise SystemExit(77)'], suite: 'unit')
test('agrees', py, args: ['-c', 'print("1..2\\\\nok 1 a\\\\nok 2 b")'], protocol: 'tap', suite: ['unit', 'tsan'])
""" % PYTHON
FAILS = """test('fails', py, args: ['-c', 'print("1..2\\\\nok 1 a\\\\nnot ok 2 b"); raise SystemExit(1)'], protocol: 'tap', suite: 'unit')
"""
CRASHES = """test('crashes', py, args: ['-c', 'print("1..3\\\\nok 1 a\\\\nok 2 b", flush=True); import os; os.abort()'], protocol: 'tap', suite: 'unit')
test('leaks', py, args: ['-c', 'print("1..1\\\\nok 1 a", flush=True); raise SystemExit(23)'], protocol: 'tap', suite: ['unit', 'tsan'])
test('hangs', py, args: ['-c', 'import time; time.sleep(60)'], timeout: 1, suite: 'unit')
"""


def load():
    loader = importlib.machinery.SourceFileLoader("check_tool", TOOL)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_tool", loader))
    loader.exec_module(module)
    return module


class Counting(unittest.TestCase):
    def setUp(self):
        self.check = load()
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.check.OUT = self.folder

    def run_stage(self, what, name="tried"):
        self.said = io.StringIO()
        with contextlib.redirect_stdout(self.said):
            return self.check.run_stage(name, "a stage", 600, what)

    def counts_of(self, tests):
        """What a stage counts that runs these tests with meson."""
        built = os.path.join(self.folder, "gcc")
        with open(os.path.join(self.folder, "meson.build"), "w", encoding="utf-8") as f:
            f.write(tests)
        subprocess.run(["meson", "setup", built, self.folder], stdout=subprocess.DEVNULL, check=True)
        return self.run_stage(self.check.meson_tests("gcc", "unit"))

    def test_what_went_well_is_counted_by_its_subtests(self):
        self.assertEqual(self.counts_of(PROJECT), (3, 0, 1))

    def test_a_program_that_crashes_leaks_or_hangs_is_a_failure_beside_those_that_say_so_themselves(self):
        # agrees 2, fails 1, crashes 2 and leaks 1 subtests went well, and works; b of fails did not, and three programs.
        self.assertEqual(self.counts_of(PROJECT + FAILS + CRASHES), (7, 4, 1))
        for name in ("fails", "crashes", "leaks", "hangs"):
            self.assertRegex(self.said.getvalue(), rf"FAILED tried: .*{name}")

    def test_a_script_that_cannot_be_read_is_noticed_wherever_it_lies(self):
        for path in ("tools/setup", "tools/demo", "tools/rig/limits.py", "tools/embed.py", "bench/run", "bench/tune_run.py"):
            root = os.path.join(self.folder, path.replace("/", "-"))
            for name in (*self.check.SHELL, *self.check.PYTHON_SCRIPTS, "tools/embed.py", "tools/rig/limits.py", "bench/tune_run.py"):
                os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
                with open(os.path.join(root, name), "w", encoding="ascii") as f:
                    f.write("(\n" if name == path else "\n")
            self.check.ROOT = root
            self.assertEqual(self.run_stage(self.check.scripts), (0, 1, 0), path)

    def test_a_command_that_is_not_there_is_a_failure_of_its_stage(self):
        self.assertEqual(self.run_stage(lambda s: s.run("/no/such/command")), (0, 1, 0))
        self.assertIn("/no/such/command", self.said.getvalue())

    def all_stages(self, *stages):
        """The exit status and the last line when these are all there are; "beside" runs beside those behind it."""
        self.check.STAGES = [(name, "a stage", 60, lambda s, words=words: s.run("sh", "-c", words), True) for name, words in stages]
        self.check.BESIDE = ("beside",)
        self.said = io.StringIO()
        with contextlib.redirect_stdout(self.said), unittest.mock.patch.object(sys, "argv", ["check"]):
            status = self.check.main()
        return status, self.said.getvalue().splitlines()[-1]

    def test_a_stage_beside_others_runs_while_they_do_and_is_counted_with_them(self):
        met = os.path.join(self.folder, "met")
        waits = f"until test -e {met}; do sleep 0.05; done"
        self.assertEqual(self.all_stages(("beside", waits), ("next", "true"), ("last", f"touch {met}")), (0, "3 passed, 0 failed, 0 skipped"))

    def test_a_stage_beside_others_that_fails_fails_the_check(self):
        self.assertEqual(self.all_stages(("beside", "exit 3"), ("next", "true")), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("beside: FAILED: exit status 3", self.said.getvalue())


class Ending(unittest.TestCase):
    def ends(self, at_once, beside=()):
        """Whether it ends all; at_once: it is told so before it has heard that what it started has begun; beside: the names of stages that run beside others."""
        with tempfile.TemporaryDirectory() as folder:
            started, told = os.path.join(folder, "pid"), os.path.join(folder, "told")
            program = f"""
import importlib.machinery, importlib.util, os, sys, time
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("check_tool", {TOOL!r})
check = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_tool", loader))
loader.exec_module(check)
check.OUT = {folder!r}
popen = check.subprocess.Popen
def begin(*words, **how):
    child = popen(*words, **how)
    while {at_once} and not os.path.exists({told!r}):
        time.sleep(0.02)
    return child
check.subprocess.Popen = begin
check.STAGES = [("long", "a long stage", 600, lambda s: s.run("sh", "-c", "echo $$ >{started}.new; mv {started}.new {started}; exec sleep 300"), True),
                ("next", "another", 600, lambda s: s.run("sleep", "300"), True)]
check.BESIDE = {beside!r}
sys.argv = ["check"]
sys.exit(check.main())
"""
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                with self.subTest(number.name):
                    for path in (started, told):
                        with contextlib.suppress(FileNotFoundError):
                            os.unlink(path)
                    # Whoever runs this in the background or under nohup lets its children ignore some.
                    tool = subprocess.Popen([PYTHON, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
                    child = 0
                    try:
                        until = time.monotonic() + 120
                        while not os.path.exists(started) and time.monotonic() < until:
                            time.sleep(0.02)
                        with open(started, encoding="ascii") as f:
                            child = int(f.read())
                        tool.send_signal(number)
                        open(told, "w", encoding="ascii").close()
                        self.assertNotEqual(tool.wait(120), 0)
                        with self.assertRaises(ProcessLookupError):
                            os.kill(child, 0)
                    finally:
                        tool.kill()
                        tool.wait()
                        if child:
                            with contextlib.suppress(ProcessLookupError):
                                os.kill(child, signal.SIGKILL)

    def test_what_a_stage_started_ends_when_the_check_is_told_to_end(self):
        self.ends(False)

    def test_what_a_stage_has_only_just_started_does_so_as_well(self):
        self.ends(True)

    def test_a_stage_that_runs_beside_others_does_so_as_well(self):
        self.ends(False, beside=("long",))


if __name__ == "__main__":
    unittest.main()
