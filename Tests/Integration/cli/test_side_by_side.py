"""The same words given to docker's client and to cais, on the same engine: same output, same code.

Where the two name themselves, their names are taken for one; ids that a command makes are masked."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from engine import BIN, wait_until

HEX = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b")


def same(text, mask=False):
    """`text` without what may differ: who speaks, and where asked the ids."""
    for theirs, ours in (("docker: ", "cais: "), ("'docker ", "'cais "), ("Usage:  docker", "Usage:  cais"), ("SRun ", "Run "),
                         ("unknown command: docker", "unknown command: cais")):
        text = text.replace(theirs, ours)
    # Ages are counted at the moment of asking.
    text = re.sub(r"(Up |Exited \(\d+\) |)(Less than a|About an?|\d+) (second|minute)s?( ago|)", r"\1AGE", text)
    text = re.sub(r" {2,}", "  ", text) if "AGE" in text else text
    return HEX.sub("ID", text) if mask else text


def line_of(process, seconds=20):
    """The next line of a client's output; fails at the deadline instead of waiting for ever."""
    line, deadline = b"", time.monotonic() + seconds
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"no line within {seconds} s, only {line!r}"
        byte = os.read(process.stdout.fileno(), 1)
        assert byte, f"ended after {line!r}: {process.stderr.read()!r}"
        line += byte
    return line


# What docker puts in the order of a Go map: the names of one image.
UNORDERED = (("images",), ("image", "ls"), ("image", "list"))


def ordered(words, out):
    """What is printed without the orders that mean nothing: of Go's maps, and of JSON's members,
    which an engine may send in any."""
    if any(words[:len(command)] == command for command in UNORDERED):
        return "\n".join(sorted(out.splitlines()))
    if out.startswith(("{", "[")):
        with contextlib.suppress(ValueError):
            return json.loads(out), out.count("\n")
    return out


def both(engine, *words, input=None, mask=False):
    """Runs both clients and holds them to the same answer."""
    docker = engine.docker(*words, input=input)
    cais = engine.cais(*words, input=input)
    expected = (ordered(words, same(docker.out, mask)), same(docker.err, mask), docker.code)
    assert (ordered(words, same(cais.out, mask)), same(cais.err, mask), cais.code) == expected, words
    return cais


@pytest.fixture(scope="module")
def world(engine):
    """A few containers in different states."""
    engine.ok("run", "-d", "--name", "server", "-l", "tier=web", "-l", "a=b", "busybox", "sh", "-c", "echo started; echo oops >&2; sleep 1000")
    engine.ok("create", "--name", "waiting", "-e", "A=1", "busybox", "echo", "hello")
    engine.docker("run", "--name", "failed", "busybox", "sh", "-c", "echo one; echo two; echo three >&2; exit 3")
    engine.ok("tag", "busybox", "other/name:v1")
    yield engine
    engine.docker("rm", "-f", "server", "waiting", "failed")
    engine.docker("rmi", "other/name:v1")


