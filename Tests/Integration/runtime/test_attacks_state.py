"""The state directory: damaged, hostile, or about processes that are no longer the container's (docs/threat-model.md)."""

import json
import os
import signal
import socket
import subprocess

import pytest

from attacking import State, ended, put, remove
from cais_testing import IS_PEER, cgroup_hierarchies, processes, wait_until

pytestmark = pytest.mark.skipif(IS_PEER, reason="about this runtime's files")


def is_alive(pid):
    return pid in processes()


@pytest.fixture
def bystander():
    """A process of the host that no verb may touch."""
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    assert process.poll() is None, "a process of the host was ended"
    process.kill()
    process.wait()


def ticks(pid):
    return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[19])


def verbs(container):
    """Every verb that looks at a container, once; each ends soon."""
    for words in (["state"], ["kill", "KILL"], ["kill", "--all", "KILL"], ["start"], ["pause"], ["resume"], ["ps"], ["exec", "true"], ["delete"]):
        verb, *rest = words
        flags = [word for word in rest if word.startswith("--")]
        rest = [word for word in rest if not word.startswith("--")]
        yield words, ended(container.runtime(verb, *flags, container.name, *rest, timeout=20))


DAMAGES = {
    "empty": b"", "half": None, "nonsense": b"\x00\xff\x7fELF", "array": b"[]", "number": b"1e999999", "deep": b"[" * 500_000,
    "other": b'{"version":1}', "later": b'{"version":99,"id":"x"}', "twice": b'{"id":"a","id":"b"}', "lines": b"\n" * 100_000, "text": b'"' + b"a" * 900_000,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_named_and_what_it_was_about_can_be_deleted(runtime, damage):
    container = runtime.started("sleep", "1000")
    path = State(runtime, container.name).path
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) // 2] if damage == "half" else DAMAGES[damage])
    for words, result in verbs(container):
        assert result.code != 0 and result.err, (words, result)
    assert container.name not in runtime("list", "-q").out.split()
    assert runtime("delete", "--force", container.name).code == 0
    wait_until("init is gone", lambda: not is_alive(container.pid))


@pytest.mark.parametrize("kind", ["directory", "fifo", "socket", "character", "link to a FIFO", "link to itself", "huge"])
def test_what_is_no_file_in_place_of_the_state_is_not_waited_for(runtime, kind):
    container = runtime.started("sleep", "1000")
    path = State(runtime, container.name).path
    if kind == "link to a FIFO":
        put(runtime.directory / "fifo", "fifo")
        put(path, "link", str(runtime.directory / "fifo"))
    elif kind == "link to itself":
        put(path, "link", "state.json")
    elif kind == "huge":
        with open(path, "wb") as file:
            file.truncate(1 << 40)
    else:
        put(path, kind)
    for words, result in verbs(container):
        assert result.code != 0 and result.err, (words, result)
    assert runtime("delete", "--force", container.name).code == 0
    wait_until("init is gone", lambda: not is_alive(container.pid))


def test_the_name_in_a_state_is_that_of_its_directory(runtime):
    """Deleting one container deletes no other, and nothing beside the root."""
    (runtime.directory / "other").mkdir()
    victim, container = runtime.created("true"), runtime.created("true")
    for name in (victim.name, "../other", ".", "..", "/etc", ""):
        State(runtime, container.name).change(lambda record: record.update(id=name))
        for words, result in verbs(container):
            assert result.code != 0, (name, words, result)
    assert runtime("delete", "--force", container.name).code == 0
    assert (runtime.directory / "other").is_dir() and victim.status() == "created"
    wait_until("init is gone", lambda: not is_alive(container.pid))


def test_a_process_with_the_pid_of_an_init_that_is_gone_is_left_alone(runtime, bystander):
    """The pid was given to another process: its time of start says so."""
    container = runtime.started("sleep", "1000")
    os.kill(container.pid, signal.SIGKILL)
    container.wait()
    state = State(runtime, container.name)
    state.change(lambda record: record["initProcess"].update(pid=bystander.pid))
    state.change(lambda record: record["initProcess"].update(startTicks=ticks(bystander.pid) - 1))
    assert container.status() == "stopped"
    for words, result in verbs(container):
        if words != ["delete"]:
            assert result.code != 0 or words[0] in ("state", "ps") or "--all" in words, (words, result)
        assert str(bystander.pid) not in result.out, (words, result)
    assert bystander.poll() is None
    runtime("delete", "--force", container.name)


