"""Every verb, from the real docker client and from cais, on the same engine."""

import json
import os
import pty
import re
import select
import signal
import socket
import time

import pytest

from engine import wait_until

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture(params=["docker", "cais"])
def client(request):
    return request.param


def read_terminal(descriptor, until, seconds=15):
    """Reads a pty until `until` has been seen."""
    seen = b""
    deadline = time.monotonic() + seconds
    while until not in seen:
        assert time.monotonic() < deadline, f"no {until!r} in {seen!r}"
        ready, _, _ = select.select([descriptor], [], [], 0.2)
        if ready:
            try:
                chunk = os.read(descriptor, 65536)
            except OSError:
                chunk = b""
            if not chunk:
                break
            seen += chunk
    assert until in seen, seen
    return seen


def in_terminal(engine, program, *arguments, rows=31, columns=97):
    """Starts a client on a terminal of its own; returns its process and the other end."""
    import fcntl
    import struct
    import termios
    leader, follower = pty.openpty()
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = engine.popen(program, *arguments, stdin=follower, stdout=follower, stderr=follower,
                           start_new_session=True)
    os.close(follower)
    return process, leader


def test_run_prints_what_the_command_prints_and_ends_with_its_code(engine, client):
    result = engine.command_of(client, "run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (result.code, result.out, result.err) == (7, "out\n", "err\n")
    assert engine.ok("ps", "-aq", client=client) == ""


def test_run_feeds_standard_input(engine, client):
    data = os.urandom(300_000).hex().encode()
    result = engine.command_of(client, "run", "--rm", "-i", "busybox", "cat", input=data)
    assert result.code == 0 and result.out.encode() == data


def test_run_on_a_terminal(engine, client):
    process, terminal = in_terminal(engine, client, "run", "--rm", "-it", "busybox", "sh")
    # The client sets the size when the container has started, so the shell may see it a moment later.
    os.write(terminal, b'tty; until [ "$(stty size)" = "31 97" ]; do sleep 0.05; done; echo si""zed\n')
    assert b"/dev/pts/" in read_terminal(terminal, b"sized")
    os.write(terminal, b"exit 5\n")
    assert process.wait(15) == 5
    os.close(terminal)


def test_detach_keys_leave_the_container_running_and_attach_returns_to_it(engine, client):
    process, terminal = in_terminal(engine, client, "run", "-it", "--name", "held", "busybox", "sh")
    os.write(terminal, b"echo re''ady\n")
    read_terminal(terminal, b"ready")
    os.write(terminal, b"\x10\x11")
    process.wait(15)
    os.close(terminal)
    assert engine.inspect("held")["State"]["Running"]
    process, terminal = in_terminal(engine, client, "attach", "held")
    os.write(terminal, b"echo ba''ck\n")
    read_terminal(terminal, b"back")
    os.write(terminal, b"exit\n")
    process.wait(15)
    os.close(terminal)
    wait_until("the shell has ended", lambda: not engine.inspect("held")["State"]["Running"])


def test_a_missing_command_is_127_and_one_that_is_no_program_126(engine, client):
    missing = engine.command_of(client, "run", "--rm", "busybox", "no-such-command")
    assert missing.code == 127 and "no-such-command" in missing.err and "not found" in missing.err
    text = engine.command_of(client, "run", "--rm", "busybox", "/etc/not-executable")
    assert text.code == 126 and "permission denied" in text.err.lower()
    assert engine.ok("ps", "-aq") == ""


def test_an_unknown_image_is_125_and_a_taken_name_409(engine, client):
    unknown = engine.command_of(client, "create", "--pull", "never", "no-such-image")
    assert unknown.code != 0 and "no-such-image" in unknown.err
    engine.ok("create", "--name", "taken", "busybox", client=client)
    again = engine.command_of(client, "run", "--name", "taken", "busybox", "true")
    assert again.code == 125 and "already in use" in again.err


def test_life_of_a_detached_container(engine, client):
    identifier = engine.ok("run", "-d", "--name", "life", "busybox", "sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done", client=client)
    assert re.fullmatch("[0-9a-f]{64}", identifier)
    wait_until("its first line is logged", lambda: engine.ok("logs", "life", client=client) == "up")
    assert "life" in engine.ok("ps", client=client)
    engine.ok("stop", "life", client=client)
    state = engine.inspect("life")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 3)
    assert "Exited (3)" in engine.ok("ps", "-a", client=client)
    engine.ok("start", "life", client=client)
    first = engine.inspect("life")["State"]["Pid"]
    engine.ok("restart", "-t", "1", "life", client=client)
    assert engine.inspect("life")["State"]["Pid"] not in (0, first)
    engine.ok("rename", "life", "afterlife", client=client)
    engine.ok("kill", "afterlife", client=client)
    assert engine.ok("wait", "afterlife", client=client) == "137"
    engine.ok("rm", "afterlife", client=client)
    assert engine.ok("ps", "-aq", client=client) == ""


