"""tools/embed.py: what it makes of SQL compiles, says the same, and what it cannot take is refused with the place."""
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EMBED = os.path.join(ROOT, "tools", "embed.py")


class Embed(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def embed(self, kind, files, *more):
        for name, content in files.items():
            with open(self.path(name), "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())
        return subprocess.run([sys.executable, EMBED, kind, "--as", "room", "--c", self.path("out.c"), "--h", self.path("out.h"), *more,
                               *map(self.path, files)], capture_output=True, text=True, check=False)

    def print_from_c(self, body):
        """Compile the generated source with a main and return what it writes."""
        with open(self.path("main.c"), "w", encoding="utf-8") as f:
            f.write(f'#include "out.h"\n#include <stdio.h>\nint main(void) {{ {body} return 0; }}\n')
        subprocess.run([os.environ.get("CC", "cc"), "-Wall", "-Wextra", "-Werror", "-I", os.path.join(ROOT, "src"), self.path("main.c"), self.path("out.c"),
                        "-o", self.path("main")], check=True)
        return subprocess.run([self.path("main")], capture_output=True, check=True).stdout

    def test_a_statement_comes_out_as_it_was_written_without_its_introduction(self):
        sql = "SELECT 'a\\b \"c\" ??/ \u00e4' -- why\n\tFROM t\n-- inner\nWHERE x;"
        done = self.embed("sql", {"a.sql": f"-- about the file\n\n-- name: one\n-- about one\n{sql}\n\n-- name: two\nSELECT 2;\n"})
        self.assertEqual(done.returncode, 0, done.stderr)
        out = self.print_from_c('fwrite(sql_one, 1, sizeof sql_one - 1, stdout); printf("|%zu %s %s", room_statement_count, room_statements[1].name, room_statements[1].text);'
                                .replace("sizeof sql_one - 1", "__builtin_strlen(sql_one)"))
        self.assertEqual(out.decode(), sql + "|2 two SELECT 2;")

    def test_a_file_without_names_is_one_statement_called_after_it(self):
        done = self.embed("sql", {"0001_first.sql": "-- why\nCREATE TABLE a (b int);\nCREATE TABLE c (d int);\n"}, "--prefix", "m_")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.print_from_c("fputs(sql_m_0001_first, stdout);").decode(), "CREATE TABLE a (b int);\nCREATE TABLE c (d int);")

    def test_what_cannot_be_embedded_is_refused_with_its_place(self):
        for content, says in (("-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;\n", "bad.sql:3: a is already in"),
                              ("-- name: a-b\nSELECT 1;\n", "bad.sql:1: 'a-b' is not a C identifier"),
                              ("-- name: a\n-- name: b\nSELECT 1;\n", "bad.sql:1: statement a is empty"),
                              ("SELECT 0;\n-- name: a\nSELECT 1;\n", "SQL before the first"),
                              ("-- nothing\n", "no statement in it"),
                              (b"-- name: a\nSELECT '\xff';\n", "codec can't decode")):
            done = self.embed("sql", {"bad.sql": content})
            self.assertEqual(done.returncode, 1)
            self.assertIn(says, done.stderr)

    def test_bytes_are_carried_whatever_they_are(self):
        everything = bytes(range(256)) * 3
        done = self.embed("bytes", {"x.bin": everything, "empty": b""})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.print_from_c("fwrite(room_files[0].data, 1, room_files[0].size, stdout);"), everything)
        self.assertEqual(self.print_from_c('printf("%zu %s %zu", room_file_count, room_files[1].name, room_files[1].size);'), b"2 empty 0")


if __name__ == "__main__":
    unittest.main()