@pytest.mark.parametrize("pid", [-1, 0, 1, 2**31 - 1, -2**31])
def test_a_pid_that_is_none_of_the_container_is_not_signalled(runtime, pid, bystander):
    container = runtime.started("sleep", "1000")
    State(runtime, container.name).change(lambda record: record["initProcess"].update(pid=pid))
    for words, result in verbs(container):
        assert words[0] != "exec" or result.code != 0, result
    runtime("delete", "--force", container.name)
    wait_until("init is gone", lambda: not is_alive(container.pid))


def test_a_cgroup_path_that_climbs_out_of_its_hierarchy_is_refused(runtime):
    """Nothing outside is removed, and no process of another cgroup is ended."""
    empty = runtime.directory / "empty"
    empty.mkdir()
    container = runtime.started("sleep", "1000")
    state = State(runtime, container.name)
    record = state.read()
    for path in (f"../../../../..{empty}", "", ".", "a/../..", "/"):
        hostile = json.loads(json.dumps(record))
        for place in hostile["cgroup"]["places"]:
            place["path"] = path
        state.write(hostile)
        for words, result in verbs(container):
            assert result.code != 0, (path, words, result)
        assert empty.is_dir()
    state.write(record)
    assert container.status() == "running"


def test_a_root_of_somebody_else_is_refused(runtime):
    """Who owns the directory could put a link in the place of a container's between two steps."""
    foreign = runtime.directory / "foreign"
    foreign.mkdir()
    os.chown(foreign, 1234, 1234)
    link = put(runtime.directory / "link", "link", "foreign")
    bundle = runtime.bundle("true")
    for root in (foreign, link):
        result = runtime("run", "--bundle", bundle.path, "c1", flags=["--root", root])
        assert result.code != 0 and "owned" in result.err, result
        assert not os.listdir(foreign)


@pytest.mark.parametrize("root", ["file", "fifo", "link"])
def test_a_root_that_is_no_directory_is_named(runtime, root):
    path = put(runtime.directory / "odd", root, "odd")
    bundle = runtime.bundle("true")
    for words in (["run", "--bundle", bundle.path, "c1"], ["list"], ["state", "c1"], ["delete", "c1"]):
        result = ended(runtime(*words, flags=["--root", path], timeout=20))
        assert result.code != 0 and result.err, (words, result)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc", "a\nb", "a b", "x" * 2000, ".filters", "\u202e", "a\\b", "a:b", "*"])
def test_names_that_are_no_name_are_refused(runtime, name):
    bundle = runtime.bundle("true")
    before = set(os.listdir(runtime.directory))
    for words in (["create", "--bundle", bundle.path], ["state"], ["kill"], ["exec"], ["delete", "--force"]):
        result = runtime(*words, "--", name, *(["true"] if words == ["exec"] else []))
        assert result.code != 0, (words, result)
    assert set(os.listdir(runtime.directory)) - before <= {"state"}


def test_the_gate_of_a_container_replaced(runtime):
    """Another socket, or none, in its place: start says so and does not wait."""
    for kind in ("file", "fifo", "link", "directory", "socket"):
        container = runtime.created("true")
        put(runtime.root / container.name / "start.sock", kind, "nowhere")
        result = ended(runtime("start", container.name, timeout=20))
        assert result.code != 0 and result.err, (kind, result)
        assert container.status() == "created"
        assert runtime("delete", "--force", container.name).code == 0


def test_a_large_configuration_does_not_make_a_container_that_cannot_be_ended(runtime):
    """Annotations are part of the state, and may be megabytes."""
    container = runtime.started("sleep", "1000", change=lambda config: config.update(annotations={f"k{n}": "a" * 1000 for n in range(2000)}))
    assert container.status() == "running"
    assert runtime("kill", container.name, "KILL").code == 0
    container.wait()
    assert runtime("delete", container.name).code == 0