READING = """
ps
ps -a
ps -aq
ps -aq --no-trunc
ps -a --no-trunc
ps -l
ps -n 2
ps -a --filter status=exited
ps -a --filter name=server
ps -a --filter label=tier=web -q
ps -a --format {{.Names}}
ps -a --format {{.ID}}\\t{{.Image}}\\t{{.Status}}
ps -a --format table\\x20{{.Names}}\\t{{.Command}}
ps -a --format table\\x20{{.Names}}\\t{{.State}}\\t{{.Labels}}
ps -a --format {{.Names}}:{{upper\\x20.State}}
ps -a --format {{if\\x20eq\\x20.State\\x20"running"}}{{.Names}}{{end}}
ps -a --format {{json\\x20.Names}}
ps -a --format {{.Label\\x20"tier"}}
ps -a --format {{.CreatedAt}}
ps -a --format {{printf\\x20"%-10s|%q"\\x20.Names\\x20.State}}
ps -a --format {{range\\x20split\\x20.Labels\\x20","}}[{{.}}]{{end}}
ps --format {{.Foo
ps --filter nope
ps extra
ps --all=maybe
images
images -q
images --no-trunc
images --digests
images busybox
images nope
images --format {{.Repository}}:{{.Tag}}\\x20{{.Size}}
images --format table\\x20{{.ID}}\\t{{.Repository}}
images a b
image ls
inspect server --format {{.State.Status}}
inspect server waiting --format {{.Name}}
inspect --format {{.Config.Env}} waiting
inspect --format {{json\\x20.Config.Labels}} server
inspect --format {{.Config.Labels}} server
inspect --format {{.HostConfig.NetworkMode}}\\x20{{.State.Running}}\\x20{{.State.ExitCode}} failed
inspect --format {{range\\x20.Config.Cmd}}<{{.}}>{{end}} waiting
inspect --format {{index\\x20.Config.Cmd\\x200}} waiting
inspect --format {{len\\x20.Config.Cmd}} waiting
inspect --format {{join\\x20.Config.Cmd\\x20"+"}} waiting
inspect --format {{.Id}} busybox
inspect --format {{.ID}} server
inspect --type image busybox --format {{.Os}}
inspect nope
inspect server nope --format {{.Name}}
inspect server
inspect busybox
inspect bridge --format {{.Driver}}
container inspect waiting --format {{.Path}}
container inspect nope
image inspect busybox --format {{.Architecture}}
image inspect nope
network inspect bridge --format {{.Name}}\\x20{{.Scope}}
network inspect nope
network ls
network ls -q
network ls --format {{.Name}}\\x20{{.Driver}}
network ls --filter driver=bridge
logs server
logs failed
logs --tail 1 failed
logs -n 0 failed
logs --since 1h failed
logs --until 1h failed
logs nope
logs
exec server echo hi
exec server sh -c exit\\x205
exec -e A=b -w /tmp server sh -c echo\\x20$A\\x20$(pwd)
exec -u 65534 server id -u
exec server nope
exec failed true
exec nope true
exec server
exec -it server true
exec -d server true
history busybox
history -q busybox
history --no-trunc --format {{.CreatedBy}} busybox
info --format {{.OSType}}\\x20{{.Images}}
version --format {{.Server.Version}}\\x20{{.Server.Os}}
rm nope
rm
rm server
rm -f nope
rm -fv nope
rmi -f nope
ps -a --no-trunc -s
system info --format {{.Driver}}
network ls --no-trunc -q
logs --since nonsense server
logs --until nonsense server
events --since nonsense
wait nope alsonope
stop nope
kill nope
kill failed
kill -s NOPE server
restart nope
start nope
wait nope
wait failed
rename server waiting
rename server
rename nope other
tag nope other:v1
tag busybox UPPER:v1
tag busybox
rmi nope
rmi
attach failed
attach nope
run
run --nope busybox
run -Z busybox
run --name
run --memory abc busybox
run --cpus x busybox
run --oom-score-adj x busybox
run -p 99999:1 busybox
run -e =x busybox
run --mount foo busybox
run --mount type=bind,source=/tmp busybox
run --env-file /nope busybox
run --ulimit nofile busybox
run --rm --restart always busybox
run -d -a stdout busybox
run --pid nonsense busybox
run --name server busybox
run -it busybox
run --pull never nope
run --rm busybox nope
run --rm busybox /etc/noexec
run --rm busybox /tmp
run --rm busybox echo hi
run --rm busybox sh -c exit\\x2042
run --rm busybox sh -c echo\\x20out;\\x20echo\\x20err\\x20>&2
run --rm busybox sh -c kill\\x20-9\\x20$$
run --rm --entrypoint echo busybox entry
run --rm -h name busybox hostname
run --rm -w /var busybox pwd
run --rm -u 5:6 busybox id -u
run --rm -e A=1 -e B busybox sh -c echo\\x20$A$B
run --rm --read-only busybox touch /x
run --rm --tmpfs /scratch busybox touch /scratch/x
run --rm -t busybox tty
run --rm --network none busybox true
run --rm --cap-drop all busybox id -u
run --rm -a stdout busybox sh -c echo\\x20out;\\x20echo\\x20err\\x20>&2
create --nope busybox
create nope:v0 --pull never
create --pull never nope
nope
container nope
container
image
network
help nope
--nope
-X
load -i /nope
load extra
start --attach failed
start failed
""".strip().splitlines()


