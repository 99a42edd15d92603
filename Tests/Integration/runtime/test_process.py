"""Who the program is and what it may: users, capabilities, limits, filter, environment, terminal."""

import fcntl
import json
import os
import resource
import struct
import subprocess
import termios

import pytest

from cais_testing import CAPABILITIES, IS_PEER, ConsoleSocket, changed, read_until, seccomp_profile, wait_until


def process(**values):
    return lambda config: config["process"].update(values)


def status(result, name):
    return next(line.split(None, 1)[1] for line in result.out.splitlines() if line.startswith(name + ":"))


def test_user_groups_and_umask(runtime):
    change = process(user={"uid": 1000, "gid": 1001, "additionalGids": [5, 6], "umask": 0o27})
    result = runtime.once("sh", "-c", "id -u; id -g; id -G; umask", change=change)
    assert result.out == "1000\n1001\n1001 5 6\n0027\n", result


def test_supplementary_groups_of_the_caller_are_dropped(runtime):
    result = runtime.once("grep", "Groups", "/proc/self/status", preexec_fn=lambda: os.setgroups([4, 27]))
    assert result.out.split() == ["Groups:"], result


@pytest.mark.skipif(IS_PEER, reason="CVE-2024-40635 is newer than Debian's peers")
def test_ids_from_two_to_the_31_on_are_refused(runtime):
    for user in ({"uid": 1 << 31}, {"gid": 4294967295}, {"additionalGids": [1 << 31]}):
        assert runtime.once("true", change=process(user={"uid": 0, "gid": 0, **user})).code != 0


def mask(names):
    order = subprocess.run(["grep", "-oE", "CAP_[A-Z_]+\\s+[0-9]+$", "/usr/include/linux/capability.h"], stdout=subprocess.PIPE, check=False).stdout.decode()
    numbers = dict(line.split() for line in order.splitlines())
    return sum(1 << int(numbers[name]) for name in names)


def test_the_five_capability_sets(runtime):
    sets = {"bounding": ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW", "CAP_SETPCAP"], "permitted": ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"],
            "effective": ["CAP_KILL", "CAP_NET_RAW"], "inheritable": ["CAP_KILL", "CAP_NET_RAW"], "ambient": ["CAP_KILL"]}
    result = runtime.once("cat", "/proc/self/status", change=process(capabilities=sets, user={"uid": 1000, "gid": 1000}))
    # After execve(2) of a user without file capabilities: what is ambient, and what is inheritable and bounding.
    assert int(status(result, "CapBnd"), 16) == mask(sets["bounding"])
    assert int(status(result, "CapInh"), 16) == mask(sets["inheritable"])
    assert int(status(result, "CapAmb"), 16) == mask(["CAP_KILL"])
    assert int(status(result, "CapPrm"), 16) == int(status(result, "CapEff"), 16) == mask(["CAP_KILL"])


def test_default_capabilities_have_nothing_to_inherit(runtime):
    result = runtime.once("cat", "/proc/self/status")
    assert int(status(result, "CapInh"), 16) == 0 == int(status(result, "CapAmb"), 16)
    assert int(status(result, "CapEff"), 16) == int(status(result, "CapBnd"), 16) == mask(CAPABILITIES)


def test_no_capabilities_object_means_none(runtime):
    result = runtime.once("cat", "/proc/self/status", change=lambda config: config["process"].pop("capabilities"))
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status(result, name), 16) == 0, name


