#!/usr/bin/env python3
"""tools/embed_assets.py: what becomes of the dashboard's files, and what is refused."""
import os
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "embed_assets.py")


class EmbedAssets(unittest.TestCase):
    def embed(self, files):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, data in files.items():
                paths.append(os.path.join(folder, name))
                with open(paths[-1], "wb") as f:
                    f.write(data)
            out = os.path.join(folder, "out.c")
            done = subprocess.run([sys.executable, TOOL, "--c", out] + paths, capture_output=True, text=True)
            if done.returncode != 0:
                return done.stderr
            with open(out, encoding="utf-8") as f:
                return f.read()

    def test_without_files_the_table_is_empty(self):
        self.assertIn("ui_assets_count = 0;", self.embed({}))

    def test_the_page_finds_its_parts_below_assets_and_by_their_digest(self):
        page = b'<link href="app.css"><script src="./app.js" defer></script><a href="other.html">'
        text = self.embed({"index.html": page, "app.js": b"1", "app.css": b"2"})
        row = [line for line in text.split("\n") if line.startswith('    { "index.html"')][0]
        number = row.split("file_")[1].split(",")[0]
        block = text.split(f"file_{number}[] = {{")[1].split("};")[0]
        embedded = bytes(int(n) for n in block.replace("\n", "").split(",") if n.strip())[:-1]
        self.assertRegex(embedded.decode(), r'href="assets/app\.css\?v=[0-9a-f]{16}"')
        self.assertRegex(embedded.decode(), r'src="assets/app\.js\?v=[0-9a-f]{16}" defer')
        self.assertIn(b'<a href="other.html">', embedded)
        self.assertIn('"text/javascript; charset=utf-8"', text)

    def test_unknown_types_and_odd_names_are_refused(self):
        self.assertIn("media type", self.embed({"a.exe": b""}))
        self.assertIn("letters", self.embed({"a b.js": b""}))


if __name__ == "__main__":
    unittest.main()
