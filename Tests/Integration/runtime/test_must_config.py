"""What the specification demands of the configuration outside its Linux part (config.md)."""

import copy
import fcntl
import json
import os
import re
import struct
import subprocess
import termios

import pytest

from cais_testing import IS_PEER, ConsoleSocket, changed, read_until

LIMITS = {"CPU": "Max cpu time", "FSIZE": "Max file size", "DATA": "Max data size", "STACK": "Max stack size", "CORE": "Max core file size",
          "RSS": "Max resident set", "NPROC": "Max processes", "NOFILE": "Max open files", "MEMLOCK": "Max locked memory",
          "AS": "Max address space", "LOCKS": "Max file locks", "SIGPENDING": "Max pending signals", "MSGQUEUE": "Max msgqueue size",
          "NICE": "Max nice priority", "RTPRIO": "Max realtime priority", "RTTIME": "Max realtime timeout"}
SMALL = {"AS": 1 << 30, "DATA": 1 << 30, "STACK": 1 << 23, "FSIZE": 1 << 20, "RSS": 1 << 30, "NOFILE": 100, "CPU": 100, "NPROC": 1000, "MEMLOCK": 4096,
         "MSGQUEUE": 4096, "SIGPENDING": 100, "LOCKS": 50, "CORE": 0, "NICE": 0, "RTPRIO": 0, "RTTIME": 1_000_000}


def process(**values):
    return lambda config: config["process"].update(values)


def refused(runtime, change, *words):
    """A create that is an error and leaves no container."""
    bundle = runtime.bundle("true", change=change)
    name = runtime.name()
    result = runtime("create", "--bundle", bundle.path, name)
    assert result.code != 0 and result.err, result
    assert runtime("state", name).code != 0
    if not IS_PEER:
        assert all(word in result.err for word in words), result


# -- ociVersion ---------------------------------------------------------------------------------

@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.1.0+build.5", "1.2.1", "1.3.0", "1.3.0-rc.1+exp.sha"])
def test_a_semantic_version_of_this_major_version_is_taken(runtime, version):
    assert runtime.once("true", change=lambda config: config.update(ociVersion=version)).code == 0


@pytest.mark.skipif(IS_PEER, reason="config.md: 'ociVersion (string, REQUIRED) MUST be in SemVer v2.0.0 format'; runc looks at none")
@pytest.mark.parametrize("version", ["", "1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.00.0", "1.0.x", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.0-a..b", "+1.0.0",
                                     " 1.0.0", "invalid", "2.0.0", "0.9.0", 1, None])
def test_a_version_that_is_none_is_refused(runtime, version):
    refused(runtime, lambda config: config.update(ociVersion=version), "ociVersion")


# -- root ---------------------------------------------------------------------------------------

def test_the_root_must_be_a_directory_that_exists(runtime):
    refused(runtime, lambda config: config["root"].update(path="missing"), "missing")
    refused(runtime, lambda config: config["root"].update(path="config.json"), "config.json", "not a directory")
    refused(runtime, lambda config: config.pop("root"), "root")


def test_the_root_may_be_absolute_or_relative_to_the_bundle(runtime):
    bundle = runtime.bundle("cat", "/mark")
    (bundle.rootfs / "mark").write_text("here\n")
    for path in ("rootfs", "./rootfs/", str(bundle.rootfs)):
        bundle.change(lambda config, path=path: config["root"].update(path=path))
        assert runtime("run", "--bundle", bundle.path, runtime.name(), cwd="/").out == "here\n"


@pytest.mark.parametrize("readonly", [True, False, None])
def test_the_root_is_read_only_when_asked_and_only_then(runtime, readonly):
    def change(config):
        if readonly is not None:
            config["root"]["readonly"] = readonly
    result = runtime.once("sh", "-c", "touch /x && echo written", change=change)
    assert ("written" in result.out) is not bool(readonly) and ("ead-only" in result.err) is bool(readonly), result


# -- process ------------------------------------------------------------------------------------

@pytest.mark.parametrize("cwd", ["", "tmp", "./tmp", "../"])
def test_a_relative_working_directory_is_refused(runtime, cwd):
    refused(runtime, process(cwd=cwd), "cwd")