def test_a_capability_nobody_knows_is_a_warning(runtime):
    sets = {"bounding": ["CAP_KILL", "CAP_NONSENSE"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"]}
    result = runtime.once("true", change=process(capabilities=sets))
    assert result.code == 0 or IS_PEER
    assert "CAP_NONSENSE" in result.err


@pytest.mark.parametrize("on", [True, False])
def test_no_new_privileges(runtime, on):
    assert status(runtime.once("cat", "/proc/self/status", change=process(noNewPrivileges=on)), "NoNewPrivs") == str(int(on))


def test_limits(runtime):
    limits = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
    result = runtime.once("sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -c", change=process(rlimits=limits))
    assert result.out == "100\n200\n0\n"


@pytest.mark.skipif(IS_PEER, reason="the peers fail without CAP_SYS_RESOURCE")
def test_a_hard_limit_that_cannot_be_raised_is_a_warning(runtime):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    result = runtime.once("sh", "-c", "ulimit -Hn", change=process(rlimits=[{"type": "RLIMIT_NOFILE", "soft": hard + 1, "hard": hard + 1}]))
    assert result.code == 0 and int(result.out) in (hard, hard + 1)
    assert int(result.out) == hard + 1 or "RLIMIT_NOFILE" in result.err


@pytest.mark.parametrize("limits", [[{"type": "RLIMIT_NOSUCH", "soft": 1, "hard": 1}],
                                    [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}, {"type": "RLIMIT_CPU", "soft": 2, "hard": 2}]])
def test_wrong_limits_are_refused(runtime, limits):
    assert runtime.once("true", change=process(rlimits=limits)).code != 0


def test_home_comes_from_the_containers_passwd(runtime):
    assert runtime.once("sh", "-c", "echo $HOME", change=process(user={"uid": 1000, "gid": 1000})).out == "/home/user\n"
    assert runtime.once("sh", "-c", "echo $HOME", change=process(user={"uid": 77, "gid": 0})).out == "/\n"


def test_a_passwd_that_is_a_fifo_is_not_waited_for(runtime):
    bundle = runtime.bundle("sh", "-c", "echo $HOME")
    (bundle.rootfs / "etc/passwd").unlink()
    os.mkfifo(bundle.rootfs / "etc/passwd")
    assert runtime("run", "--bundle", bundle.path, runtime.name(), timeout=10).code == 0


@pytest.mark.parametrize("privileges", [True, False])
def test_the_filter_allows_and_forbids(runtime, privileges):
    def change(config):
        config["linux"]["seccomp"] = seccomp_profile()
        config["process"]["noNewPrivileges"] = privileges
    result = runtime.once("sh", "-c", "grep Seccomp: /proc/self/status; unshare -m true", change=change)
    assert "Seccomp:\t2" in result.out and "not permitted" in result.err, result


def test_a_filter_by_argument(runtime):
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13, "args": [{"index": 1, "value": 0o700, "op": "SCMP_CMP_EQ"}]}
    mkdirat = {**rule, "names": ["mkdirat"], "args": [{"index": 2, "value": 0o700, "op": "SCMP_CMP_EQ"}]}
    rule["names"] = ["mkdir"]
    change = lambda config: changed(config, "linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [rule, mkdirat]})
    result = runtime.once("sh", "-c", "mkdir -m 755 /tmp/a && umask 077 && busybox mkdir -p /tmp/b; ls /tmp", change=change)
    assert "a" in result.out.split(), result


def test_oom_score(runtime):
    assert runtime.once("cat", "/proc/self/oom_score_adj", change=process(oomScoreAdj=500)).out == "500\n"


def test_personality(runtime):
    assert runtime.once("uname", "-m", change=lambda config: changed(config, "linux.personality", {"domain": "LINUX32"})).out == "i686\n" or IS_PEER


@pytest.mark.skipif(IS_PEER, reason="newer than the peers' Debian versions")
def test_scheduler_and_disk_priority(runtime):
    change = process(scheduler={"policy": "SCHED_BATCH", "nice": 5}, ioPriority={"class": "IOPRIO_CLASS_IDLE"})
    result = runtime.once("sh", "-c", "cut -d' ' -f19,41 /proc/self/stat; ionice -p $$", change=change)
    assert result.out.splitlines()[0] == "5 3" and "idle" in result.out, result


def test_limits_of_the_cgroup(runtime):
    def change(config):
        config["linux"]["resources"].update(memory={"limit": 33554432}, pids={"limit": 20}, cpu={"shares": 512, "quota": 50000, "period": 100000})
    container = runtime.started("sleep", "1000", change=change)
    path = container.bundle.config["linux"]["cgroupsPath"]

    def value(*names):
        return next(open(name).read().split()[0] for name in names if os.path.exists(name))
    top = "/sys/fs/cgroup"
    assert value(f"{top}/memory{path}/memory.limit_in_bytes", f"{top}{path}/memory.max") == "33554432"
    assert value(f"{top}/pids{path}/pids.max", f"{top}{path}/pids.max") == "20"
    result = container.exec("sh", "-c", "for i in $(seq 40); do sleep 5 & done")
    assert result.code != 0 or "fork" in result.err


def test_devices_are_denied_by_the_cgroup(runtime):
    def change(config):
        config["linux"]["devices"] = [{"path": "/dev/mem2", "type": "c", "major": 1, "minor": 1, "fileMode": 0o666}]
    result = runtime.once("sh", "-c", "head -c1 /dev/mem2; head -c1 /dev/zero | wc -c", change=change)
    assert "not permitted" in result.err and result.out.strip() == "1", result


def test_a_terminal(runtime):
    console = ConsoleSocket(str(runtime.directory))
    def change(config):
        config["process"].update(terminal=True, consoleSize={"height": 30, "width": 90}, user={"uid": 1000, "gid": 1000})
    container = runtime.created("sh", "-c", "tty; stty size; stat -c %u $(tty); stat -c %t:%T /dev/console; [ -c /dev/console ] && echo done; sleep 1000",
                                change=change, flags=["--console-socket", console.path])
    master = console.receive()
    # Who holds the master decides; docker's clients rely on what the kernel sets.
    assert termios.tcgetattr(master)[1] & termios.ONLCR
    assert struct.unpack("hhhh", fcntl.ioctl(master, termios.TIOCGWINSZ, b"\0" * 8))[:2] == (30, 90)
    runtime("start", container.name)
    seen = read_until(master, b"done")
    assert b"/dev/pts/0" in seen and b"30 90" in seen and b"1000" in seen, seen
    os.close(master)


def test_run_holds_a_terminal_itself(runtime):
    bundle = runtime.bundle("sh", "-c", "tty; read line; echo got $line", change=process(terminal=True))
    result = runtime("run", "--bundle", bundle.path, runtime.name(), input=b"word\n", timeout=20)
    assert result.code == 0 and "/dev/pts/0" in result.out and "got word" in result.out, result


def test_a_terminal_needs_a_console_socket_and_the_other_way_round(runtime):
    bundle = runtime.bundle("true", change=process(terminal=True))
    assert runtime("create", "--bundle", bundle.path, runtime.name()).code != 0
    bundle = runtime.bundle("true")
    console = ConsoleSocket(str(runtime.directory))
    assert runtime("create", "--bundle", bundle.path, "--console-socket", console.path, runtime.name()).code != 0


def test_preserved_descriptors(runtime):
    bundle = runtime.bundle("sh", "-c", "cat <&3; ls /proc/self/fd")
    with open(bundle.path / "handed", "w+") as handed:
        handed.write("handed over\n")
        handed.flush()
        handed.seek(0)
        number = handed.fileno()
        def give():
            os.dup2(number, 3)
        result = runtime("run", "--preserve-fds", "1", "--bundle", bundle.path, runtime.name(), close_fds=False, preexec_fn=give)
    assert result.out.startswith("handed over\n"), result
    assert {int(word) for word in result.out.split()[2:]} <= {0, 1, 2, 3, 4}


def test_nothing_of_the_host_is_open(runtime):
    with open("/etc/hostname") as leaked:
        os.set_inheritable(leaked.fileno(), True)
        result = runtime.once("ls", "/proc/self/fd", close_fds=False)
    assert {int(word) for word in result.out.split()} <= {0, 1, 2, 3}, result


# -- hooks --------------------------------------------------------------------------------------

HOOKS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]