def test_a_directory_that_was_left_with_a_running_container_is_taken_away_with_it(runtime):
    """The state is gone and the configuration is there: its cgroup is what remains to be ended."""
    container = runtime.started("sleep", "1000")
    remove(State(runtime, container.name).path)
    assert runtime("delete", container.name).code != 0
    assert runtime("delete", "--force", container.name).code == 0
    wait_until("init is gone", lambda: not is_alive(container.pid))
    cgroup = container.bundle.config["linux"]["cgroupsPath"]
    assert not any(os.path.exists(top + cgroup) for top in cgroup_hierarchies())


def test_a_pid_file_follows_no_link_and_waits_for_no_reader(runtime):
    bundle = runtime.bundle("sleep", "1000")
    canary = runtime.directory / "canary"
    canary.write_text("kept")
    for kind in ("link", "fifo", "socket"):
        path = put(bundle.rootfs / "pid", kind, str(canary))
        name = runtime.name()
        with open(os.devnull, "r+b") as null:
            subprocess.run(runtime.command("run", "--detach", "--bundle", bundle.path, "--pid-file", path, name), stdin=null, stdout=null, stderr=null,
                           timeout=20, check=True)
        assert canary.read_text() == "kept" and not path.is_symlink() and int(path.read_text()) > 1
        runtime("delete", "--force", name)


def test_a_console_socket_that_nobody_serves(runtime):
    """A file, a FIFO, a socket that nobody listens on: named, at once, and nothing is left."""
    for kind in ("file", "fifo", "socket", "link", "directory"):
        path = put(runtime.directory / "console", kind, "nowhere")
        bundle = runtime.bundle("true", change=lambda config: config["process"].update(terminal=True))
        result = ended(runtime("create", "--bundle", bundle.path, "--console-socket", path, runtime.name(), timeout=20))
        assert result.code != 0 and "console" in result.err, (kind, result)


def test_a_console_socket_whose_holder_reads_nothing_or_goes_away(runtime):
    def change(config):
        config["process"].update(terminal=True, args=["sleep", "1000"])
    for reads in (False, None):
        path = runtime.directory / f"console{reads}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(1)
            bundle = runtime.bundle(change=change)
            if reads is None:  # accepted and closed before the terminal comes: SIGPIPE, which is as usual in a program that is started, would end the runtime
                creating = subprocess.Popen(runtime.command("create", "--bundle", bundle.path, "--console-socket", path, runtime.name()),
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                listener.accept()[0].close()
                assert creating.wait(timeout=20) >= 0
            else:
                ended(runtime("create", "--bundle", bundle.path, "--console-socket", path, runtime.name(), timeout=20))


@pytest.mark.parametrize("name", ["..", ".", "", ".filters", "a/../../x", "../state"])
def test_a_forced_delete_of_a_name_that_is_none_removes_nothing(runtime, name):
    container = runtime.started("sleep", "1000")
    kept = [runtime.root / ".filters" / "x.bpf", runtime.directory / "beside"]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_text("kept")
    result = ended(runtime("delete", "--force", name))
    assert result.code != 0 and "id" in result.err.lower(), result
    assert all(path.read_text() == "kept" for path in kept) and container.state()["status"] == "running"


def test_a_run_whose_container_is_taken_away_leaves_the_next_one_of_that_name_alone(runtime):
    name, told = runtime.name(), runtime.directory / "told"
    hook = {"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", f"echo gone >> {told}"]}]}
    first = runtime.bundle("sleep", "1000", change=lambda config: config.update(hooks=hook))
    with subprocess.Popen(runtime.command("run", "--bundle", first.path, name)) as run:
        wait_until("it runs", lambda: runtime("state", name).code == 0 and json.loads(runtime("state", name).out)["status"] == "running")
        run.send_signal(signal.SIGSTOP)
        assert runtime("delete", "--force", name).code == 0
        second = runtime.bundle("sleep", "1000")
        assert runtime("create", "--bundle", second.path, name).code == 0
        run.send_signal(signal.SIGCONT)
        assert run.wait(20) == 137
    assert json.loads(runtime("state", name).out)["status"] == "created"
    assert told.read_text() == "gone\n", "the hooks for its end ran once"
    assert runtime("delete", "--force", name).code == 0
