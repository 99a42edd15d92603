"""The command line, as callers of runc know it: what each verb takes, prints and refuses, and with which code.
The suite runs on runc, too (RUNTIME=…), and the last part gives both the same words side by side."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import termios

import pytest

from cais_testing import IS_PEER, ConsoleSocket, Runtime, read_until, wait_until

RUNC = shutil.which("runc")


# -- ps -----------------------------------------------------------------------------------------

def test_ps_shows_the_hosts_table_of_the_containers_processes(runtime):
    container = runtime.started("sh", "-c", "sleep 999 & sleep 998; wait")
    wait_until("three processes", lambda: len(json.loads(runtime("ps", "--format", "json", container.name).out)) == 3)
    lines = runtime("ps", container.name).out.splitlines()
    assert lines[0].split()[:3] == ["UID", "PID", "PPID"]
    assert sorted(line.split()[7] for line in lines[1:]) == ["sh", "sleep", "sleep"]
    assert container.pid in {int(line.split()[1]) for line in lines[1:]}


def test_ps_takes_options_of_ps_after_the_id(runtime):
    container = runtime.started("sleep", "1000")
    lines = runtime("ps", container.name, "-e", "-o", "pid,comm").out.splitlines()
    assert [line.split() for line in lines] == [["PID", "COMMAND"], [str(container.pid), "sleep"]]
    lines = runtime("ps", container.name, "aux").out.splitlines()
    assert lines[0].startswith("USER") and len(lines) == 2


def test_ps_needs_a_pid_column_and_options_that_ps_knows(runtime):
    container = runtime.started("sleep", "1000")
    for options in (["-o", "comm"], ["--nonsense"]):
        result = runtime("ps", container.name, *options)
        assert result.code == 1 and result.out == "" and result.err, result
    assert runtime("ps", "--format", "xml", container.name).code == 1


def test_ps_as_json_is_a_list_of_pids(runtime):
    container = runtime.started("sleep", "1000")
    assert json.loads(runtime("ps", "-f", "json", container.name).out) == [container.pid]


# -- list and state -----------------------------------------------------------------------------

def test_list_is_a_table_with_columns_of_twelve_at_least(runtime):
    container = runtime.started("sleep", "1000")
    heading, line = runtime("list").out.splitlines()
    assert re.fullmatch(r"ID {10,}PID {9}STATUS {6}BUNDLE +CREATED +OWNER", heading), heading
    fields = line.split()
    assert fields[:4] == [container.name, str(container.pid), "running", str(container.bundle.path)] and fields[5] == "root"
    for name in ("PID", "STATUS", "BUNDLE", "CREATED", "OWNER"):
        assert line[heading.index(name) - 1] == " " and line[heading.index(name)] != " "


def test_list_of_an_unknown_format_is_refused(runtime):
    assert runtime("list", "--format", "xml").code == 1


def test_list_of_a_root_that_is_missing_is_empty(runtime):
    assert runtime("list", "-q").out == ""
    result = runtime("list")
    assert result.code == 0 and result.out.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]


def test_state_has_the_fields_of_the_specification_and_runcs(runtime):
    def change(config):
        config["annotations"] = {"org.example.key": "value"}
    container = runtime.started("sleep", "1000", change=change)
    state = container.state()
    assert set(state) == {"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner"}
    assert state["annotations"] == {"org.example.key": "value"} and state["owner"] == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", state["created"])


def test_the_pid_of_a_stopped_container_is_zero(runtime):
    container = runtime.started("true")
    container.wait()
    assert container.state()["pid"] == 0


# -- kill and delete ----------------------------------------------------------------------------

@pytest.mark.parametrize("text", ["USR1", "usr1", "SIGUSR1", "sigusr1", "10"])
def test_signals_by_name_number_and_case(runtime, text):
    container = runtime.started("sh", "-c", "trap 'echo got' USR1; echo ready; while :; do sleep 0.05; done")
    wait_until("ready", lambda: "ready" in container.output())
    assert runtime("kill", container.name, text).code == 0
    wait_until("got", lambda: "got" in container.output())


@pytest.mark.parametrize("text", ["SIGNOSUCH", "TERM ", "99", "-9"])
def test_words_that_are_no_signal_are_refused(runtime, text):
    container = runtime.started("sleep", "1000")
    result = runtime("kill", container.name, text)
    assert result.code == 1 and "signal" in result.err, result
    assert container.status() == "running"


def test_kill_without_a_signal_is_term(runtime):
    container = runtime.started("sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done")
    wait_until("ready", lambda: "ready" in container.output())
    assert runtime("kill", container.name).code == 0
    container.wait()


def test_a_paused_container_dies_of_kill(runtime):
    container = runtime.started("sleep", "1000")
    assert runtime("pause", container.name).code == 0
    assert runtime("kill", container.name, "KILL").code == 0
    container.wait()


@pytest.mark.parametrize("flag", ["-a", "--all"])
def test_kill_all_reaches_processes_of_other_sessions(runtime, flag):
    container = runtime.started("sh", "-c", "trap : TERM; setsid sh -c 'trap \"echo inner >> /tmp/got; exit\" TERM; echo >/tmp/up; while :; do sleep 0.05; done' & "
                                "while :; do sleep 0.05; done")
    wait_until("the inner shell is up", lambda: container.exec("cat", "/tmp/up").code == 0)
    assert runtime("kill", flag, container.name, "TERM").code == 0
    wait_until("it got the signal", lambda: container.exec("cat", "/tmp/got").out == "inner\n")


def test_delete_rules(runtime):
    created, running, stopped = runtime.created("true"), runtime.started("sleep", "1000"), runtime.started("true")
    stopped.wait()
    # runtime.md, delete: "Attempting to delete a container that is not stopped MUST ... generate an error"; runc deletes a created one.
    assert runtime("delete", created.name).code == (0 if IS_PEER else 1)
    assert runtime("delete", "--force", created.name).code == 0
    assert runtime("delete", running.name).code == 1
    assert runtime("delete", stopped.name).code == 0
    assert runtime("delete", "-f", running.name).code == 0
    assert runtime("delete", "-f", running.name).code == 0
    assert runtime("delete", running.name).code == 1


# -- refusals -----------------------------------------------------------------------------------

def test_exec_in_a_paused_container_needs_a_flag(runtime):
    container = runtime.started("sleep", "1000")
    assert runtime("pause", container.name).code == 0
    result = container.exec("true")
    assert result.code == 255 and "cannot exec in a paused container" in result.err, result
    with subprocess.Popen(runtime.command("exec", "--ignore-paused", container.name, "echo", "went on"), stdout=subprocess.PIPE) as process:
        assert runtime("resume", container.name).code == 0
        assert process.communicate(timeout=20)[0] == b"went on\n" and process.returncode == 0


def test_a_cgroup_with_processes_is_refused(runtime):
    first = runtime.started("sleep", "1000")
    path = first.bundle.config["linux"]["cgroupsPath"]
    bundle = runtime.bundle("true", cgroup=path)
    result = runtime("create", "--bundle", bundle.path, runtime.name())
    if IS_PEER:
        pytest.skip("Debian's runc only warns; 1.2 refuses")
    assert result.code == 1 and "container's cgroup is not empty" in result.err, result
    assert first.status() == "running"


def test_refusals_of_the_request_do_not_speak_of_a_process(runtime):
    container = runtime.started("sleep", "1000")
    for words in (["run", "--bundle", container.bundle.path, container.name], ["exec", "nothing", "true"],
                  ["create", "--bundle", container.bundle.path, "a/b"]):
        result = runtime(*words)
        assert result.code != 0 and "unable to start" not in result.err, result


# -- files --------------------------------------------------------------------------------------

def test_a_pid_file_is_never_seen_half_written(runtime):
    container = runtime.started("sleep", "1000")
    path = runtime.directory / "pid"
    path.write_text("old")
    with open(path) as old:
        assert runtime("exec", "-d", "--pid-file", "pid", container.name, "sleep", "999", cwd=runtime.directory).code == 0
        # What was opened before is the old file: the new one took its name.
        assert old.read() == "old" and int(path.read_text()) > 0
    assert [entry.name for entry in runtime.directory.iterdir() if "pid" in entry.name] == ["pid"]


def test_a_pid_file_that_cannot_be_written_fails_the_create(runtime):
    bundle = runtime.bundle("true")
    result = runtime("create", "--bundle", bundle.path, "--pid-file", "/nonexistent/pid", runtime.name())
    assert result.code == 1 and "pid" in result.err, result
    assert runtime("list", "-q").out == ""


# -- consoles -----------------------------------------------------------------------------------

# ONLCR is cleared on the terminal of a foreground run and left on that of a console socket to who receives it, as with runc.
STTY = ["sh", "-c", "stty -a; sleep 1000"]


def settings(console):
    master = console.receive()
    read_until(master, b"\n")
    flags = termios.tcgetattr(master)[1]
    os.close(master)
    return bool(flags & termios.ONLCR)


def terminal(config):
    config["process"]["terminal"] = True


def test_who_receives_it_decides_about_line_feeds_on_a_created_console(runtime):
    console = ConsoleSocket(runtime.directory)
    container = runtime.created(*STTY, change=terminal, flags=["--console-socket", console.path])
    assert runtime("start", container.name).code == 0
    assert settings(console) is True


def test_who_receives_it_decides_about_line_feeds_on_the_console_of_a_run(runtime):
    console = ConsoleSocket(runtime.directory)
    bundle = runtime.bundle(*STTY, change=terminal)
    assert runtime("run", "-d", "--console-socket", console.path, "--bundle", bundle.path, runtime.name()).code == 0
    assert settings(console) is True


def test_who_receives_it_decides_about_line_feeds_on_the_console_of_an_exec(runtime):
    container = runtime.started("sleep", "1000")
    console = ConsoleSocket(runtime.directory)
    assert runtime("exec", "-t", "-d", "--console-socket", console.path, container.name, *STTY).code == 0
    assert settings(console) is True


@pytest.mark.skipif(IS_PEER, reason="runc wants the caller to have a terminal itself (/dev/tty)")
def test_a_foreground_terminal_gives_line_feeds_once(runtime):
    bundle = runtime.bundle("sh", "-c", "tty; echo one; echo two", change=terminal)
    result = runtime("run", "--bundle", bundle.path, runtime.name())
    assert result.code == 0 and result.out == "/dev/pts/0\none\ntwo\n", repr(result.out)


@pytest.mark.parametrize("words, text", [
    (["-d"], "without setting console socket"),
])
def test_a_terminal_needs_a_holder(runtime, words, text):
    bundle = runtime.bundle("true", change=terminal)
    result = runtime("run", *words, "--bundle", bundle.path, runtime.name())
    assert result.code == 1 and text in result.err, result


# -- users, homes, processes --------------------------------------------------------------------

def passwd(bundle, text):
    (bundle.rootfs / "etc/passwd").write_text(text)


@pytest.mark.skipif(IS_PEER, reason="runc takes numbers only")
def test_the_terminal_of_a_named_user_is_theirs(runtime):
    container = runtime.started("sleep", "1000")
    passwd(container.bundle, "ann:x:1234:5::/home/ann:/bin/sh\n")
    result = runtime("exec", "-t", "-u", "ann", container.name, "sh", "-c", "stat -c %u $(tty)")
    assert result.code == 0 and result.out.strip() == "1234", result


def test_home_is_of_the_containers_passwd(runtime):
    def change(config):
        config["process"]["user"] = {"uid": 1000, "gid": 1000}
    assert runtime.once("sh", "-c", "echo $HOME", change=change).out == "/home/user\n"
    container = runtime.started("sleep", "1000")
    assert container.exec("sh", "-c", "echo $HOME", flags=["-u", "1000"]).out == "/home/user\n"
    assert container.exec("sh", "-c", "echo $HOME").out == "/root\n"
    assert container.exec("sh", "-c", "echo $HOME", flags=["-u", "4242"]).out == "/\n"
    assert container.exec("sh", "-c", "echo $HOME", flags=["-e", "HOME=/given"]).out == "/given\n"


def test_exec_as_a_number_keeps_the_group_of_the_configuration(runtime):
    def change(config):
        config["process"]["user"] = {"uid": 0, "gid": 7}
    container = runtime.started("sleep", "1000", change=change)
    assert container.exec("sh", "-c", "id -u; id -g", flags=["-u", "1000"]).out == "1000\n7\n"
    assert container.exec("sh", "-c", "id -u; id -g", flags=["-u", "1000:8"]).out == "1000\n8\n"


own_names = pytest.mark.skipif(IS_PEER, reason="runc takes numbers only; names are this runtime's own")


@own_names
def test_exec_as_a_name_of_the_container(runtime):
    container = runtime.started("sleep", "1000")
    (container.bundle.rootfs / "etc/group").write_text("root:x:0:\nuser:x:1000:\nwheel:x:10:root,user\nother:x:11:root\nstaff:x:50:\n")
    report = ["sh", "-c", "id -u; id -g; id -G; echo $HOME"]
    assert container.exec(*report, flags=["-u", "user"]).out == "1000\n1000\n1000 10\n/home/user\n"
    assert container.exec(*report, flags=["-u", "user:staff"]).out == "1000\n50\n50 10\n/home/user\n"
    assert container.exec(*report, flags=["-u", "user:9"]).out == "1000\n9\n9 10\n/home/user\n"
    assert container.exec(*report, flags=["-u", "12:staff"]).out == "12\n50\n50\n/\n"


@own_names
@pytest.mark.parametrize("user, text", [("nobody-here", 'user "nobody-here"'), ("user:nogroup", 'group "nogroup"'), ("0:", 'group ""')])
def test_exec_as_nobody_says_so(runtime, user, text):
    container = runtime.started("sleep", "1000")
    result = container.exec("true", flags=["-u", user])
    assert result.code == 255 and text in result.err, result


@own_names
def test_names_are_not_read_from_a_fifo_nor_past_2_to_the_31(runtime):
    container = runtime.started("sleep", "1000")
    passwd(container.bundle, "big:x:4294967295:0::/:/bin/sh\nodd:x:-1:0::/:/bin/sh\n")
    for name in ("big", "odd"):
        result = container.exec("true", flags=["-u", name])
        assert result.code == 255 and "2147483648" in result.err or "not in" in result.err, result
    (container.bundle.rootfs / "etc/passwd").unlink()
    os.mkfifo(container.bundle.rootfs / "etc/passwd")
    assert container.exec("true", flags=["-u", "user"], timeout=20).code == 255


def test_exec_in_a_directory_with_variables(runtime):
    container = runtime.started("sleep", "1000")
    result = container.exec("sh", "-c", "pwd; echo $HOSTNAME $A $B", flags=["--cwd=/tmp", "-e", "A=1", "-e", "B=x=y", "-e", "HOSTNAME=over"])
    assert result.out == "/tmp\nover 1 x=y\n", result
    result = container.exec("true", flags=["--cwd", "relative"])
    assert result.code == 255 and "cwd" in result.err.lower(), result


def test_exec_with_more_groups_and_capabilities(runtime):
    container = runtime.started("sleep", "1000")
    assert container.exec("id", "-G", flags=["-g", "5", "-g", "6"]).out == "0 5 6\n"
    result = container.exec("grep", "-E", "Cap(Prm|Bnd|Eff|Inh)", "/proc/self/status", flags=["--cap", "CAP_SYS_PTRACE", "--cap", "CAP_SYS_TIME"])
    sets = {line.split(":")[0]: int(line.split()[1], 16) for line in result.out.splitlines()}
    wanted = 1 << 19 | 1 << 25
    assert all(sets[name] & wanted == wanted for name in ("CapPrm", "CapBnd", "CapEff")) and sets["CapInh"] == 0


def test_exec_with_an_unknown_capability_is_refused_or_warned_of(runtime):
    container = runtime.started("sleep", "1000")
    result = container.exec("true", flags=["--cap", "CAP_NONSENSE"])
    assert "CAP_NONSENSE" in result.err, result


def test_exec_of_a_process_file_that_is_wrong_is_refused(runtime):
    container = runtime.started("sleep", "1000")
    path = container.bundle.path / "process.json"
    for text in ("", "{", '{"cwd": "/"}', '{"args": [], "cwd": "/"}', '{"args": ["true"], "cwd": "tmp"}', '{"args": ["true"]}'):
        path.write_text(text)
        result = runtime("exec", "-p", path, container.name)
        assert result.code != 0 and result.err, (text, result)
    assert runtime("exec", "-p", container.bundle.path / "missing.json", container.name).code != 0


def test_exec_without_a_command_is_refused(runtime):
    container = runtime.started("sleep", "1000")
    result = runtime("exec", container.name)
    assert result.code == 255 and "process args cannot be empty" in result.err, result


# -- subreaper ----------------------------------------------------------------------------------

ORPHAN = "(sh -c 'sleep 0.3; exit 0' & echo $! > /tmp/orphan) ; read line; exit 4"


def without_pid_namespace(config):
    config["linux"]["namespaces"] = [space for space in config["linux"]["namespaces"] if space["type"] != "pid"]


@pytest.mark.parametrize("flags, adopts", [([], True), (["--no-subreaper"], False)])
def test_run_adopts_processes_that_lost_their_parents(runtime, flags, adopts):
    bundle = runtime.bundle("sh", "-c", ORPHAN, change=without_pid_namespace)
    with subprocess.Popen(runtime.command("run", *flags, "--bundle", bundle.path, runtime.name()), stdin=subprocess.PIPE) as process:
        path = bundle.rootfs / "tmp/orphan"
        pid = int(wait_until("the orphan", lambda: path.exists() and path.read_text().strip()))
        handle = os.pidfd_open(pid)
        parent = wait_until("its parent is gone", lambda: new_parent(pid, path))
        assert (parent == process.pid) == adopts
        assert select.select([handle], [], [], 20)[0]
        if adopts:
            # It is waited for, and does not stay as a zombie.
            wait_until("it is reaped", lambda: not os.path.exists(f"/proc/{pid}"))
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.wait(20) == 4
        os.close(handle)


def new_parent(pid, path):
    """The parent of the orphan, once it is no longer the subshell that made it; nil until then."""
    try:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    parent = int(fields[1])
    try:
        command = open(f"/proc/{parent}/cmdline").read()
    except OSError:
        return 0
    return 0 if "read line" in command else parent


# -- spec ---------------------------------------------------------------------------------------

def test_spec_writes_into_a_bundle(runtime):
    bundle = runtime.bundle("true")
    (bundle.path / "config.json").unlink()
    assert runtime("spec", "--bundle", bundle.path).code == 0
    config = json.loads((bundle.path / "config.json").read_text())
    assert config["process"]["args"] == ["sh"] and config["root"] == {"path": "rootfs", "readonly": True}
    result = runtime("spec", "-b", bundle.path)
    assert result.code == 1 and "exists" in result.err, result


def test_a_rootless_spec_maps_the_caller(runtime):
    directory = runtime.directory / "spec"
    directory.mkdir()
    assert runtime("spec", "--rootless", cwd=directory).code == 0
    linux = json.loads((directory / "config.json").read_text())["linux"]
    kinds = {space["type"] for space in linux["namespaces"]}
    assert "user" in kinds and "network" not in kinds
    assert linux["uidMappings"] == [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]


# -- global flags -------------------------------------------------------------------------------

def test_errors_go_to_the_log_and_to_standard_error(runtime):
    log = runtime.directory / "log"
    result = runtime("state", "nothing", flags=["--log", log, "--log-format", "json"])
    assert result.code == 1 and "does not exist" in result.err
    entry = json.loads(log.read_text().splitlines()[-1])
    assert entry["level"] == "error" and "does not exist" in entry["msg"] and "time" in entry
    runtime("state", "nothing", flags=["--log", log, "--log-format", "text"])
    assert re.search(r'^time="[^"]+" level=error msg="[^"]*does not exist', log.read_text().splitlines()[-1])


def test_json_errors_without_a_file(runtime):
    result = runtime("state", "nothing", flags=["--log-format", "json"])
    assert result.code == 1 and "does not exist" in json.loads(result.err.splitlines()[-1])["msg"]


def test_debug_lines_are_only_written_when_asked_for(runtime):
    bundle = runtime.bundle("true")
    quiet, loud = runtime.directory / "quiet", runtime.directory / "loud"
    assert runtime("run", "--bundle", bundle.path, runtime.name(), flags=["--log", quiet]).code == 0
    assert runtime("run", "--bundle", bundle.path, runtime.name(), flags=["--log", loud, "--debug"]).code == 0
    assert "level=debug" not in quiet.read_text() and "level=debug" in loud.read_text()


def test_the_log_keeps_no_secrets(runtime):
    container = runtime.started("sleep", "1000")
    log = runtime.directory / "log"
    assert runtime("exec", "-e", "TOKEN=hunter2", container.name, "true", flags=["--log", log, "--debug"]).code == 0
    assert log.exists() and "hunter2" not in log.read_text()


@pytest.mark.parametrize("flags, text", [
    (["--log-format", "xml"], "invalid log-format"), (["--log", "/nonexistent/dir/log"], "/nonexistent/dir/log"),
    pytest.param(["--rootless", "maybe"], "rootless", marks=pytest.mark.skipif(IS_PEER, reason="runc reads it only where it needs it")),
])
def test_global_flags_that_are_wrong_are_refused(runtime, flags, text):
    result = runtime("list", flags=flags)
    assert result.code == 1 and text in result.err, result


@pytest.mark.parametrize("mode", ["auto", "true", "false", "1", "F"])
def test_modes_of_rootless(runtime, mode):
    assert runtime("list", flags=["--rootless", mode]).code == 0


def test_systemd_cgroup_says_why_not(runtime):
    bundle = runtime.bundle("true", change=lambda config: config["linux"].update(cgroupsPath="system.slice:test:one"))
    result = runtime("run", "--bundle", bundle.path, runtime.name(), flags=["--systemd-cgroup"])
    assert result.code == 1 and "systemd" in result.err, result


def test_a_relative_root_is_the_callers(runtime):
    bundle = runtime.bundle("sleep", "1000")
    name = runtime.name()
    command = [runtime.path, "--root", "state"]
    subprocess.run([*command, "run", "-d", "--bundle", bundle.path, name], cwd=runtime.directory, check=True, timeout=60,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert runtime("state", name).code == 0


# -- help, usage, version -----------------------------------------------------------------------

VERBS = "create delete exec features kill list pause ps resume run spec start state".split()


def test_help_lists_the_verbs(runtime):
    for words in ([], ["help"], ["--help"], ["-h"]):
        result = runtime(*words)
        assert result.code == 0 and result.err == "", result
        assert all(re.search(rf"^\s+{verb}\b", result.out, re.M) for verb in VERBS), result.out


@pytest.mark.parametrize("verb", ["create", "exec", "kill", "list", "ps", "run", "spec", "state"])
def test_help_of_a_verb(runtime, verb):
    texts = [runtime(*words) for words in ([verb, "--help"], [verb, "-h"], ["help", verb])]
    assert all(result.code == 0 and result.err == "" and result.out == texts[0].out for result in texts), texts
    assert f"{os.path.basename(runtime.path)} {verb}" in texts[0].out


def test_version_names_the_specification(runtime):
    for flag in ("--version", "-v"):
        lines = runtime(flag).out.splitlines()
        assert lines[0].startswith(f"{os.path.basename(runtime.path)} version ")
        assert any(re.fullmatch(r"spec: 1\.\d+\.\d+.*", line) for line in lines)
        assert any(re.fullmatch(r"libseccomp: \d+\.\d+\.\d+", line) for line in lines)


@pytest.mark.parametrize("words, code, text", [
    (["create"], 1, 'requires exactly 1 argument'), (["create", "a", "b"], 1, 'requires exactly 1 argument'),
    (["state"], 1, 'requires exactly 1 argument'), (["kill"], 1, 'requires a minimum of 1 argument'),
    (["create", "--nonsense", "a"], 1, "flag provided but not defined: -nonsense"),
    (["--nonsense"], 1, "flag provided but not defined: -nonsense"), (["nonsense"], 3, "No help topic for 'nonsense'"),
    (["create", "--bundle"], 1, "flag needs an argument: -bundle"),
    (["run", "--preserve-fds", "x", "a"], 1, 'invalid value "x" for flag -preserve-fds'),
    (["delete", "--force=perhaps", "a"], 1, 'invalid boolean value "perhaps" for -force'),
])
def test_misuse_is_named_on_standard_error(runtime, words, code, text):
    result = runtime(*words)
    assert result.code == code and text in result.err.replace('\\"', '"'), result


# -- side by side -------------------------------------------------------------------------------

SAME = [
    ["state", "nothing"], ["start", "nothing"], ["kill", "nothing"], ["delete", "nothing"], ["delete", "-f", "nothing"],
    ["pause", "nothing"], ["resume", "nothing"], ["ps", "nothing"], ["exec", "nothing", "true"], ["exec", "nothing"],
    ["list", "--format", "xml"], ["list", "-q"], ["nonsense"], ["create"], ["kill"], ["exec"], ["state", "a", "b"],
    ["create", "--nonsense", "x"], ["--nonsense"], [], ["help"], ["kill", "--help"], ["run", "..", "--bundle", "/nonexistent"],
    ["create", "--bundle", "/nonexistent", "x"], ["--log-format", "xml", "list"],
]


@pytest.mark.skipif(RUNC is None or IS_PEER, reason="compares with Debian's runc")
@pytest.mark.parametrize("words", SAME, ids=" ".join)
def test_codes_are_runcs(runtime, words):
    peer = Runtime(RUNC)
    try:
        ours, theirs = runtime(*words), peer(*words)
        assert ours.code == theirs.code, (ours, theirs)
        assert bool(ours.out) == bool(theirs.out) or ours.code != 0, (ours, theirs)
        assert bool(ours.err) == bool(theirs.err), (ours, theirs)
    finally:
        peer.close()


@pytest.mark.skipif(RUNC is None or IS_PEER, reason="compares with Debian's runc")
def test_states_and_lists_have_runcs_fields(runtime):
    peer = Runtime(RUNC)
    try:
        documents = []
        for each in (runtime, peer):
            container = each.started("sleep", "1000")
            documents.append((json.loads(each("list", "-f", "json").out)[0], container.state(), each("list").out.splitlines()[0].split()))
        ours, theirs = documents
        assert list(ours[0]) == list(theirs[0]) and list(ours[1]) == list(theirs[1]) and ours[2] == theirs[2]
        assert ours[0]["owner"] == theirs[0]["owner"] and ours[1]["owner"] == theirs[1]["owner"]
    finally:
        peer.close()


@pytest.mark.skipif(RUNC is None or IS_PEER, reason="compares with Debian's runc")
def test_every_flag_of_runc_is_known(runtime):
    def flags(command, *words):
        text = subprocess.run([command, *words, "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
        return set(re.findall(r"--([a-z0-9-]+)", text.split("OPTIONS:", 1)[-1] if "OPTIONS:" in text else ""))
    missing = {}
    for verb in ("", "create", "delete", "exec", "kill", "list", "pause", "ps", "resume", "run", "spec", "start", "state"):
        words = [verb] if verb else []
        ours = subprocess.run([runtime.path, *words, "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
        known = set(re.findall(r"--([a-z0-9-]+)", ours)) | {"help"}
        lacking = flags(RUNC, *words) - known - {"cgroup"}
        if lacking:
            missing[verb] = lacking
    assert missing == {}
