"""checkpoint and restore through criu. criu 3.17 cannot run on this machine's kernel; what needs it runs in the
emulated machine (make test-cgroup2), and is skipped elsewhere with criu's own reason."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from attacking import python, with_python
from cais_testing import IS_PEER, wait_until

CRIU = shutil.which("criu")


def works():
    """Why criu does not work here; the empty string where it does."""
    if CRIU is None:
        return "criu is not installed"
    done = subprocess.run([CRIU, "check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return "" if done.returncode == 0 else done.stdout.decode().strip().splitlines()[-1]


REASON = works()
with_criu = pytest.mark.skipif(bool(REASON), reason=f"criu does not work here: {REASON}")
without_criu = pytest.mark.skipif(not REASON, reason="criu works here")

COUNT = "i=0; while :; do i=$((i+1)); echo $i > /tmp/count; sleep 0.02; done"


def count(bundle):
    path = bundle.rootfs / "tmp/count"
    try:
        return int(path.read_text() or 0)
    except (FileNotFoundError, ValueError):
        return 0


def counting(runtime, **options):
    """A running container that counts into a file of its root."""
    container = runtime.started("sh", "-c", COUNT, **options)
    wait_until("it counts", lambda: count(container.bundle) > 3)
    return container


def fake(runtime, script):
    """A program in criu's place, which keeps its words and does what `script` says."""
    path = runtime.directory / "criu"
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {runtime.directory}/words\n{script}\n')
    path.chmod(0o755)
    return path


def words(runtime):
    return (runtime.directory / "words").read_text().splitlines()


def after(given, word):
    """What follows each `word`."""
    return [given[index + 1] for index, each in enumerate(given) if each == word]


# -- what can be told without criu --------------------------------------------------------------

own = pytest.mark.skipif(IS_PEER, reason="looks at this runtime's own way of calling criu")


@own
def test_without_criu_the_error_says_so_and_the_container_goes_on(runtime):
    container = counting(runtime)
    result = runtime("checkpoint", "--image-path", runtime.directory / "images", container.name, flags=["--criu", "no-such-criu"])
    assert result.code == 1 and "criu" in result.err and "not installed" in result.err, result
    assert container.status() == "running"
    result = runtime("restore", "--image-path", runtime.directory / "images", "--bundle", container.bundle.path, runtime.name(), flags=["--criu", "/no/criu"])
    assert result.code == 1 and "not installed" in result.err, result


@own
@without_criu
@pytest.mark.skipif(CRIU is None, reason="criu is not installed")
def test_criu_that_cannot_run_is_quoted_and_the_container_goes_on(runtime):
    container = counting(runtime)
    result = runtime("checkpoint", "--image-path", runtime.directory / "images", container.name)
    assert result.code == 1 and "criu failed" in result.err and "Error (criu/" in result.err and "dump.log" in result.err, result
    assert result.err.count("\n") == 1
    before = count(container.bundle)
    wait_until("it goes on", lambda: count(container.bundle) > before)
    assert container.status() == "running"


@own
def test_a_failed_dump_tells_the_last_errors_of_the_log(runtime):
    container = counting(runtime)
    log = 'while [ $# -gt 0 ]; do [ "$1" = --work-dir ] && work=$2; shift; done\n' \
        'printf "(00.1) one\\n(00.2) Error (criu/a.c:1): first\\n(00.3) fine\\n(00.4) Error (criu/b.c:2): second\\n(00.5) bye\\n" > $work/dump.log; exit 3'
    result = runtime("checkpoint", "--image-path", runtime.directory / "images", "--work-path", runtime.directory / "work", container.name,
                     flags=["--criu", fake(runtime, log)])
    assert result.code == 1 and "exit code 3: Error (criu/a.c:1): first; Error (criu/b.c:2): second" in result.err, result
    assert f"{runtime.directory}/work/dump.log" in result.err and container.status() == "running"