@pytest.mark.parametrize("line", [line for line in READING if line not in ("container", "image", "network")])
def test_says_the_same(world, line):
    words = [word.replace("\\x20", " ").replace("\\t", "\\t") for word in line.split(" ")]
    creates = words[0] in ("run", "create", "container", "exec")
    both(world, *words, mask=creates)


REFUSED = [
    ("ps", "-a", "--format", "{{.Nope}}"),
    ("inspect", "--type", "nonsense", "busybox"),
    ("images", "--format", "{{.Nope}}"),
]


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_refuses_the_same(world, words):
    """Where docker speaks of its own types or of kinds that cais does not have, the codes still agree."""
    docker, cais = world.docker(*words), world.cais(*words)
    assert cais.code == docker.code != 0 and cais.out == docker.out and cais.err


@pytest.mark.parametrize("noun", ["container", "image", "network"])
def test_a_noun_alone_is_helped(world, noun):
    cais = world.cais(noun)
    assert cais.code == 0 and cais.out.startswith(f"Usage:  cais {noun} COMMAND\n")


def test_standard_input_reaches_the_container(world):
    assert both(world, "run", "--rm", "-i", "busybox", "cat", input=b"some\nlines\n").out == "some\nlines\n"
    assert both(world, "run", "--rm", "-i", "busybox", "wc", "-c", input=b"x" * 3_000_000).out == "3000000\n"
    assert both(world, "exec", "-i", "server", "cat", input=b"to exec").out == "to exec"


def test_large_output_arrives_whole(world):
    script = "seq 1 200000; seq 1 1000 >&2"
    assert len(both(world, "run", "--rm", "busybox", "sh", "-c", script).out.split()) == 200_000


@pytest.mark.parametrize("client", ["docker", "cais"])
def test_a_detached_run_prints_its_id_and_writes_it_where_asked(world, client, tmp_path):
    file = tmp_path / f"{client}.cid"
    name = f"detached-{client}"
    out = world.ok("run", "-d", "--cidfile", file, "--name", name, "busybox", "sleep", "100", client=client)
    assert HEX.fullmatch(out) and file.read_text() == out
    again = world.command_of(client, "run", "-d", "--cidfile", file, "busybox", "true")
    assert again.code != 0 and "container ID file found" in again.err
    assert world.ok("stop", "-t", "0", name, client=client) == name
    assert world.ok("rm", name, client=client) == name


@pytest.mark.parametrize("client", ["docker", "cais"])
def test_the_life_of_a_container(world, client):
    name = f"life-{client}"
    assert HEX.fullmatch(world.ok("create", "--name", name, "busybox", "sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done", client=client))
    assert world.ok("start", name, client=client) == name
    wait_until("it is up", lambda: world.ok("logs", name, client=client) == "up")
    assert world.ok("restart", "-t", "5", name, client=client) == name
    assert world.ok("rename", name, name + "2", client=client) == ""
    assert world.ok("kill", "-s", "TERM", name + "2", client=client) == name + "2"
    assert world.ok("wait", name + "2", client=client) == "9"
    assert world.command_of(client, "start", "-a", "nope").code != 0
    assert world.ok("rm", name + "2", client=client) == name + "2"


@pytest.mark.parametrize("client", ["docker", "cais"])
def test_signals_reach_an_attached_container(world, client):
    name = f"signals-{client}"
    process = world.popen(client, "run", "--rm", "--name", name, "busybox", "sh", "-c", "trap 'echo got it; exit 7' INT; echo ready; while :; do sleep 0.1; done")
    try:
        assert line_of(process) == b"ready\n"
        # docker's client passes signals on before its start is answered, when an engine may refuse them.
        wait_until("it is said to run", lambda: world.docker("inspect", "--format", "{{.State.Running}}", name).out == "true\n")
        process.send_signal(signal.SIGINT)
        assert line_of(process) == b"got it\n"
        assert process.wait(timeout=20) == 7
    finally:
        process.kill()
        process.wait()
        world.docker("rm", "-f", name)