@pytest.mark.parametrize("args", [[], None])
def test_args_must_hold_a_program(runtime, args):
    def change(config):
        config["process"].pop("args") if args is None else config["process"].update(args=args)
    refused(runtime, change, "args")


def test_arguments_and_variables_arrive_as_they_are(runtime):
    args = ["a b", "", "ü", "$HOME", "\"'\\", "-n"]
    result = runtime.once("sh", "-c", "for word; do echo \"<$word>\"; done", "sh", *args)
    assert result.out == "".join(f"<{word}>\n" for word in args), result
    env = ["PATH=/bin", "X= a ", "Y=", "Z=a=b", "ü=ü", "HOME=/tmp"]
    result = runtime.once("env", change=process(env=env))
    assert result.out.splitlines() == env, result


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_the_umask_is_the_users(runtime, umask):
    assert runtime.once("sh", "-c", "umask", change=process(user={"uid": 0, "gid": 0, "umask": umask})).out == f"{umask:04o}\n"


def test_ids_and_groups_are_numbers_that_no_file_must_know(runtime):
    result = runtime.once("sh", "-c", "grep -E '^(Uid|Gid|Groups)' /proc/self/status | tr -s '\\t ' ' '",
                          change=process(user={"uid": 12345, "gid": 23456, "additionalGids": [7, 34567]}))
    assert result.out.splitlines() == ["Uid: 12345 12345 12345 12345", "Gid: 23456 23456 23456 23456", "Groups: 7 34567 "], result


# -- terminal -----------------------------------------------------------------------------------

def test_the_size_of_the_console_is_ignored_without_a_terminal(runtime):
    for terminal in (False, None):
        change = process(terminal=terminal, consoleSize={"height": 10, "width": 20})
        result = runtime.once("sh", "-c", "[ -t 0 ] || echo none", change=change)
        assert (result.code, result.out) == (0, "none\n"), result


@pytest.mark.parametrize("size", [(24, 80), (5, 40), (10, 200)])
def test_a_terminal_has_its_size_and_is_the_console(runtime, size):
    console = ConsoleSocket(str(runtime.directory))
    container = runtime.created("sh", "-c", "stty size; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo streams; echo to-console > /dev/console; "
                                "tty < /dev/tty; echo done; sleep 1000",
                                change=process(terminal=True, consoleSize={"height": size[0], "width": size[1]}), flags=["--console-socket", console.path])
    master = console.receive()
    assert struct.unpack("hhhh", fcntl.ioctl(master, termios.TIOCGWINSZ, b"\0" * 8))[:2] == size
    assert runtime("start", container.name).code == 0
    seen = read_until(master, b"done").decode()
    assert f"{size[0]} {size[1]}" in seen and "streams" in seen and "to-console" in seen, seen
    os.close(master)


# -- limits -------------------------------------------------------------------------------------

def limit_rows(text):
    return {name: re.split(r"\s{2,}", line)[1:3] for line in text.splitlines() for name, row in LIMITS.items() if line.startswith(row)}


def test_every_limit_is_set_as_listed(runtime):
    mine = limit_rows(open("/proc/self/limits").read())
    bundle = runtime.bundle("cat", "/proc/self/limits")
    rlimits = []
    for name, soft in SMALL.items():
        hard = mine[name][1]
        # No hard limit is raised: CAP_SYS_RESOURCE may be missing.
        hard = soft + (0 if name in ("NICE", "RTPRIO", "CORE") else 10) if hard == "unlimited" else min(int(hard), soft + 10)
        rlimits.append({"type": f"RLIMIT_{name}", "soft": min(soft, hard), "hard": hard})
    bundle.change(process(rlimits=rlimits))
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    seen = limit_rows(result.out)
    assert len(seen) == 16 and all(seen[entry["type"][7:]] == [str(entry["soft"]), str(entry["hard"])] for entry in rlimits), result


