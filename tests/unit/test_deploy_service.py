#!/usr/bin/env python3
"""deploy/homeostat.service.in: what the sensors need of the kernel is not shut out by the unit that shuts the program in."""
import os
import unittest

UNIT = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "homeostat.service.in")


class Service(unittest.TestCase):
    def setUp(self):
        self.settings = {}
        with open(UNIT, encoding="utf-8") as f:
            for line in f:
                if "=" in line and not line.startswith("#"):
                    key, value = line.strip().split("=", 1)
                    self.settings.setdefault(key, []).append(value)

    def words(self, key):
        return " ".join(self.settings.get(key, [])).split()

    def test_the_kernel_may_be_asked_about_connections(self):
        self.assertIn("AF_NETLINK", self.words("RestrictAddressFamilies"))

    def test_the_disk_below_home_is_the_one_that_is_there(self):
        self.assertIn(self.settings["ProtectHome"], (["read-only"], ["no"]))

    def test_the_clock_may_be_asked_how_well_it_is_kept_and_not_be_set(self):
        self.assertNotIn("yes", self.words("ProtectClock"))       # its filter refuses adjtimex, whatever SystemCallFilter says
        self.assertTrue({"adjtimex", "clock_adjtime"} <= set(self.words("SystemCallFilter")))
        self.assertEqual(self.settings["CapabilityBoundingSet"], [""])

    def test_no_core_with_tokens_and_passwords_in_it_is_written(self):
        self.assertEqual(self.settings.get("LimitCORE"), ["0"])

    def test_a_command_that_restarts_a_server_is_not_ended_with_us(self):
        self.assertEqual(self.settings.get("KillMode"), ["process"])      # process.h promises it, also when we crash or are stopped
        self.assertEqual(self.settings.get("OOMPolicy"), ["continue"])    # a throwaway server that found no room would stop the service

    def test_a_first_start_has_the_time_that_a_migration_needs(self):
        self.assertEqual(self.settings.get("TimeoutStartSec"), ["15min"])

    def test_the_folder_of_the_configuration_is_as_tmpfiles_makes_it(self):
        with open(os.path.join(os.path.dirname(UNIT), "homeostat.tmpfiles"), encoding="utf-8") as f:
            modes = {words[1]: words[2] for words in map(str.split, f) if words and words[0] == "d"}
        self.assertEqual(self.settings.get("ConfigurationDirectoryMode"), [modes["/etc/homeostat"]])
        self.assertEqual(self.settings["StateDirectoryMode"], [modes["/var/lib/homeostat"]])

    def test_the_machine_is_seen_through_proc_and_sys(self):
        self.assertFalse({"ProtectProc", "ProcSubset"} & set(self.settings))


if __name__ == "__main__":
    unittest.main()
