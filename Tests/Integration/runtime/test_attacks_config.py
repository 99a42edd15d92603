"""Hostile values in a configuration and on the command line: refused with their place, soon, and without a crash (docs/threat-model.md)."""

import json
import os
import subprocess
import time

import pytest

from attacking import Host, ended, put
from cais_testing import IS_PEER, changed

pytestmark = pytest.mark.skipif(IS_PEER, reason="about this runtime's own promises")


@pytest.fixture
def host(runtime):
    host = Host(runtime.directory)
    yield host
    host.check("something of this test")


@pytest.mark.parametrize("key", [
    "kernel.core_pattern", "kernel.shm_rmid_forced+kernel.core_pattern", "kernel.shm_rmid_forced=1+kernel.core_pattern", "kernel/../kernel/core_pattern",
    "net/../kernel/core_pattern", "net.ipv4/../../kernel/core_pattern", "net/./ipv4/ip_forward", "net//ipv4", "net.", ".net", "", ".", "..", "net", "/proc/sys/net/ipv4/ip_forward",
    "fs.mqueue", "fs.mqueue.a.b", "fs.file-max", "vm.overcommit_memory", "user.max_user_namespaces", "kernel.hostname", "kernel.modprobe", "kernel.domainname.x",
    "net.ipv4.ip_forward\x00", "net.ipv4.ip_forward\n", "net/ipv4/conf/../../../kernel/core_pattern",
])
def test_no_sysctl_leads_to_the_hosts(runtime, host, key):
    """CVE-2022-0811: a list of names and no syntax in them."""
    result = ended(runtime.once("true", change=lambda config: config["linux"].update(sysctl={key: "|/bin/evil"})))
    assert result.code != 0 and "sysctl" in result.err, result


@pytest.mark.parametrize("path", ["/proc/self/ns/net", "link"])
def test_no_sysctl_is_set_in_a_namespace_of_the_host_that_is_joined_by_its_path(runtime, path):
    """A namespace in the configuration is one of the container's own only if it is not the caller's."""
    if path == "link":
        path = str(put(runtime.directory / "link", "link", "/proc/thread-self/ns/net"))

    def change(config):
        for entry in config["linux"]["namespaces"]:
            if entry["type"] == "network":
                entry["path"] = path
        config["linux"]["sysctl"] = {"net.ipv4.ip_default_ttl": "77"}
    result = runtime.once("true", change=change)
    assert result.code != 0 and "sysctl" in result.err and "network" in result.err, result
    assert open("/proc/sys/net/ipv4/ip_default_ttl").read() != "77\n"


@pytest.mark.parametrize("path", ["..", "../..", "/..", "/a/../../../..", "a/..", "/", "//", "/.", "/a/./..", "/a\x00b", "/a\nb", "/" + "a" * 300, "/" + "a/" * 3000])
def test_cgroup_paths_that_are_none(runtime, path):
    result = ended(runtime.once("true", change=lambda config: config["linux"].update(cgroupsPath=path)))
    assert result.code != 0 and "cgroup" in result.err, result


