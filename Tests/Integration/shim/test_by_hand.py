"""cais-shim as a person uses it: no engine anywhere."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from conftest import BIN, wait_until


def on_a_terminal(words, typed, seconds=30):
    """Runs words on a terminal of 33 by 99, types each text when the one before it has shown its
    effect, and returns what was shown with the exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(words[0], words)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    shown, deadline, todo = b"", time.monotonic() + seconds, list(typed)
    while time.monotonic() < deadline:
        if todo and todo[0][0] in shown:
            os.write(terminal, todo.pop(0)[1])
        if not select.select([terminal], [], [], 0.05)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    _, status = os.waitpid(pid, 0)
    return shown.decode(errors="replace"), os.waitstatus_to_exitcode(status)


def test_run_in_the_foreground_is_like_the_command_itself(shim):
    done = shim.front(["sh", "-c", "cat; echo err >&2; exit 3"], "--stdin", "once", given=b"input\n")
    assert (done.stdout, done.stderr, done.returncode) == (b"input\n", b"err\n", 3)
    assert shim.record("exit.json")["exitCode"] == 3 and not os.path.exists(shim.socket)


def test_run_shows_every_restart(shim):
    done = shim.front(["sh", "-c", "echo run; exit 4"], "--restart", "on-failure:3")
    assert (done.stdout, done.returncode) == (b"run\n" * 4, 4)


def test_run_says_in_one_line_why_it_cannot(shim):
    done = shim.front(["nosuch"])
    assert done.returncode == 127 and done.stderr.count(b"\n") == 1 and b"nosuch" in done.stderr
    (shim.bundle / "config.json").write_text('{"ociVersion": "1.0.2",\n "process": {"args": 5}}')
    done = subprocess.run(shim.words(), capture_output=True)
    assert done.returncode == 125 and b"config.json" in done.stderr and b"2:" in done.stderr
    (shim.bundle / "config.json").unlink()
    done = subprocess.run(shim.words(), capture_output=True)
    assert done.returncode == 125 and done.stderr.count(b"\n") == 1 and b"config.json" in done.stderr
    assert subprocess.run(shim.words("--restart", "sometimes"), capture_output=True).returncode == 125


def test_a_detached_container_is_reached_by_its_socket(shim):
    done = shim.front(["sh", "-c", "echo hello; sleep 1000"], "--detach")
    name, path = done.stdout.decode().split()
    assert (name, path, done.returncode) == ("c1", shim.socket, 0)
    assert b'"phase": "running"' in shim.verb("status", path).stdout
    wait_until("it has spoken", lambda: shim.verb("logs", path).stdout == b"hello\n")
    assert shim.verb("exec", path, "sh", "-c", "exit 5").returncode == 5
    assert shim.verb("exec", "-i", path, "cat", given=b"through\n").stdout == b"through\n"
    assert shim.verb("exec", "-e", "A=b", "-w", "/tmp", path, "sh", "-c", "echo $A $PWD").stdout == b"b /tmp\n"
    assert shim.verb("exec", path, "nosuch").returncode == 127
    assert shim.verb("signal", path, "NOPE").returncode == 125
    assert shim.verb("stop", "-t", "0", path).returncode == 0
    assert b'"phase": "stopped"' in shim.verb("status", str(shim.state)).stdout
    assert shim.verb("logs", str(shim.state)).stdout == b"hello\n"
    assert shim.verb("stop", path).returncode == 125


def test_signals_to_the_front_reach_the_container(shim):
    shim.write_bundle(["sh", "-c", "trap 'echo asked; exit 6' TERM; echo ready; while true; do sleep 0.1; done"])
    front = subprocess.Popen(shim.words(), stdout=subprocess.PIPE)
    assert front.stdout.readline() == b"ready\n"
    front.terminate()
    assert front.stdout.read() == b"asked\n" and front.wait(20) == 6


def test_the_container_outlives_a_killed_front(shim):
    shim.write_bundle(["sleep", "1000"])
    front = subprocess.Popen(shim.words())
    wait_until("it runs", lambda: os.path.exists(shim.socket) and b'"running"' in shim.verb("status", shim.socket).stdout)
    front.kill()
    front.wait()
    assert b'"running"' in shim.verb("status", shim.socket).stdout


def test_a_shell_on_a_terminal_has_size_keys_and_exit_code(shim):
    shim.write_bundle(["sh"], terminal=True)
    shown, code = on_a_terminal(shim.words("--tty"), [(b"#", b"stty size\r"), (b"33 99", b"exit 7\r")])
    assert code == 7 and "33 99" in shown


def test_detach_keys_leave_and_attach_comes_back(shim):
    assert shim.front(["sh"], "--tty", "--stdin", "open", "--detach", terminal=True).returncode == 0
    attach = [str(BIN / "cais-shim"), "attach", shim.socket]
    shown, code = on_a_terminal(attach, [(b"", b"echo o''ne\r"), (b"one", b"\x10\x11")])
    assert code == 0 and "one" in shown
    assert b'"running"' in shim.verb("status", shim.socket).stdout
    shown, code = on_a_terminal(attach, [(b"", b"echo t''wo\r"), (b"two", b"exit 8\r")])
    assert code == 8 and "two" in shown


def test_exec_has_a_terminal(shim):
    shim.front(["sleep", "1000"], "--detach")
    words = [str(BIN / "cais-shim"), "exec", "-it", shim.socket, "sh"]
    shown, code = on_a_terminal(words, [(b"#", b"tty; exit 9\r")])
    assert code == 9 and "/dev/pts/" in shown


def test_logs_follow_until_the_end_and_know_the_streams(shim):
    shim.front(["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done; echo last >&2"], "--detach")
    done = shim.verb("logs", "-f", shim.socket)
    assert (done.stdout, done.stderr, done.returncode) == (b"1\n2\n3\n", b"last\n", 0)


def test_help_names_every_verb(shim):
    shown = shim.verb("--help").stdout.decode()
    for verb in ("run", "status", "start", "logs", "attach", "exec", "signal", "stop"):
        assert f"  {verb} " in shown
    assert shim.verb("run", "--nonsense").returncode == 125