def test_without_sig_proxy_the_client_alone_dies(world, client="cais"):
    name = f"no-proxy-{client}"
    process = world.popen(client, "run", "--sig-proxy=false", "--name", name, "busybox", "sh", "-c", "echo ready; sleep 100")
    try:
        assert line_of(process) == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) != 0
        assert world.ok("inspect", "--format", "{{.State.Running}}", name) == "true"
    finally:
        process.kill()
        process.wait()
        world.docker("rm", "-f", name)


@pytest.mark.parametrize("client", ["docker", "cais"])
def test_following_logs_ends_with_the_container(world, client):
    name = f"follow-{client}"
    world.ok("run", "-d", "--name", name, "busybox", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done")
    try:
        assert world.ok("logs", "-f", name, client=client) == "1\n2\n3"
    finally:
        world.docker("rm", "-f", name)


@pytest.mark.parametrize("client", ["docker", "cais"])
def test_prune_takes_the_stopped(world, client):
    name = f"pruned-{client}"
    world.ok("run", "--name", name, "-l", "prune=me", "busybox", "true")
    out = world.ok("container", "prune", "-f", "--filter", "label=prune=me", client=client)
    assert re.fullmatch(r"Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: \S+", out)
    assert world.ok("container", "prune", "-f", "--filter", "label=prune=me", client=client) == "Total reclaimed space: 0B"


@pytest.mark.parametrize("client", ["docker", "cais"])
def test_events_of_the_past(world, client):
    start = str(int(time.time()) - 1)
    world.ok("run", "--rm", "--name", f"eventful-{client}", "busybox", "true")
    lines = world.ok("events", "--since", start, "--until", str(int(time.time()) + 1), "--filter", f"container=eventful-{client}",
                     "--format", "{{.Action}} {{.Actor.Attributes.name}}", client=client).splitlines()
    actions = [line.split()[0] for line in lines if line.endswith(f"eventful-{client}")]
    assert [a for a in actions if a in ("create", "start", "die", "destroy")] == ["create", "start", "die", "destroy"]
    both(world, "events", "--since", start, "--until", str(int(time.time()) - 1))


class Console:
    """A client on a terminal of its own."""

    def __init__(self, engine, client, *words, rows=33, columns=77):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            program = str(BIN / "cais") if client == "cais" else "docker"
            import fcntl, struct, termios
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(program, [program, *words], engine.environ())
        self.seen = b""

    def expect(self, text, seconds=20):
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"not seen: {text!r} in {self.seen!r}")
            try:
                piece = os.read(self.master, 4096)
            except OSError:
                piece = b""
            if not piece:
                raise AssertionError(f"ended without {text!r}: {self.seen!r}")
            self.seen += piece
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, data):
        os.write(self.master, data)

    def code(self, seconds=20):
        deadline = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.master)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
            with_output, _, _ = select.select([self.master], [], [], 0.05)
            if with_output:
                try:
                    self.seen += os.read(self.master, 4096)
                except OSError:
                    pass


@pytest.mark.parametrize("client", ["docker", "cais"])
def test_an_interactive_shell(world, client):
    console = Console(world, client, "run", "--rm", "-it", "busybox", "sh")
    console.expect(b"# ")
    console.type(b"stty size; echo $((6*7))\r")
    console.expect(b"33 77")
    console.expect(b"42")
    console.type(b"exit 6\r")
    assert console.code() == 6


@pytest.mark.parametrize("client", ["docker", "cais"])
def test_the_window_may_change(world, client):
    import fcntl, struct, termios
    console = Console(world, client, "run", "--rm", "-it", "busybox", "sh")
    console.expect(b"# ")
    size = lambda columns: fcntl.ioctl(console.master, termios.TIOCSWINSZ, struct.pack("HHHH", 44, columns, 0, 0))
    size(111)
    deadline = time.monotonic() + 20
    while True:
        console.type(b"stty size\r")
        console.expect(b"stty size")
        if b"44 111" in console.expect(b"# "):
            break
        assert time.monotonic() < deadline
        if client == "docker":
            # docker reads the size first and listens for changes after: one that falls between is lost.
            size(110)
            size(111)
    console.type(b"exit\r")
    assert console.code() == 0