def test_a_running_container_is_removed_only_by_force(engine, client):
    engine.ok("run", "-d", "--name", "busy", "busybox", "sleep", "600", client=client)
    refused = engine.command_of(client, "rm", "busy")
    assert refused.code == 1 and "running" in refused.err
    engine.ok("rm", "-f", "busy", client=client)


def test_exec_runs_beside_the_first_process(engine, client):
    engine.ok("run", "-d", "--name", "host", "busybox", "sleep", "600", client=client)
    result = engine.command_of(client, "exec", "-e", "COLOUR=blue", "-w", "/tmp", "-u", "1000", "host", "sh", "-c", "echo $COLOUR $PWD $(id -u); exit 9")
    assert (result.code, result.out) == (9, "blue /tmp 1000\n")
    assert engine.command_of(client, "exec", "-i", "host", "cat", input=b"through").out == "through"
    missing = engine.command_of(client, "exec", "host", "no-such-command")
    assert missing.code in (126, 127) and "no-such-command" in missing.out + missing.err
    process, terminal = in_terminal(engine, client, "exec", "-it", "host", "sh")
    os.write(terminal, b"tty; exit 4\n")
    read_terminal(terminal, b"/dev/pts/")
    assert process.wait(15) == 4
    os.close(terminal)


def test_logs_follow_tail_and_timestamps(engine, client):
    engine.ok("run", "-d", "--name", "talker", "busybox", "sh", "-c", "for i in 1 2 3 4 5; do echo line $i; done; sleep 0.3; echo oops >&2; sleep 600", client=client)
    wait_until("six lines", lambda: len((lambda r: r.out + r.err)(engine.command_of(client, "logs", "talker")).splitlines()) == 6)
    everything = engine.command_of(client, "logs", "talker")
    assert everything.out.splitlines() == [f"line {i}" for i in range(1, 6)] and everything.err == "oops\n"
    tail = engine.command_of(client, "logs", "--tail", "2", "talker")
    assert tail.out == "line 5\n" and tail.err == "oops\n"
    stamped = engine.command_of(client, "logs", "-t", "--tail", "2", "talker").out
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line 5", stamped)
    follower = engine.popen(client, "logs", "-f", "--tail", "1", "talker")
    engine.ok("kill", "talker")
    out, err = follower.communicate(timeout=20)
    assert follower.returncode == 0 and (out + err).strip() == b"oops"


def test_a_port_is_published_and_answers_from_the_host(engine, client):
    engine.ok("run", "-d", "--name", "web", "-p", "127.0.0.1:18080:80", "-p", "18081:80", "busybox", "httpd", "-f", "-p", "80", "-h", "/www", client=client)

    def fetch(port):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
            answer = b""
            while chunk := connection.recv(4096):
                answer += chunk
            return answer

    def answers(port):
        try:
            return b"served by cais" in fetch(port)
        except OSError:
            return False

    wait_until("the server answers on 18080", lambda: answers(18080))
    wait_until("the server answers on 18081", lambda: answers(18081))
    assert "18081->80/tcp" in engine.ok("ps", client=client)
    taken = engine.command_of(client, "run", "-d", "--name", "second", "-p", "18081:80", "busybox", "true")
    assert taken.code == 125 and "18081" in taken.err and "already" in taken.err
    engine.ok("rm", "-f", "second")
    engine.ok("stop", "-t", "1", "web", client=client)
    wait_until("the port is closed", lambda: not answers(18081))


def test_wait_ends_when_the_container_does(engine, client):
    engine.ok("run", "-d", "--name", "short", "busybox", "sh", "-c", "sleep 0.3; exit 12", client=client)
    assert engine.ok("wait", "short", client=client) == "12"


