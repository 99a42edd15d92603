"""A container's life where something goes wrong beside it: its shim, its disk, its clients."""

import json
import os
import signal
import socket
import subprocess
import threading

import pytest

from engine import Engine, wait_until


def test_a_killed_shim_takes_its_container_along_and_it_can_start_again(fresh_engine):
    engine = fresh_engine
    engine.ok("run", "-d", "--name", "orphan", "busybox", "sleep", "600")
    pid = engine.inspect("orphan")["State"]["Pid"]
    (shim,) = engine.shims()
    os.kill(shim, signal.SIGKILL)
    wait_until("its end is known", lambda: not engine.inspect("orphan")["State"]["Running"])
    state = engine.inspect("orphan")["State"]
    assert state["ExitCode"] == 255 and "shim" in state["Error"]
    assert is_gone(pid)
    engine.ok("start", "orphan")
    assert engine.ok("exec", "orphan", "echo", "again") == "again"


def is_gone(pid):
    """Whether a process has ended, reaped or not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def test_after_a_reboot_policies_start_what_nobody_stopped(fresh_engine):
    engine = fresh_engine
    for name, policy in (("plain", "no"), ("always", "always"), ("unless", "unless-stopped"), ("halted", "unless-stopped")):
        engine.ok("run", "-d", "--name", name, "--restart", policy, "busybox", "sleep", "600")
    engine.ok("stop", "-t", "0", "halted")
    engine.kill()
    # What a reboot does: no shim, no process, nothing left in the exec root but the paths.
    for shim in engine.shims():
        os.kill(shim, signal.SIGKILL)
    wait_until("no shim is left", lambda: not engine.shims())
    engine.start()
    for name in ("always", "unless"):
        wait_until(f"{name} runs", lambda name=name: engine.inspect(name)["State"]["Running"])
    assert engine.inspect("plain")["State"]["ExitCode"] == 255
    assert not engine.inspect("halted")["State"]["Running"]


def test_a_kill_gets_through_while_a_stop_waits(fresh_engine):
    engine = fresh_engine
    engine.ok("run", "-d", "--name", "deaf", "busybox", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    stopping = engine.popen("docker", "stop", "-t", "50", "deaf")
    events = lambda: engine.ok("events", "--since", "60s", "--until", "0s", "--filter", "event=kill")  # noqa: E731
    wait_until("the stop has begun", lambda: "signal=15" in events())
    assert engine.inspect("deaf")["State"]["Running"]
    engine.ok("kill", "deaf", timeout=20)
    assert stopping.wait(timeout=20) == 0
    assert engine.inspect("deaf")["State"]["ExitCode"] == 137


def test_clients_that_vanish_before_the_start_take_no_place(fresh_engine):
    engine = fresh_engine
    engine.ok("create", "--name", "popular", "-i", "busybox", "cat")
    for _ in range(60):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(engine.socket))
            client.sendall(b"POST /v1.50/containers/popular/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\n"
                           b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
            assert b"101" in client.recv(4096)
    result = engine.command("docker", "start", "-ai", "popular", input=b"still room\n")
    assert result.out == "still room\n", result


def test_a_full_disk_stops_new_containers_and_nothing_else(busybox_archive):
    engine = Engine()
    data = engine.root / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", data], check=True)
    try:
        engine.start()
        engine.ok("load", "-i", busybox_archive)
        engine.ok("create", "--name", "idle", "busybox", "true")
        engine.ok("run", "-d", "--name", "busy", "busybox", "sleep", "600")
        fill(data / "fill")
        refused = engine.docker("create", "--name", "new", "busybox", "true")
        assert refused.code == 1 and "full" in refused.err
        engine.kill()
        engine.start()
        assert sorted(engine.ok("ps", "-a", "--format", "{{.Names}}").split()) == ["busy", "idle"]
        assert engine.ok("exec", "busy", "echo", "in") == "in"
        engine.ok("stop", "-t", "0", "busy")
        engine.ok("rm", "busy", "idle")
        assert engine.ok("ps", "-aq") == ""
        (data / "fill").unlink()
        assert engine.ok("run", "--rm", "busybox", "echo", "again") == "again"
    finally:
        engine.close()


def fill(path):
    """Writes until nothing more can be written."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def test_a_tmpfs_without_a_mode_is_everybodys_with_every_start(engine, clean):
    engine.ok("run", "--name", "scratchy", "-u", "user", "--tmpfs", "/scratch", "busybox", "touch", "/scratch/x")
    engine.ok("start", "-a", "scratchy")
    assert engine.inspect("scratchy")["State"]["ExitCode"] == 0


