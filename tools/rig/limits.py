"""Limits that make storage matter, as on a small cloud machine: a control group with a memory limit that counts the page cache
and a throttle on the block device. cgroup v1 counts for the numbers; v2 is used where it is what the machine has."""
import os
import shlex
import time

DOCUMENTED = {"DEMO_MEMORY": 1 << 30, "DEMO_IOPS": 2000, "DEMO_BANDWIDTH": 80_000_000}      # of the profile cloud-disk


def wanted():
    """The profile's numbers, as the environment has them."""
    try:
        return {name: int(os.environ.get(name, number)) for name, number in DOCUMENTED.items()}
    except ValueError as e:
        raise SystemExit(f"{', '.join(DOCUMENTED)} are numbers of bytes, operations and bytes a second: {e}") from None


class Limits:
    def __init__(self, profile):
        self.profile = profile
        self.numbers = wanted()
        self.memory, self.iops, self.bandwidth = self.numbers.values()
        self.groups, self.beside = [], []       # for the server and its load; for what works beside them
        self.made = []
        self.version = 0
        self.why_not = None
        if profile == "none":
            self.why_not = "no limits were asked for: there may be nothing to win"
        elif profile != "cloud-disk":
            raise SystemExit(f"DEMO_PROFILE={profile} is not known: cloud-disk or none")
        elif os.geteuid() != 0:
            self.why_not = "control groups need root: no limits, so there may be nothing to win"
        else:
            self.find()

    def find(self):
        mounts = [line.split() for line in open("/proc/mounts")]
        v1 = {c: m[1] for m in mounts if m[2] == "cgroup" for c in ("memory", "blkio") if c in m[3].split(",")}
        if {"memory", "blkio"} <= set(v1):
            self.version, self.roots = 1, [v1["memory"], v1["blkio"]]
            return
        for m in mounts:
            if m[2] == "cgroup2" and {"memory", "io"} <= set(open(m[1] + "/cgroup.controllers").read().split()):
                self.version, self.roots = 2, [m[1]]
                return
        self.why_not = "this machine has no memory and io control groups: no limits, so there may be nothing to win"

    def describe(self):
        if self.why_not:
            return f"none ({self.why_not})"
        return (f"cloud-disk (cgroup v{self.version}: {self.memory // (1 << 20)} MiB of memory including the page cache, "
                f"{self.iops} IOPS and {self.bandwidth // 1_000_000} MB/s each way)")

    def documented(self):
        """Are they set, and those that the bars were measured with?"""
        return not self.why_not and self.numbers == DOCUMENTED

    @staticmethod
    def write(path, text):
        with open(path, "w") as f:
            f.write(text)

    @staticmethod
    def device_of(folder):
        dev = os.stat(folder).st_dev
        number = f"{os.major(dev)}:{os.minor(dev)}"
        sysfs = f"/sys/dev/block/{number}"
        if os.path.exists(sysfs + "/partition"):     # throttles are set on whole disks
            number = open(os.path.realpath(sysfs) + "/../dev").read().strip()
        return number if os.path.exists(sysfs) else None

    def create(self, folder, uid):
        if self.why_not:
            return
        name = os.path.basename(folder)     # who goes on with the folder finds its group again
        device = self.device_of(folder)
        try:
            if device is None:
                raise OSError("the data does not lie on a block device")
            if self.version == 1:
                self.groups = memory, blkio = [self.make(root, name) for root in self.roots]
                self.write(memory + "/memory.limit_in_bytes", str(self.memory))
                for way in ("read", "write"):
                    self.write(f"{blkio}/blkio.throttle.{way}_iops_device", f"{device} {self.iops}")
                    self.write(f"{blkio}/blkio.throttle.{way}_bps_device", f"{device} {self.bandwidth}")
            else:
                # Whoever is not root may move a process within a group that is his, not into one: Homeostat, which restarts the server, begins in there.
                above = self.make(self.roots[0], name)
                group = self.make(above, "limited")
                self.groups, self.beside = [group], [self.make(above, "beside")]
                os.chown(above + "/cgroup.procs", uid, -1)
                self.write(group + "/memory.max", str(self.memory))
                self.write(group + "/io.max", f"{device} rbps={self.bandwidth} wbps={self.bandwidth} riops={self.iops} wiops={self.iops}")
            for group in self.groups:
                os.chown(group + "/cgroup.procs", uid, -1)
        except OSError as e:
            self.remove()
            self.why_not = f"the limits could not be set ({e}): there may be nothing to win"

    def make(self, above, name):
        group = os.path.join(above, name)
        if self.version == 2:
            self.write(above + "/cgroup.subtree_control", "+memory +io")
        os.makedirs(group, exist_ok=True)
        self.made.append(group)
        return group

    def enter(self, inside=True):
        """Called in a child before it becomes the server or the load, or, not inside, what works beside them."""
        for group in self.groups if inside else self.beside:
            self.write(group + "/cgroup.procs", str(os.getpid()))

    def enter_script(self):
        """A server without its limits would be the faster one, so then there is none."""
        return "".join(f"echo $$ > {shlex.quote(g)}/cgroup.procs || exit 1\n" for g in self.groups)

    def drop_cache(self):
        """Pages charged to the group go; a cold start for everybody alike."""
        for group in self.groups:
            for name, text in (("memory.force_empty", "0"), ("memory.reclaim", str(self.memory))):
                path = f"{group}/{name}"
                if os.path.exists(path):
                    try:
                        self.write(path, text)
                    except OSError:
                        pass
        if os.geteuid() == 0:
            os.sync()
            try:
                self.write("/proc/sys/vm/drop_caches", "1")
            except OSError:
                pass

    def remove(self):
        remove_groups(self.made)
        self.groups, self.beside, self.made = [], [], []


def remove_groups(groups):
    """Those whose processes have ended; the kernel may need a moment to see that."""
    for group in reversed(groups):
        for _ in range(50):
            try:
                os.rmdir(group)
                break
            except OSError:
                time.sleep(0.1)