@own
def test_what_criu_is_asked_for(runtime):
    shared = runtime.directory / "shared"
    shared.mkdir()

    def change(config):
        config["mounts"].append({"destination": "/var/link/place", "type": "bind", "source": str(shared), "options": ["rbind"]})
    bundle = runtime.bundle("sh", "-c", COUNT, change=change)
    os.symlink("../home", bundle.rootfs / "var/link")
    container = runtime.created(bundle=bundle)
    assert runtime("start", container.name).code == 0
    wait_until("it counts", lambda: count(bundle) > 3)
    images = runtime.directory / "images"
    result = runtime("checkpoint", "--image-path", images, "--tcp-established", "--ext-unix-sk", "--shell-job", "--file-locks", "--leave-running",
                     "--manage-cgroups-mode", "soft", "--empty-ns", "network", "--page-server", "[::1]:99", "--link-remap", "--auto-dedup",
                     "--tcp-skip-in-flight", container.name, flags=["--criu", fake(runtime, "exit 0")])
    assert result.code == 0, result
    given = words(runtime)
    assert given[0] == "dump" and after(given, "--tree") == [str(container.pid)] and after(given, "--images-dir") == [str(images)]
    wanted = {"--tcp-established", "--ext-unix-sk", "--shell-job", "--file-locks", "--leave-running", "--manage-cgroups=soft", "--link-remap",
              "--auto-dedup", "--skip-in-flight", "--page-server"}
    assert wanted <= set(given), given
    assert after(given, "--empty-ns") == ["net"] and after(given, "--address") == ["[::1]"] and after(given, "--port") == ["99"]
    externals = after(given, "--external")
    # The mount is where the link of the image leads.
    assert "mnt[/home/place]:/var/link/place" in externals, externals
    assert any(word.startswith("mnt[/sys/fs/cgroup") for word in externals), externals
    # The streams are a file of the host and its null device.
    assert sum(word.startswith("file[") for word in externals) == 3, externals
    assert images.stat().st_mode & 0o777 == 0o700
    assert container.status() == "running"


@own
def test_a_dump_that_succeeds_ends_the_container_and_a_pre_dump_does_not(runtime):
    container = counting(runtime)
    criu = fake(runtime, "exit 0")
    assert runtime("checkpoint", "--pre-dump", "--image-path", runtime.directory / "first", container.name, flags=["--criu", criu]).code == 0
    assert words(runtime)[0] == "pre-dump" and "--track-mem" in words(runtime) and container.status() == "running"
    result = runtime("checkpoint", "--image-path", runtime.directory / "second", "--parent-path", "../first", container.name, flags=["--criu", criu])
    assert result.code == 0 and after(words(runtime), "--prev-images-dir") == ["../first"], result
    assert runtime("state", container.name).code != 0


@own
def test_what_a_restore_asks_for_and_takes_back_when_it_fails(runtime):
    container = counting(runtime)
    images = runtime.directory / "images"
    assert runtime("checkpoint", "--image-path", images, container.name, flags=["--criu", fake(runtime, "exit 0")]).code == 0
    name = runtime.name()
    script = 'grep -c cais-test /proc/self/cgroup > ' + str(runtime.directory / "inside") + '; ls -l /proc/self/fd >> ' + str(runtime.directory / "inside") + '; echo broken >&2; exit 1'
    result = runtime("restore", "--image-path", images, "--bundle", container.bundle.path, "--detach", name, flags=["--criu", fake(runtime, script)])
    assert result.code == 1 and "criu failed" in result.err and "broken" in result.err, result
    given = words(runtime)
    assert given[0] == "restore" and {"--restore-detached", "--restore-sibling", "--manage-cgroups=ignore"} <= set(given), given
    assert any(word.startswith("mnt[/sys/fs/cgroup") and ":/" in word for word in after(given, "--external")), given
    assert [word.split(":")[0] for word in after(given, "--inherit-fd")] == ["fd[3]", "fd[4]", "fd[5]"], given
    # In the container's cgroup, and with nothing of the runtime's open: streams, the caller's streams,
    # the script itself and what ls reads.
    inside = (runtime.directory / "inside").read_text().splitlines()
    assert int(inside[0]) >= 1
    numbers = {int(line.split(" -> ")[0].split()[-1]) for line in inside[1:] if " -> " in line}
    assert numbers <= {0, 1, 2, 3, 4, 5, 6, 10}, inside
    assert runtime("state", name).code != 0


@own
@pytest.mark.parametrize("verb, flags, text", [
    ("checkpoint", ["--lazy-pages"], "--lazy-pages is not supported"), ("checkpoint", ["--status-fd", "3"], "--status-fd is not supported"),
    ("checkpoint", ["--manage-cgroups-mode", "some"], "manage-cgroups-mode"), ("checkpoint", ["--empty-ns", "pid"], "only network"),
    ("checkpoint", ["--parent-path", "/abs"], "relative"), ("checkpoint", ["--parent-path", "../none"], "there is no"),
    ("checkpoint", ["--page-server", "nonsense"], "ADDRESS:PORT"),
    ("restore", ["--lazy-pages"], "--lazy-pages is not supported"), ("restore", ["--lsm-profile", "selinux:x"], "--lsm-profile is not supported"),
    ("restore", ["--console-socket", "/x"], "--console-socket is not supported"), ("restore", ["--no-pivot"], "--no-pivot is not supported"),
])
def test_what_is_not_done_is_refused_by_name(runtime, verb, flags, text):
    container = runtime.started("sleep", "1000")
    name = container.name if verb == "checkpoint" else "other"
    more = ["--bundle", container.bundle.path] if verb == "restore" else []
    result = runtime(verb, *flags, *more, name)
    assert result.code == 1 and text in result.err, result
    assert container.status() == "running"