def test_hooks_run_in_order_with_the_state_on_their_input(runtime):
    log = runtime.directory / "hooks"
    log.mkdir(mode=0o777)
    def change(config):
        # In the container's file tree the same path is a bind mount of it.
        config["mounts"].append({"destination": str(log), "type": "bind", "source": str(log), "options": ["bind"]})
        for kind in HOOKS:
            script = f"cat > {log}/{kind}; echo {kind} >> {log}/order; readlink /proc/self/ns/mnt >> {log}/{kind}.ns"
            path = "/bin/sh"
            config.setdefault("hooks", {})[kind] = [{"path": path, "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]}]
    container = runtime.created("sleep", "1000", change=change)
    assert (log / "order").read_text().split() == HOOKS[:3]
    runtime("start", container.name)
    assert (log / "order").read_text().split() == HOOKS[:5]
    inside = os.readlink(f"/proc/{container.pid}/ns/mnt")
    runtime("kill", container.name, "KILL")
    container.wait()
    runtime("delete", container.name)
    assert (log / "order").read_text().split() == HOOKS
    for kind in HOOKS:
        state = json.loads((log / kind).read_text())
        assert state["id"] == container.name and state["bundle"] == str(container.bundle.path)
        expected = inside if kind in ("createContainer", "startContainer") else os.readlink("/proc/self/ns/mnt")
        assert (log / f"{kind}.ns").read_text().strip() == expected, kind


@pytest.mark.parametrize("kind", HOOKS[:4])
def test_a_hook_that_fails_ends_the_container(runtime, kind):
    def change(config):
        config["hooks"] = {kind: [{"path": "/bin/sh", "args": ["sh", "-c", "echo because >&2; exit 3"]}]}
    result = runtime.once("true", change=change)
    assert result.code != 0 and "hook" in result.err, result
    if not IS_PEER:
        assert "because" in result.err and kind in result.err


def test_a_hook_that_takes_too_long_is_killed(runtime):
    def change(config):
        config["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}]}
    result = runtime.once("true", change=change, timeout=30)
    assert result.code != 0


def test_a_poststop_hook_that_fails_is_only_a_warning(runtime):
    def change(config):
        config["hooks"] = {"poststop": [{"path": "/bin/false"}]}
    container = runtime.started("sleep", "1000", change=change)
    assert runtime("delete", "--force", container.name).code == 0
    wait_until("gone", lambda: runtime("state", container.name).code != 0)