@pytest.mark.parametrize("place,value,words", [
    ("process.user.uid", 2**31, "2147483648"), ("process.user.gid", 2**32 - 1, "2147483648"), ("process.user.uid", 2**32, "uid"), ("process.user.uid", -1, "uid"),
    ("process.user.uid", 0.5, "uid"), ("process.user.additionalGids", [2**31], "2147483648"), ("process.user.additionalGids", list(range(200_000)), "groups"),
    ("process.args", [], "args"), ("process.args", ["a\x00b"], "NUL"), ("process.env", ["A=\x00"], "NUL"), ("process.cwd", "tmp", "cwd"), ("process.cwd", "", "cwd"),
    ("process.cwd", "/a\x00b", ""), ("process.rlimits", [{"type": "RLIMIT_NOFILE", "soft": 2**64 - 1, "hard": 1}], "RLIMIT_NOFILE"),
    ("process.rlimits", [{"type": "RLIMIT_X", "soft": 1, "hard": 1}], "RLIMIT_X"), ("process.oomScoreAdj", 2**63 - 1, "oomScoreAdj"),
    ("process.ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 2**31 - 1}, "ioPriority"),
    ("hooks.poststop", [{"path": "/bin/true", "timeout": 2**63 - 1}], "timeout"), ("hooks.createRuntime", [{"path": "true"}], "absolute"),
    ("hooks.createRuntime", [{"path": "/bin/true", "timeout": -(2**63)}], "timeout"), ("hostname", "x" * 100, "hostname"),
    ("linux.devices", [{"type": "c", "path": "/dev/x", "major": -1, "minor": 0}], "range"), ("linux.devices", [{"type": "c", "path": "dev/x", "major": 1, "minor": 3}], "absolute"),
    ("linux.devices", [{"type": "c", "path": "/", "major": 1, "minor": 3}], ""), ("linux.maskedPaths", ["relative"], "absolute"), ("linux.maskedPaths", ["/"], ""),
    ("linux.readonlyPaths", ["/a/../.."], ""), ("linux.rootfsPropagation", "x", "rootfsPropagation"), ("linux.namespaces", [{"type": "mount"}], "UTS"),
    ("linux.namespaces", [{"type": "mount"}, {"type": "mount"}], "twice"), ("linux.namespaces", [{"type": "mount"}, {"type": "pid", "path": "x"}], "absolute"),
    ("linux.uidMappings", [{"containerID": 0, "hostID": 0, "size": 1}], "user namespace"), ("linux.resources.memory", {"limit": -(2**63)}, ""),
    ("ociVersion", "1.0.2\x00", "ociVersion"), ("ociVersion", "9" * 400, "ociVersion"), ("root.path", "/nowhere", "nowhere"), ("root.path", "", ""),
], ids=lambda value: str(value)[:40] if isinstance(value, str) else "")
def test_a_value_that_is_none_is_refused_by_its_name(runtime, host, place, value, words):
    began = time.monotonic()
    result = ended(runtime.once("true", change=lambda config: changed(config, place, value)))
    assert result.code != 0 and words in result.err and len(result.err) < 4_000, result
    assert time.monotonic() - began < 30


def test_ids_of_an_exec_are_checked_as_those_of_a_configuration(runtime):
    container = runtime.started("sleep", "1000")
    for user in ("2147483648", "4294967295", "4294967296", "-1", "0:2147483648", "nobody-such", "0:", ":0", "", "1:2:3", "0x0"):
        result = ended(container.exec("id", flags=["--user", user]))
        assert result.code == 255 or result.code == 1, (user, result)
    assert container.exec("true", flags=["--additional-gids", "2147483648"]).code != 0
    assert container.exec("true", flags=["--cwd", "tmp"]).code != 0


PROCESSES = {
    "nothing": b"", "array": b"[]", "deep": b"[" * 300_000, "no words": b'{"cwd":"/"}', "huge id": b'{"cwd":"/","args":["id"],"user":{"uid":4294967295,"gid":0}}',
    "twice": b'{"cwd":"/","args":["id"],"args":["sh"]}', "NUL": b'{"cwd":"/","args":["i\\u0000d"]}', "half": b'{"cwd":"/","args":["id"',
}


@pytest.mark.parametrize("kind", [*PROCESSES, "fifo", "directory", "character", "huge", "missing"])
def test_a_process_file_that_is_none(runtime, kind):
    container = runtime.started("sleep", "1000")
    path = runtime.directory / "process.json"
    if kind in PROCESSES:
        path.write_bytes(PROCESSES[kind])
    elif kind == "huge":
        with open(path, "wb") as file:
            file.truncate(1 << 40)
    elif kind != "missing":
        put(path, kind)
    result = ended(runtime("exec", "--process", path, container.name, timeout=20))
    assert result.code == 255 and "process" in result.err, result


@pytest.mark.parametrize("kind", ["fifo", "directory", "character", "socket", "huge", "missing", "deep", "link", "wide"])
def test_a_configuration_that_is_no_file(runtime, kind):
    bundle = runtime.bundle("true")
    path = bundle.path / "config.json"
    os.unlink(path)
    if kind == "huge":
        with open(path, "wb") as file:
            file.truncate(1 << 40)
    elif kind == "deep":
        path.write_bytes(b'{"a":' * 200_000)
    elif kind == "wide":
        path.write_bytes(b'{"annotations":{' + b",".join(b'"k%d":1' % number for number in range(200_000)) + b"}}")
    elif kind == "link":
        path.symlink_to("config.json")
    elif kind != "missing":
        put(path, kind)
    result = ended(runtime("run", "--bundle", bundle.path, runtime.name(), timeout=30))
    assert result.code != 0 and "config.json" in result.err, result


def test_thousands_of_mounts_and_masks_end(runtime):
    def change(config):
        config["mounts"] += [{"destination": f"/m/{number % 50}", "type": "tmpfs", "source": "tmpfs"} for number in range(500)]
        config["linux"]["maskedPaths"] += [f"/nothing/{number}" for number in range(5000)]
    result = ended(runtime.once("true", change=change, timeout=50))
    assert result.code == 0 or "mount" in result.err, result


def test_numbers_of_the_command_line(runtime):
    bundle = runtime.bundle("true")
    for words in (["--preserve-fds", "99999999999999999999"], ["--preserve-fds", "-1"], ["--preserve-fds", "65536"], ["--preserve-fds", "x"]):
        result = ended(runtime("run", *words, "--bundle", bundle.path, runtime.name()))
        assert result.code != 0 and "preserve-fds" in result.err, result
    container = runtime.started("sleep", "1000")
    for signal in ("", "0x9", "-1", "65", "99999999999999999999", "SIGNOPE", "9 ", "KILL\n"):
        assert ended(runtime("kill", container.name, signal)).code != 0, signal
    assert container.status() == "running"


def test_a_hook_has_the_environment_that_is_given_and_no_other(runtime):
    """Nothing of the runtime's: not its variables, not its descriptors; and its words are quoted, not obeyed."""
    seen = runtime.directory / "seen"
    script = f"(env; ls -l /proc/self/fd) > {seen}.$0; echo 'a\x1b[2J\nb' >&2; exit $1"
    def hook(name, code="0"):
        return [{"path": "/bin/sh", "args": ["sh", "-c", script, name, code], "env": ["ONLY=this", "PATH=/bin:/usr/bin"]}]
    hooks = {"prestart": hook("p"), "createRuntime": hook("r"), "createContainer": hook("c"), "poststart": hook("s"), "poststop": hook("e")}
    assert runtime.once("true", change=lambda config: config.update(hooks=hooks), env={"SECRET": "not-for-hooks"}).code == 0
    for name in "prcse":
        text = open(f"{seen}.{name}").read()
        assert "ONLY=this" in text and "SECRET" not in text and str(runtime.root) not in text, (name, text)
    result = runtime.once("true", change=lambda config: config.update(hooks={"createRuntime": hook("x", "3")}))
    assert result.code != 0 and len(result.err.splitlines()) == 1, result


def test_a_hook_that_hangs_holds_nothing_open_when_its_time_is_over(runtime):
    hooks = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "trap '' TERM; sleep 1000"], "timeout": 1}]}
    result = ended(runtime.once("true", change=lambda config: config.update(hooks=hooks), timeout=20))
    assert result.code != 0 and "timeout" in result.err, result


def test_a_start_hook_waits_for_no_fifo_of_the_image(runtime):
    """It runs inside, where its /dev/null is the container's."""
    def change(config):
        config["mounts"] = [mount for mount in config["mounts"] if not mount["destination"].startswith("/dev")]
        config["mounts"].append({"destination": "/dev", "type": "bind", "source": str(runtime.directory / "dev"), "options": ["bind"]})
        config["hooks"] = {"startContainer": [{"path": "/bin/busybox", "args": ["busybox", "true"], "timeout": 5}]}
        config["linux"]["maskedPaths"] = []
    put(runtime.directory / "dev/null", "fifo")
    result = ended(runtime.once("true", change=change, timeout=20))
    assert "timeout" not in result.err, result