@own
def test_a_restore_needs_images(runtime):
    bundle = runtime.bundle("true")
    empty = runtime.directory / "empty"
    empty.mkdir()
    for path, text in ((runtime.directory / "none", "none"), (empty, "no checkpoint in")):
        result = runtime("restore", "--image-path", path, "--bundle", bundle.path, runtime.name(), flags=["--criu", "/bin/true"])
        assert result.code == 1 and text in result.err, result
    assert runtime("list", "-q").out == ""


def test_only_a_running_container_is_checkpointed(runtime):
    created, stopped = runtime.created("true"), runtime.started("true")
    stopped.wait()
    for container in (created, stopped):
        result = runtime("checkpoint", "--image-path", runtime.directory / "images", container.name)
        assert result.code == 1 and "checkpointed" in result.err, result


@own
def test_a_terminal_is_refused(runtime):
    from cais_testing import ConsoleSocket
    console = ConsoleSocket(runtime.directory)

    def change(config):
        config["process"]["terminal"] = True
    container = runtime.created("sleep", "1000", change=change, flags=["--console-socket", console.path])
    assert runtime("start", container.name).code == 0
    os.close(console.receive())
    # The program lives on without its terminal's other end: sleep reads nothing.
    if container.status() == "running":
        result = runtime("checkpoint", "--image-path", runtime.directory / "images", container.name)
        assert result.code == 1 and "terminal" in result.err, result


# -- the round trip -----------------------------------------------------------------------------

def checkpointed(runtime, container, *flags):
    images = runtime.directory / f"images-{container.name}"
    result = runtime("checkpoint", "--image-path", images, "--work-path", runtime.directory / "work", *flags, container.name, timeout=300)
    assert result.code == 0, (result, log(runtime, "dump.log"))
    return images


def log(runtime, name):
    path = runtime.directory / "work" / name
    return "\n".join(path.read_text(errors="replace").splitlines()[-60:]) if path.exists() else "no log"


def restored(runtime, container, images, *flags):
    name = runtime.name()
    pid_file = container.bundle.path / "restored.pid"
    result = runtime("restore", "--image-path", images, "--work-path", runtime.directory / "work", "--bundle", container.bundle.path, "--detach",
                     "--pid-file", pid_file, *flags, name, timeout=300)
    assert result.code == 0, (result, log(runtime, "restore.log"))
    return name, int(pid_file.read_text())


@with_criu
def test_a_container_comes_back_where_it_was(runtime):
    shared = runtime.directory / "shared"
    shared.mkdir()
    (shared / "file").write_text("from the host\n")

    def change(config):
        config["mounts"].append({"destination": "/tmp/shared", "type": "bind", "source": str(shared), "options": ["rbind"]})
    container = counting(runtime, change=change)
    images = checkpointed(runtime, container)
    assert runtime("state", container.name).code != 0
    reached = count(container.bundle)
    name, pid = restored(runtime, container, images)
    state = json.loads(runtime("state", name).out)
    assert (state["status"], state["pid"]) == ("running", pid)
    wait_until("it counts on", lambda: count(container.bundle) > reached)
    assert runtime("exec", name, "cat", "/tmp/shared/file").out == "from the host\n"
    assert runtime("exec", name, "hostname").out == "box\n"
    # It is in its own cgroup, with its limits and its freezer.
    path = container.bundle.config["linux"]["cgroupsPath"]
    assert any(line.endswith(path) for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().split("\n"))
    assert runtime("pause", name).code == 0 and json.loads(runtime("state", name).out)["status"] == "paused"
    assert runtime("resume", name).code == 0
    assert runtime("kill", name, "KILL").code == 0
    wait_until("it is stopped", lambda: json.loads(runtime("state", name).out)["status"] == "stopped")
    assert runtime("delete", name).code == 0


