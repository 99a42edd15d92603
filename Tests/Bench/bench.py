"""Time, CPU and memory of Cais beside the peers that are installed, interleaved in one run.

Every figure is a median over rounds in which each contender has its turn, so that a slow minute of
the machine hits all of them; the ratio is ours over the peer's. Nothing here passes or fails.
"""

import argparse
import contextlib
import copy
import io
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))

import images  # noqa: E402
from engine import BIN, Engine, wait_until  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# After this long without work daemons and supervisors have put away what the work needed.
QUIET_SECONDS = 11


# ---- measuring ----------------------------------------------------------------------------------
def timed(arguments, environment=None):
    """Runs a program to its end: (wall ms, CPU ms of it and what it waited for, exit code)."""
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    begun = time.perf_counter()
    pid = os.posix_spawnp(str(arguments[0]), [str(a) for a in arguments], environment or os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    os.close(null)
    return wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000, os.waitstatus_to_exitcode(status)


def peak_kib(arguments):
    """Peak resident size of a program. Started from a small process: one that a large process
    starts inherits the large one's peak (getrusage(2))."""
    with tempfile.NamedTemporaryFile("r") as report:
        subprocess.run(["busybox", "time", "-o", report.name, "-f", "%M", *map(str, arguments)],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        words = report.read().split()
    # busybox takes the kernel's kilobytes for pages of four.
    return int(words[-1]) // 4 if words else 0


def memory_kib(pid):
    """Resident, proportional and private dirty size of a process, in KiB."""
    fields = {}
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if rest.endswith("kB\n"):
                fields[name] = int(rest.split()[0])
    return fields["Rss"], fields["Pss"], fields["Private_Dirty"]


class Table:
    """Rows of figures, one contender each; the first is ours and the base of the ratios."""

    def __init__(self):
        self.rows = []

    def add(self, what, unit, figures):
        figures = {name: values for name, values in figures.items() if values}
        if not figures:
            return
        ours = statistics.median(next(iter(figures.values())))
        cells = []
        for number, (name, values) in enumerate(figures.items()):
            middle = statistics.median(values)
            text = f"{name} {middle:.1f} (best {min(values):.1f})" if len(values) > 1 else f"{name} {middle:.1f}"
            if number and middle:
                text += f" ratio {ours / middle:.2f}"
            cells.append(text)
        self.rows.append((f"{what}, {unit}", cells))
        print(f"{what}, {unit}: " + " | ".join(cells), flush=True)


def rounds(count, contenders, measure):
    """Calls `measure(contender)` in turn, `count` times after one warm-up, and collects what it returns."""
    collected = {name: [] for name in contenders}
    for name in contenders:
        measure(contenders[name])
    for _ in range(count):
        for name in contenders:
            collected[name].append(measure(contenders[name]))
    return collected


# ---- the runtime ---------------------------------------------------------------------------------
def bundle(folder, seccomp):
    """A bundle as the engine makes one for `run busybox true`, taken from the engine itself."""
    engine = Engine()
    try:
        engine.start()
        archive = engine.root / "busybox.tar"
        images.docker_archive(archive)
        engine.ok("load", "-i", archive)
        options = [] if seccomp else ["--security-opt", "seccomp=unconfined"]
        engine.ok("run", "-d", "--name", "model", "--network", "none", *options, "busybox", "sleep", "600")
        config = json.loads(next((engine.root / "run" / "containers").glob("*/config.json")).read_text())
    finally:
        engine.close()
    rootfs = folder / "rootfs"
    if not rootfs.exists():
        rootfs.mkdir(parents=True)
        with tarfile.open(fileobj=io.BytesIO(images.busybox_layer())) as tar:
            tar.extractall(rootfs)
    config = copy.deepcopy(config)
    config["root"]["path"] = str(rootfs)
    config["process"]["args"] = ["/bin/true"]
    config["process"]["terminal"] = False
    config["mounts"] = [m for m in config["mounts"] if m.get("type") != "bind" and "bind" not in m.get("options", [])]
    for namespace in config["linux"]["namespaces"]:
        if namespace["type"] == "network":
            namespace.pop("path", None)
    config["linux"]["cgroupsPath"] = "/cais/bench"
    (folder / "config.json").write_text(json.dumps(config))


def runtimes():
    found = {"cais-runtime": [BIN / "cais-runtime"]}
    for name in ("crun", "runc"):
        if shutil.which(name):
            found[name] = [shutil.which(name)]
    return found


def bench_runtime(table, count):
    with tempfile.TemporaryDirectory(prefix="cais-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        contenders = runtimes()
        for program, command in contenders.items():
            (scratch / f"state-{program}").mkdir()
            command += ["--root", scratch / f"state-{program}"]
        for label, seccomp in (("default seccomp profile", True), ("no seccomp", False)):
            folder = scratch / label.replace(" ", "-")
            folder.mkdir()
            bundle(folder, seccomp)
            number = iter(range(1_000_000))

            def run(command):
                wall, cpu, code = timed([*command, "run", "--bundle", folder, f"b{next(number)}"])
                assert code == 0, f"{command}: exit {code}"
                return wall, cpu

            usable = {n: c for n, c in contenders.items() if works(lambda: run(c), n)}
            results = rounds(count, usable, run)
            table.add(f"run /bin/true, {label}: wall", "ms", {n: [w for w, _ in r] for n, r in results.items()})
            table.add(f"run /bin/true, {label}: CPU", "ms", {n: [c for _, c in r] for n, r in results.items()})
            table.add(f"run /bin/true, {label}: peak memory", "KiB", {
                n: [peak_kib([*c, "run", "--bundle", folder, f"b{next(number)}"]) for _ in range(5)] for n, c in usable.items()})
        verbs = {name: [] for name in usable}
        for turn in range(count + 1):
            for name, command in usable.items():
                identifier = f"v{turn}"
                figures = [timed([*command, *arguments])[:2] for arguments in (
                    ["create", "--bundle", sleeping(folder), identifier], ["start", identifier],
                    ["exec", identifier, "/bin/true"], ["kill", identifier, "KILL"], ["delete", "--force", identifier])]
                if turn:
                    verbs[name].append(figures)
        for number, verb in enumerate(("create", "start", "exec /bin/true", "kill", "delete")):
            table.add(f"{verb}: wall", "ms", {n: [f[number][0] for f in v] for n, v in verbs.items()})
            table.add(f"{verb}: CPU", "ms", {n: [f[number][1] for f in v] for n, v in verbs.items()})
        results = rounds(count, {n: c[:1] for n, c in contenders.items()}, lambda c: timed([*c, "--version"])[:2])
        table.add("--version: CPU", "ms", {n: [c for _, c in r] for n, r in results.items()})


def sleeping(folder):
    """The same bundle with a command that stays."""
    other = folder.with_name("sleeping")
    if not other.exists():
        other.mkdir()
        config = json.loads((folder / "config.json").read_text())
        config["process"]["args"] = ["/bin/sleep", "600"]
        (other / "config.json").write_text(json.dumps(config))
    return other


def works(attempt, name):
    try:
        attempt()
        return True
    except AssertionError as error:
        print(f"left out: {name} ({error})", file=sys.stderr)
        return False


# ---- the engine ----------------------------------------------------------------------------------
class Dockerd:
    """Debian's dockerd on a private root."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cais-bench-dockerd-"))
        self.host = f"unix://{self.root}/docker.sock"
        self.log = open(self.root / "log", "wb")
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            ["dockerd", "--data-root", self.root / "data", "--exec-root", self.root / "run", "--pidfile", self.root / "pid",
             "-H", self.host, "--bip", "10.231.7.1/24"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.environment = {**os.environ, "DOCKER_HOST": self.host}
        wait_until("dockerd answers", lambda: timed(["docker", "version"], self.environment)[2] == 0, 60)
        self.ready_ms = (time.perf_counter() - begun) * 1000

    def pids(self):
        """The daemon and the containerd it started."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True).stdout.decode().split()
        return [self.process.pid, *map(int, children)]

    def close(self):
        with contextlib.suppress(Exception):
            ids = subprocess.run(["docker", "ps", "-aq"], env=self.environment, capture_output=True).stdout.decode().split()
            if ids:
                subprocess.run(["docker", "rm", "-f", *ids], env=self.environment, capture_output=True)
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.root, ignore_errors=True)


def bench_engine(table, count):
    engine = Engine()
    peer = podman = None
    try:
        archive = engine.root / "busybox.tar"
        images.docker_archive(archive)
        begun = time.perf_counter()
        engine.start()
        ready = {"caisd": [(time.perf_counter() - begun) * 1000]}
        engine.ok("load", "-i", archive)
        contenders = {"cais on caisd": ([BIN / "cais"], engine.environ()), "docker on caisd": (["docker"], engine.environ())}
        if shutil.which("dockerd"):
            with contextlib.suppress(AssertionError, OSError):
                peer = Dockerd()
                subprocess.run(["docker", "load", "-i", archive], env=peer.environment, capture_output=True, check=True)
                contenders["docker on dockerd"] = (["docker"], peer.environment)
                ready["dockerd"] = [peer.ready_ms]
        if shutil.which("podman"):
            storage = ["podman", "--root", engine.root / "podman", "--runroot", engine.root / "podman-run", "--cgroup-manager", "cgroupfs"]
            loaded = subprocess.run([*map(str, storage), "load", "-q", "-i", archive], capture_output=True)
            if loaded.returncode == 0 and timed([*storage, "run", "--rm", "--network", "none", "busybox", "true"])[2] == 0:
                podman = (storage, dict(os.environ))
                # Without its network helpers it has no bridge.
                if timed([*storage, "run", "--rm", "busybox", "true"])[2] == 0:
                    contenders["podman"] = podman
        table.add("cold start of the daemon", "ms", ready)
        # Idle as a daemon is that has only loaded an image; after the runs below it is asked again.
        time.sleep(QUIET_SECONDS)
        daemon_memory(table, "idle daemon, just started", engine, peer)

        def step(*arguments):
            def measure(contender):
                program, environment = contender
                wall, _, code = timed([*program, *arguments], environment)
                assert code == 0, f"{program} {arguments}: exit {code}"
                return wall
            return measure

        table.add("run --rm true: wall", "ms", rounds(count, contenders, step("run", "--rm", "busybox", "true")))
        table.add("run --rm --network none true: wall", "ms", rounds(
            count, {**contenders, **({"podman": podman} if podman else {})}, step("run", "--rm", "--network", "none", "busybox", "true")))
        table.add("run -d: wall", "ms", rounds(count, contenders, step("run", "-d", "busybox", "sleep", "600")))
        for program, environment in contenders.values():
            subprocess.run([*map(str, program), "run", "-d", "--name", "target", "busybox", "sleep", "600"], env=environment, capture_output=True)
        table.add("exec true: wall", "ms", rounds(count, {n: c for n, c in contenders.items() if n != "docker on caisd"}, step("exec", "target", "true")))
        table.add("ps: wall", "ms", rounds(count, contenders, step("ps")))
        for program, environment in contenders.values():
            ids = subprocess.run([*map(str, program), "ps", "-aq"], env=environment, capture_output=True).stdout.decode().split()
            if ids:
                subprocess.run([*map(str, program), "rm", "-f", "-t", "0", *ids] if program[0] == "podman" else [*map(str, program), "rm", "-f", *ids], env=environment, capture_output=True)
        time.sleep(QUIET_SECONDS)
        daemon_memory(table, "idle daemon, after the runs", engine, peer)
        bench_supervisor(table, engine, peer, podman)
    finally:
        if peer:
            peer.close()
        engine.close()


def daemon_memory(table, what, engine, peer):
    sizes = {"caisd": memory_kib(engine.process.pid)}
    if peer:
        sizes["dockerd with containerd"] = tuple(map(sum, zip(*(memory_kib(p) for p in peer.pids()))))
    table.add(f"{what}: resident", "KiB", {n: [v[0]] for n, v in sizes.items()})
    table.add(f"{what}: proportional", "KiB", {n: [v[1]] for n, v in sizes.items()})


def bench_supervisor(table, engine, peer, podman):
    """Each supervisor some seconds after its container's start: it may have put its start away by then."""
    idle = ["run", "-d", "--name", "idle", "--network", "none", "busybox", "sleep", "600"]
    engine.ok(*idle)
    if peer:
        subprocess.run(["docker", *idle], env=peer.environment, capture_output=True)
    if podman:
        subprocess.run([*map(str, podman[0]), *idle], env=podman[1], capture_output=True)
    time.sleep(QUIET_SECONDS)
    sizes = {"cais-shim": memory_kib(engine.shims()[0])}
    for name in ("containerd-shim", "conmon"):
        found = subprocess.run(["pgrep", "-f", f"(^|/){name}"], capture_output=True).stdout.decode().split()
        if found:
            sizes[name] = memory_kib(found[0])
    if podman:
        subprocess.run([*map(str, podman[0]), "rm", "-f", "-t", "0", "idle"], env=podman[1], capture_output=True)
    for number, what in enumerate(("resident", "proportional", "private dirty")):
        table.add(f"supervisor of an idle container: {what}", "KiB", {n: [v[number]] for n, v in sizes.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns of each contender (default 15)")
    parser.add_argument("--only", choices=("runtime", "engine"), help="one part")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: containers need root here")
    if "CAIS_BENCH_INSIDE" not in os.environ:
        # Networks of a namespace of its own; crun does not run where v2 is mounted beside v1, so
        # the mounts are private too and the v2 one is taken away in here.
        os.execvpe("unshare", ["unshare", "--net", "--mount", "--propagation", "slave", "--", "sh", "-c",
                               "ip link set lo up; umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\"", "sh", sys.executable, *sys.argv],
                   {**os.environ, "CAIS_BENCH_INSIDE": "1"})
    table = Table()
    if options.only != "engine":
        bench_runtime(table, options.rounds)
    if options.only != "runtime":
        bench_engine(table, options.rounds)
    print("\n| what | figures: median (best), ratio of ours to the peer's |\n| --- | --- |")
    for what, cells in table.rows:
        print(f"| {what} | {' · '.join(cells)} |")


if __name__ == "__main__":
    main()
