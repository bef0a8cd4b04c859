"""tools/setup --list: which packages are missing, on machines that this is not. Nothing is installed."""
import os
import subprocess
import tempfile
import unittest

TOOL = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tools", "setup")

# Answers as dpkg does: a line for each architecture, with what was asked of it; 1 when it has never heard of the package.
QUERY = r"""#!/bin/sh
format=${2#-f=}
[ "$3" = gcc ] && lines='GCC' || lines=amd64=installed
[ -n "$lines" ] || exit 1
for line in $lines; do
    printf '%b' "$(printf '%s' "$format" | sed "s/\${Architecture}/${line%=*}/; s/\${db:Status-Status}/${line#*=}/")"
done
"""


class Missing(unittest.TestCase):
    def missing(self, gcc):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("dpkg-query", QUERY.replace("GCC", gcc)), ("dpkg", "#!/bin/sh\necho amd64\n")):
                with open(os.path.join(folder, name), "w", encoding="ascii") as f:
                    f.write(text)
                os.chmod(os.path.join(folder, name), 0o755)
            done = subprocess.run([TOOL, "--list"], env={**os.environ, "PATH": folder + ":/usr/bin:/bin"}, capture_output=True, text=True, check=True)
            return done.stdout.split()

    def test_what_is_installed_is_not_missing(self):
        self.assertEqual(self.missing("amd64=installed"), [])
        self.assertEqual(self.missing("all=installed"), [])

    def test_what_is_installed_for_a_second_architecture_as_well_is_not_missing(self):
        self.assertEqual(self.missing("amd64=installed i386=installed"), [])
        self.assertEqual(self.missing("i386=config-files amd64=installed"), [])

    def test_what_is_not_or_only_partly_or_for_another_architecture_installed_is_missing(self):
        for gcc in ("", "amd64=not-installed", "amd64=config-files", "amd64=half-installed", "i386=installed", "i386=installed amd64=not-installed"):
            self.assertEqual(self.missing(gcc), ["gcc"], gcc)


if __name__ == "__main__":
    unittest.main()