def test_a_limit_can_be_infinite(runtime):
    endless = (1 << 64) - 1
    result = runtime.once("cat", "/proc/self/limits", change=process(rlimits=[{"type": "RLIMIT_CPU", "soft": endless, "hard": endless}]))
    assert limit_rows(result.out)["CPU"] == ["unlimited", "unlimited"], result


@pytest.mark.parametrize("rlimits", [
    [{"type": "RLIMIT_TEST", "soft": 1, "hard": 1}], [{"type": "NOFILE", "soft": 1, "hard": 1}], [{"type": "rlimit_nofile", "soft": 1, "hard": 1}],
    [{"type": "", "soft": 1, "hard": 1}], [{"type": "RLIMIT_CORE", "soft": 2, "hard": 2}, {"type": "RLIMIT_CORE", "soft": 2, "hard": 2}],
    [{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}],
], ids=["unknown", "no prefix", "small letters", "empty", "twice", "soft above hard"])
def test_limits_that_cannot_be_are_refused(runtime, rlimits):
    if IS_PEER and (rlimits[0]["type"] in ("NOFILE", "rlimit_nofile") or len(rlimits) > 1):
        pytest.skip("config.md, rlimits: 'The runtime MUST generate an error for any values which cannot be mapped to a relevant kernel interface', "
                    "and 'If rlimits contains duplicated entries with same type, the runtime MUST generate an error'; not so runc of this age")
    refused(runtime, process(rlimits=rlimits))


# -- capabilities -------------------------------------------------------------------------------

NAMES = ("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW "
         "IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD "
         "LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE").split()
FIELDS = {"bounding": "CapBnd", "effective": "CapEff", "permitted": "CapPrm", "inheritable": "CapInh", "ambient": "CapAmb"}


def sets_of(result):
    return {line[:6]: int(line.split()[1], 16) for line in result.out.splitlines() if line.startswith("Cap")}


def held():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("CapPrm")), 16)


@pytest.mark.parametrize("start", range(0, len(NAMES), 14))
def test_each_capability_is_granted_by_its_name(runtime, start):
    bundle = runtime.bundle("cat", "/proc/self/status")
    for number, name in list(enumerate(NAMES))[start:start + 14]:
        if not held() >> number & 1:
            continue
        sets = {kind: [f"CAP_{name}"] for kind in FIELDS}
        bundle.change(process(capabilities=sets))
        result = runtime("run", "--bundle", bundle.path, runtime.name())
        assert sets_of(result) == {field: 1 << number for field in FIELDS.values()}, (name, result)


@pytest.mark.parametrize("kind", FIELDS)
def test_each_set_of_capabilities_is_its_own(runtime, kind):
    # What a set needs of the others: the kernel's rules, capabilities(7).
    needs = {"bounding": [], "permitted": ["bounding"], "effective": ["permitted", "bounding"], "inheritable": ["bounding"],
             "ambient": ["permitted", "inheritable", "bounding", "effective"]}[kind]
    sets = {other: ["CAP_NET_RAW"] for other in [kind, *needs]}
    result = runtime.once("cat", "/proc/self/status", change=process(capabilities=sets, user={"uid": 1000, "gid": 1000}))
    seen = sets_of(result)
    # An ordinary user keeps over execve(2) what is ambient; bounding and inheritable stay in any case.
    for name, field in FIELDS.items():
        stays = name in ("bounding", "inheritable") or kind == "ambient"
        assert seen[field] == (1 << 13 if name in sets and stays else 0), (name, result)


@pytest.mark.parametrize("kind", FIELDS)
def test_a_capability_that_cannot_be_mapped_is_a_warning(runtime, kind):
    sets = {name: ["CAP_KILL"] for name in ("bounding", "effective", "permitted")}
    sets[kind] = sets.get(kind, []) + ["CAP_TEST"]
    result = runtime.once("grep", "CapEff", "/proc/self/status", change=process(capabilities=sets))
    assert result.code == 0 and "warn" in result.err and "CAP_TEST" in result.err and int(result.out.split()[1], 16) == 1 << 5, result


