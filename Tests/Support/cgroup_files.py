"""The cgroup of a container as the kernel's files show it, whatever hierarchies the machine has: a test asks for
a limit and gets the same answer on v1, on v2 and on both side by side."""

import functools
import os
import pathlib
import re

NO_LIMIT = -1


@functools.cache
def hierarchies():
    """Controllers by the (version, mount point) of the hierarchy that has them; `unified` is v2's, whatever it has."""
    found = {}
    for line in open("/proc/self/mountinfo"):
        fields = line.split()
        dash = fields.index("-")
        kind, point, options = fields[dash + 1], fields[4], fields[dash + 3].split(",")
        if kind == "cgroup2":
            found.setdefault("unified", (2, point))
            for name in open(f"{point}/cgroup.controllers").read().split():
                found[name] = (2, point)
        elif kind == "cgroup":
            for name in options:
                if os.path.exists(f"{point}/{name}.stat") or name.startswith("name=") or name in CONTROLLERS:
                    found[name] = (1, point)
    return found


CONTROLLERS = "cpu cpuacct cpuset memory devices freezer blkio pids hugetlb net_cls net_prio perf_event rdma misc".split()


def version(controller):
    """1 or 2, or None where the machine has not got the controller. `io` is v2's name of `blkio`."""
    found = hierarchies().get(controller) or (hierarchies().get("io") if controller == "blkio" else None)
    return found[0] if found else None


def only_v2():
    """Whether there is no v1 hierarchy at all."""
    return all(number == 2 for number, _ in hierarchies().values())


class Cgroup:
    """The directories of one cgroup path."""

    def __init__(self, path):
        self.path = path.strip("/")

    def directory(self, controller):
        name = "io" if controller == "blkio" and version("blkio") == 2 else controller
        return pathlib.Path(hierarchies()[name][1]) / self.path

    def directories(self):
        """The cgroup's directory in each hierarchy, there or not."""
        return sorted({pathlib.Path(point) / self.path for _, point in hierarchies().values()})

    def existing(self):
        return [directory for directory in self.directories() if directory.exists()]

    def read(self, controller, file, unified=None):
        """A file's text: `file` on v1, `unified` (or the same name) on v2."""
        name = file if version(controller) == 1 else unified or file
        return (self.directory(controller) / name).read_text().strip()

    def has(self, controller, file, unified=None):
        name = file if version(controller) == 1 else unified or file
        return version(controller) is not None and (self.directory(controller) / name).exists()

    def table(self, controller, file, unified=None):
        return {line.split()[0]: int(line.split()[1]) for line in self.read(controller, file, unified).splitlines()}

    @staticmethod
    def amount(text):
        """A number of bytes or processes; v1 writes no limit as the largest number of whole pages."""
        return NO_LIMIT if text == "max" or int(text) >= 2**63 - 65536 else int(text)

    # -- limits ---------------------------------------------------------------------------------
    @property
    def memory(self):
        return self.amount(self.read("memory", "memory.limit_in_bytes", "memory.max"))

    @property
    def memory_and_swap(self):
        """Memory and swap together, as config.json counts."""
        if version("memory") == 1:
            return self.amount(self.read("memory", "memory.memsw.limit_in_bytes"))
        swap = self.amount(self.read("memory", "memory.swap.max"))
        return NO_LIMIT if NO_LIMIT in (swap, self.memory) else swap + self.memory

    @property
    def reservation(self):
        return self.amount(self.read("memory", "memory.soft_limit_in_bytes", "memory.low"))

    @property
    def shares(self):
        """Shares; on v2 the weight of processor time, normal being 100 and not 1024."""
        return int(self.read("cpu", "cpu.shares", "cpu.weight"))

    @property
    def quota(self):
        """Quota and period in microseconds."""
        if version("cpu") == 1:
            return int(self.read("cpu", "cpu.cfs_quota_us")), int(self.read("cpu", "cpu.cfs_period_us"))
        quota, period = self.read("cpu", "cpu.max").split()
        return self.amount(quota), int(period)

    @property
    def burst(self):
        return int(self.read("cpu", "cpu.cfs_burst_us", "cpu.max.burst"))

    @property
    def idle(self):
        return int(self.read("cpu", "cpu.idle"))

    @property
    def processors(self):
        return self.read("cpuset", "cpuset.cpus")

    @property
    def pids(self):
        return self.amount(self.read("pids", "pids.max"))

    # -- life -----------------------------------------------------------------------------------
    def processes(self, controller=None):
        controller = controller or ("pids" if version("pids") else "unified")
        return {int(pid) for pid in self.read(controller, "cgroup.procs").split()}

    @property
    def is_frozen(self):
        if version("freezer") == 1:
            return self.read("freezer", "freezer.state") == "FROZEN"
        return self.table("unified", "cgroup.events")["frozen"] == 1


def of(pid):
    """The cgroup paths of a process by controller of the hierarchies that are mounted, `unified` for v2, without a leading slash."""
    found = {}
    for line in open(f"/proc/{pid}/cgroup"):
        _, controllers, path = line.strip().split(":", 2)
        for name in controllers.split(",") if controllers else ["unified"]:
            if name in hierarchies():
                found[name] = path.strip("/")
    return found


def block_device():
    """The number of a whole block device as `major:minor`, or None."""
    for name in sorted(os.listdir("/sys/block")):
        if re.match(r"(vd|sd|nvme|xvd|loop|ram|zram)", name):
            return pathlib.Path(f"/sys/block/{name}/dev").read_text().strip()
    return None


# What opening a device without a driver says: the device rules are asked first.
DENIED, ALLOWED = "Operation not permitted", "No such device or address"


def open_device(container, major, minor, redirect="<", kind="c"):
    """What a process of the container is told when it opens a device for reading, or with `>` for writing."""
    script = f"p=/tmp/device-{kind}-{major}-{minor}; mknod $p {kind} {major} {minor} 2>/dev/null; : {redirect}$p"
    result = container.exec("sh", "-c", script)
    return result.err.strip().rsplit(": ", 1)[-1]