@with_criu
def test_it_goes_on_where_that_is_asked_for(runtime):
    container = counting(runtime)
    checkpointed(runtime, container, "--leave-running")
    before = count(container.bundle)
    assert container.status() == "running"
    wait_until("it goes on", lambda: count(container.bundle) > before)


@with_criu
def test_memory_is_written_before_and_only_changes_after(runtime):
    container = counting(runtime)
    first = runtime.directory / "first"
    result = runtime("checkpoint", "--pre-dump", "--image-path", first, "--work-path", runtime.directory / "work", container.name, timeout=300)
    assert result.code == 0, (result, log(runtime, "dump.log"))
    assert container.status() == "running"
    images = runtime.directory / "second"
    result = runtime("checkpoint", "--image-path", images, "--parent-path", "../first", "--work-path", runtime.directory / "work", container.name, timeout=300)
    assert result.code == 0, (result, log(runtime, "dump.log"))
    assert os.readlink(images / "parent") == "../first"
    reached = count(container.bundle)
    restored(runtime, container, images)
    wait_until("it counts on", lambda: count(container.bundle) > reached)


@with_criu
@pytest.mark.skipif(IS_PEER, reason="runc leaves the streams to its caller")
def test_a_restore_in_the_foreground_has_the_callers_streams_and_the_programs_code(runtime):
    bundle = runtime.bundle("sh", "-c", "read line; echo heard $line; exit 6")
    name = runtime.name()
    with subprocess.Popen(runtime.command("run", "--bundle", bundle.path, name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        wait_until("it runs", lambda: json.loads(runtime("state", name).out or "{}").get("status") == "running")
        images = runtime.directory / "images"
        result = runtime("checkpoint", "--image-path", images, "--work-path", runtime.directory / "work", name, timeout=300)
        assert result.code == 0, (result, log(runtime, "dump.log"))
        process.wait(60)
    command = runtime.command("restore", "--image-path", images, "--work-path", runtime.directory / "work", "--bundle", bundle.path, runtime.name())
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        out, _ = process.communicate(b"new streams\n", timeout=300)
        assert (process.returncode, out) == (6, b"heard new streams\n"), log(runtime, "restore.log")
    assert runtime("list", "-q").out == ""


@with_criu
@pytest.mark.skipif(IS_PEER, reason="the specification says nothing of hooks at a restore")
def test_hooks_run_before_the_program_goes_on(runtime):
    def change(config):
        seen = runtime.directory / "seen"
        script = f"cat >> {seen}; cat {runtime.directory}/*/rootfs/tmp/count >> {seen} || true"  # not there yet at the create
        config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}
    container = counting(runtime, change=change)
    images = checkpointed(runtime, container)
    reached = count(container.bundle)
    (runtime.directory / "seen").unlink()
    restored(runtime, container, images)
    seen = (runtime.directory / "seen").read_text()
    assert '"status":"creating"' in seen.replace(" ", "") and int(seen.rsplit("}", 1)[1]) <= reached + 1, seen
    wait_until("it counts on", lambda: count(container.bundle) > reached + 1)


@with_criu
@pytest.mark.skipif(IS_PEER, reason="damages this runtime's images")
def test_a_restore_that_fails_says_why_and_leaves_nothing(runtime):
    container = counting(runtime)
    images = checkpointed(runtime, container)
    for path in images.glob("core-*.img"):
        path.write_bytes(b"damaged")
    name = runtime.name()
    result = runtime("restore", "--image-path", images, "--work-path", runtime.directory / "work", "--bundle", container.bundle.path, "--detach", name, timeout=300)
    assert result.code == 1 and "criu failed" in result.err and "Error" in result.err, result
    assert runtime("state", name).code != 0


@with_criu
def test_locks_are_kept(runtime):
    holder = "import fcntl, time; f = open('/tmp/lock', 'w'); fcntl.flock(f, fcntl.LOCK_EX); open('/tmp/held', 'w').close(); time.sleep(1000)"
    other = "import fcntl; fcntl.flock(open('/tmp/lock'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    container = runtime.started(*python(holder), change=with_python)
    wait_until("it holds the lock", lambda: (container.bundle.rootfs / "tmp/held").exists())
    refused = runtime("checkpoint", "--image-path", runtime.directory / "refused", "--work-path", runtime.directory / "work", container.name, timeout=300)
    assert refused.code == 1 and container.status() == "running", refused
    images = checkpointed(runtime, container, "--file-locks")
    name, _ = restored(runtime, container, images, "--file-locks")
    result = runtime("exec", name, *python(other), timeout=300)
    assert result.code == 1 and "BlockingIOError" in result.err, result