@pytest.mark.parametrize("client", ["docker", "cais"])
@pytest.mark.parametrize("keys,typed", [(None, b"\x10\x11"), ("ctrl-x,x", b"\x18x")])
def test_detach_and_attach_again(world, client, keys, typed):
    name = f"detach-{client}"
    flags = ["--detach-keys", keys] if keys else []
    console = Console(world, client, "run", "-it", "--name", name, *flags, "busybox", "sh")
    try:
        console.expect(b"# ")
        console.type(typed)
        assert console.code() == 0
        assert world.ok("inspect", "--format", "{{.State.Running}}", name) == "true"
        console = Console(world, client, "attach", *flags, name)
        console.type(b"echo $((40+2))\r")
        console.expect(b"\n42")
        console.type(b"exit 5\r")
        assert console.code() == 5
    finally:
        world.docker("rm", "-f", name)


@pytest.mark.parametrize("client", ["docker", "cais"])
def test_exec_on_a_terminal(world, client):
    console = Console(world, client, "exec", "-it", "server", "sh", "-c", "while :; do case $(stty size 2>&1) in 33*) break;; esac; sleep 0.1; done; stty size; exit 8")
    console.expect(b"33 77")
    assert console.code() == 8


@pytest.mark.parametrize("client", ["docker", "cais"])
def test_a_port_is_shown_as_published(world, client):
    name = f"port-{client}"
    world.ok("run", "-d", "--name", name, "-p", "127.0.0.1:0:80", "-p", "127.0.0.1::81/udp", "--expose", "90-92", "busybox", "sleep", "100", client=client)
    try:
        both(world, "ps", "--filter", f"name={name}", "--format", "{{.Ports}}")
    finally:
        world.docker("rm", "-f", name)


def test_images_come_and_go(engine, busybox_archive):
    for client in ("docker", "cais"):
        assert engine.ok("load", "-i", busybox_archive, client=client) == "Loaded image: busybox:latest"
        with open(busybox_archive, "rb") as archive:
            assert engine.ok("load", "-q", client=client, input=archive.read()) == "Loaded image: busybox:latest"
        assert engine.ok("tag", "busybox", f"copy-{client}", client=client) == ""
        assert engine.ok("rmi", f"copy-{client}", client=client) == f"Untagged: copy-{client}:latest"


def test_import_makes_an_image(engine, tmp_path):
    import io, tarfile
    path = tmp_path / "root.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("hello")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"hi"))
    for client in ("docker", "cais"):
        reference = f"imported-{client}:v1"
        out = engine.ok("import", "-c", "CMD [\"/bin/x\"]", path, reference, client=client)
        assert out.startswith("sha256:")
        assert engine.ok("inspect", "--format", "{{json .Config.Cmd}}", reference, client=client) == '["/bin/x"]'
        engine.ok("rmi", reference)


def test_no_engine_is_said_in_one_line(engine, tmp_path):
    missing = f"unix://{tmp_path}/nothing.sock"
    result = engine.cais("-H", missing, "ps")
    assert result.code == 1 and result.out == ""
    assert result.err == f"Cannot connect to the Cais daemon at {missing}. Is caisd running?\n"
    assert engine.docker("-H", missing, "ps").code == 1
    assert engine.cais("-H", missing, "run", "x").code == engine.docker("-H", missing, "run", "x").code == 125


def test_cais_host_goes_before_docker_host(engine, tmp_path):
    environment = {**engine.environ(), "DOCKER_HOST": f"unix://{tmp_path}/nothing.sock", "CAIS_HOST": engine.host}
    done = subprocess.run([BIN / "cais", "ps", "-q"], env=environment, capture_output=True)
    assert done.returncode == 0