def test_etc_files_name_the_container_and_whom_it_was_told_of(engine, clean):
    out = engine.ok("run", "--rm", "--hostname", "quay", "--domainname", "example.org", "--add-host", "db:10.1.1.1", "--dns", "10.9.9.9",
                    "--dns-search", "example.org", "busybox", "cat", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
    assert "10.1.1.1\tdb" in out and "quay.example.org quay" in out
    assert "nameserver 10.9.9.9" in out and "search example.org" in out


@pytest.mark.parametrize("arguments,expected", [
    (["--cap-drop", "ALL", "--cap-add", "CHOWN"], "CapEff:\t0000000000000001"),
    (["--security-opt", "seccomp=unconfined"], "Seccomp:\t0"),
    ([], "Seccomp:\t2"),
    (["--security-opt", "no-new-privileges"], "NoNewPrivs:\t1"),
    (["--oom-score-adj", "300"], "300"),
    (["--ulimit", "nofile=64:128"], "Max open files            64                   128"),
    (["--sysctl", "net.ipv4.ip_forward=1"], "forward 1"),
    (["--shm-size", "1m"], "size=1024k"),
    (["--group-add", "audio", "--group-add", "77"], "Groups:\t0 29 77"),
    (["--pid", "host"], "pid host"),
])
def test_options_reach_the_kernel(engine, clean, arguments, expected):
    script = ("cat /proc/self/status /proc/self/limits /proc/self/oom_score_adj; grep /dev/shm /proc/mounts;"
              " echo forward $(cat /proc/sys/net/ipv4/ip_forward); [ $$ -gt 5 ] && echo pid host")
    assert expected in engine.docker("run", "--rm", *arguments, "busybox", "sh", "-c", script).out


def test_the_log_rotates_and_is_read_across_its_files(engine, clean):
    engine.ok("run", "--name", "chatty", "--log-opt", "max-size=20k", "--log-opt", "max-file=4", "busybox", "seq", "1", "700")
    folder = next(engine.root.joinpath("data").glob("containers/*/*-json.log.1")).parent
    assert len(list(folder.glob("*-json.log*"))) >= 3
    lines = engine.ok("logs", "chatty").splitlines()
    assert lines[-1] == "700" and lines == [str(n) for n in range(int(lines[0]), 701)]
    assert engine.ok("logs", "--tail", "300", "chatty").splitlines() == [str(n) for n in range(401, 701)]


def test_a_follower_sees_every_line_across_rotations(engine, clean):
    engine.ok("run", "-d", "--name", "stream", "--log-opt", "max-size=20k", "--log-opt", "max-file=3", "busybox", "sh", "-c",
              "sleep 0.3; i=1; while [ $i -le 2000 ]; do echo $i; i=$((i+1)); [ $((i % 50)) = 0 ] && sleep 0.02; done; true")
    out = engine.ok("logs", "-f", "stream", timeout=60).splitlines()
    assert out == [str(n) for n in range(1, 2001)]


def test_many_commands_on_one_container_end_in_one_state(engine, clean):
    engine.ok("create", "--name", "busy", "busybox", "sleep", "600")
    results = []

    def run(*arguments):
        results.append(engine.docker(*arguments, timeout=60))

    threads = [threading.Thread(target=run, args=arguments) for _ in range(4)
               for arguments in (("start", "busy"), ("restart", "-t", "0", "busy"), ("stop", "-t", "0", "busy"), ("inspect", "busy"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(r.code == 0 for r in results), [r for r in results if r.code]
    state = json.loads(engine.ok("inspect", "--format", "{{json .State}}", "busy"))
    assert state["Running"] == (state["Status"] == "running") == bool(state["Pid"])
    assert len(engine.shims()) == (1 if state["Running"] else 0)