@pytest.mark.skipif(held() >> 24 & 1 == 1, reason="CAP_SYS_RESOURCE can be granted here")
@pytest.mark.skipif(IS_PEER, reason="config.md, capabilities: those that 'cannot be granted ... MUST be logged as a warning by the runtime'; runc fails")
def test_a_capability_that_cannot_be_granted_is_a_warning(runtime):
    sets = {name: ["CAP_KILL", "CAP_SYS_RESOURCE"] for name in ("bounding", "effective", "permitted")}
    result = runtime.once("grep", "CapEff", "/proc/self/status", change=process(capabilities=sets))
    assert result.code == 0 and "CAP_SYS_RESOURCE" in result.err and int(result.out.split()[1], 16) == 1 << 5, result


# -- oomScoreAdj --------------------------------------------------------------------------------

@pytest.mark.parametrize("score", [0, 1, 500, 1000])
def test_the_score_of_the_out_of_memory_killer_is_set(runtime, score):
    assert runtime.once("cat", "/proc/self/oom_score_adj", change=process(oomScoreAdj=score)).out == f"{score}\n"


def test_a_score_that_is_not_given_is_not_changed(runtime):
    def raise_own():
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("321")
    result = runtime.once("cat", "/proc/self/oom_score_adj", change=lambda config: config["process"].pop("oomScoreAdj"), preexec_fn=raise_own)
    assert result.out == "321\n", result


@pytest.mark.parametrize("score", [1001, -1001, "high"])
def test_a_score_out_of_range_is_refused(runtime, score):
    refused(runtime, process(oomScoreAdj=score), "oomScoreAdj")


# -- names --------------------------------------------------------------------------------------

def test_host_and_domain_name_are_the_containers(runtime):
    mine = (os.uname().nodename, open("/proc/sys/kernel/domainname").read())
    change = lambda config: config.update(hostname="runtime-test", **({} if IS_PEER else {"domainname": "example.org"}))
    result = runtime.once("sh", "-c", "hostname; cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname", change=change)
    assert result.out.splitlines()[:2] == ["runtime-test", "runtime-test"] and (IS_PEER or result.out.splitlines()[2] == "example.org")
    assert (os.uname().nodename, open("/proc/sys/kernel/domainname").read()) == mine


# -- annotations and extensibility --------------------------------------------------------------

@pytest.mark.skipif(IS_PEER, reason="config.md, annotations: 'Keys MUST NOT be an empty string'; runc takes it")
def test_an_empty_key_of_an_annotation_is_refused(runtime):
    refused(runtime, lambda config: config.update(annotations={"": "x"}), "annotation")


@pytest.mark.parametrize("value", [5, None, {}, ["x"], True])
def test_the_value_of_an_annotation_is_a_string(runtime, value):
    if IS_PEER and value is None:
        pytest.skip("config.md, annotations: 'Values MUST be strings'; Go reads null as an empty one")
    refused(runtime, lambda config: config.update(annotations={"key": value}), "annotations")


@pytest.mark.skipif(IS_PEER, reason="config.md, annotations: keys are unique; Go takes the last of two")
def test_a_key_of_an_annotation_that_is_there_twice_is_refused(runtime):
    bundle = runtime.bundle("true")
    text = (bundle.path / "config.json").read_text()
    (bundle.path / "config.json").write_text(text[:-1] + ', "annotations": {"a": "1", "a": "2"}}')
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code != 0 and "a" in result.err


def test_annotations_that_nobody_knows_are_taken_and_empty_values_too(runtime):
    given = {"com.example.unknown": "x", "no.value": "", "org.opencontainers.image.os": "linux", "just-a-word": "y"}
    container = runtime.created("true", change=lambda config: config.update(annotations=given))
    assert container.state()["annotations"] == given


def test_no_annotation_of_the_reserved_kind_is_made_up(runtime):
    container = runtime.created("true", change=lambda config: config.update(annotations={"com.example.x": "1"}))
    assert not [key for key in container.state()["annotations"] if key.startswith("org.opencontainers.")]


@pytest.mark.parametrize("path", ["", "root", "process", "process.user", "process.capabilities", "linux", "linux.resources", "linux.resources.memory",
                                  "mounts.0", "linux.namespaces.0", "linux.resources.devices.0"])