def test_start_attached(engine, client):
    engine.ok("create", "--name", "later", "-i", "busybox", "sh", "-c", "read x; echo got $x; exit 6", client=client)
    result = engine.command_of(client, "start", "-a", "-i", "later", input=b"this\n")
    assert (result.code, result.out) == (6, "got this\n")


def test_images_are_listed_tagged_inspected_and_removed(engine, client):
    assert "busybox" in engine.ok("images", client=client)
    engine.ok("tag", "busybox", "copy:v1", client=client)
    listed = engine.ok("images", "--format", "{{.Repository}}:{{.Tag}}", client=client).splitlines()
    assert {"busybox:latest", "copy:v1"} <= set(listed)
    assert json.loads(engine.ok("image", "inspect", "copy:v1", client=client))[0]["Config"]["Cmd"] == ["sh"]
    assert "Untagged: copy:v1" in engine.ok("rmi", "copy:v1", client=client)
    missing = engine.command_of(client, "rmi", "copy:v1")
    assert missing.code == 1 and "No such image" in missing.err


def test_an_image_in_use_is_not_removed(engine, client):
    engine.ok("create", "--name", "user", "busybox", client=client)
    refused = engine.command_of(client, "rmi", "busybox")
    assert refused.code == 1 and "conflict" in refused.err.lower() and "container" in refused.err


def test_events_tell_the_story(engine, client):
    begin = str(int(time.time()) - 1)
    assert engine.command_of(client, "run", "--rm", "--name", f"story-{client}", "busybox", "sh", "-c", "exit 2").code == 2
    wait_until("it is gone", lambda: engine.ok("ps", "-aq", "--filter", f"name=story-{client}") == "")
    told = engine.ok("events", "--since", begin, "--until", str(int(time.time()) + 1), "--filter", f"container=story-{client}", "--format", "{{.Action}}", client=client)
    actions = [a for a in told.splitlines() if a in ("create", "attach", "start", "die", "destroy")]
    assert actions == ["create", "attach", "start", "die", "destroy"], told


def test_info_and_version(engine, client):
    version = json.loads(engine.ok("version", "--format", "{{json .}}", client=client))
    assert version["Server"]["ApiVersion"] == "1.51"
    assert engine.ok("info", "--format", "{{.Driver}} {{.OSType}}", client=client) == "overlay2 linux"
    assert "Server" in engine.ok("info", client=client)


def test_prune_removes_only_what_is_stopped(engine, client):
    engine.ok("create", "--name", "idle", "busybox", client=client)
    engine.ok("run", "-d", "--name", "working", "busybox", "sleep", "600", client=client)
    assert engine.ok("container", "prune", "-f", client=client)
    assert engine.ok("ps", "-a", "--format", "{{.Names}}", client=client) == "working"


def test_limits_identity_and_mounts_reach_the_container(engine, client, tmp_path):
    (tmp_path / "in").write_text("from the host")
    tmp_path.chmod(0o755)
    out = engine.ok(
        "run", "--rm", "--memory", "64m", "--pids-limit", "50", "--cpus", "0.5", "--hostname", "quay", "-u", "user",
        "-v", f"{tmp_path}:/data:ro", "--tmpfs", "/scratch:size=1m", "--read-only", "-e", "A=b", "--label", "x=y",
        "--cap-drop", "ALL", "busybox", "sh", "-c",
        "hostname; id -un; cat /data/in; echo; touch /data/x 2>/dev/null || echo read-only; touch /scratch/x && echo writable;"
        " touch /x 2>/dev/null || echo sealed; grep CapEff /proc/self/status; echo $A; pwd", client=client)
    assert out.splitlines() == ["quay", "user", "from the host", "read-only", "writable", "sealed", "CapEff:\t0000000000000000", "b", "/"]


def test_a_tmpfs_is_for_everybody_at_each_start(engine, client):
    engine.ok("run", "--name", "scratch", "--tmpfs", "/fresh/scratch", "-u", "1000", "busybox", "touch", "/fresh/scratch/x", client=client)
    assert engine.command_of(client, "start", "-a", "scratch").code == 0


def test_a_signal_reaches_an_attached_container(engine, client):
    process = engine.popen(client, "run", "--name", "signalled", "busybox", "sh", "-c", "trap 'echo caught; exit 8' TERM; echo up; while :; do sleep 0.05; done")
    wait_until("it is up", lambda: "up" in engine.command_of(client, "logs", "signalled").out)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 8 and b"caught" in out