def test_an_unknown_property_is_ignored(runtime, path):
    def change(config):
        for part in path.split(".") if path else []:
            config = config[int(part)] if part.isdigit() else config[part]
        config["futureProperty"] = {"deep": [1, None, {"x": "y"}]}
    result = runtime.once("echo", "ran", change=change)
    assert (result.code, result.out) == (0, "ran\n"), result


INVALID = [
    ("process.cwd", 5), ("process.args", "true"), ("process.env", {"A": "1"}), ("process.terminal", "yes"), ("process.user", {"uid": -1, "gid": 0}),
    ("process.user", {"uid": 1 << 32, "gid": 0}), ("process.user", {"uid": 0, "gid": 0, "additionalGids": ["x"]}), ("process.rlimits", {}),
    ("process.rlimits", [{"type": "RLIMIT_CPU", "soft": -1, "hard": 1}]), ("process.capabilities", {"bounding": "CAP_KILL"}), ("hostname", 5), ("root", "rootfs"),
    ("root.readonly", "yes"), ("mounts", {}), ("mounts", [{"type": "tmpfs", "source": "x"}]), ("hooks", []), ("hooks", {"prestart": [{"args": ["x"]}]}),
    ("linux.namespaces", [{"type": "nosuch"}]), ("linux.namespaces", [{"path": "/proc/self/ns/net"}]), ("linux.rootfsPropagation", "sideways"),
    ("linux.devices", [{"path": "/dev/x", "type": "x", "major": 1, "minor": 3}]), ("linux.devices", [{"type": "c", "major": 1, "minor": 3}]),
    ("linux.resources.pids", {"limit": "many"}), ("linux.resources.devices", [{"allow": "yes"}]), ("linux.resources.devices", [{"allow": True, "access": "z"}]),
    ("linux.resources.devices", [{"allow": True, "type": "z", "access": "r"}]), ("linux.uidMappings", [{"containerID": 0, "hostID": 0}]),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_NOSUCH"}), ("linux.seccomp", {"syscalls": []}),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_NOSUCH"]}),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO",
                                                                        "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_NOSUCH"}]}]}),
    ("linux.sysctl", {"net.ipv4.ip_forward": 1}), ("linux.personality", {"domain": "NOSUCH"}), ("process.scheduler", {"policy": "SCHED_NOSUCH"}),
    ("process.ioPriority", {"class": "IOPRIO_CLASS_NOSUCH"}),
]


@pytest.mark.skipif(IS_PEER, reason="runtime.md, valid values: 'Runtimes MUST generate an error when invalid or unsupported values are encountered'; "
                                    "runc of this age overlooks a third of these")
@pytest.mark.parametrize("number", range(len(INVALID)), ids=[f"{path}-{number}" for number, (path, _) in enumerate(INVALID)])
def test_a_value_that_is_invalid_is_refused(runtime, number):
    path, value = INVALID[number]
    refused(runtime, lambda config: changed(config, path, copy.deepcopy(value)))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{\"ociVersion\": \"1.0.2\"", "{\"ociVersion\": \"1.0.2\"} x", "\x00"])
def test_a_configuration_that_is_no_json_object_is_refused(runtime, text):
    bundle = runtime.bundle("true")
    (bundle.path / "config.json").write_text(text)
    assert runtime("create", "--bundle", bundle.path, runtime.name()).code != 0


def test_the_document_of_features_is_true(runtime):
    if IS_PEER and subprocess.run([runtime.path, "features"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("this peer has no features")
    document = json.loads(runtime("features").out)
    assert set(document["hooks"]) == {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}
    assert {f"CAP_{name}" for name in NAMES} <= set(document["linux"]["capabilities"])
    assert {"mount", "pid", "network", "uts", "ipc", "user", "cgroup"} <= set(document["linux"]["namespaces"])
    low, high = document["ociVersionMin"], document["ociVersionMax"]
    for version in (low, high):
        assert runtime.once("true", change=lambda config, version=version: config.update(ociVersion=version)).code == 0
