"""Networks from the docker client's side: who reaches whom, on which port, and for how long."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

from engine import Engine, differences, wait_until

pytestmark = pytest.mark.usefixtures("clean")

HOST, OUTSIDER = "198.51.100.1", "198.51.100.2"

# Not busybox's wget: linked statically it needs a resolver's library of its own version even for numbers.
FETCH = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2) as connection:
    connection.sendall(b"GET /index.html HTTP/1.0\\r\\n\\r\\n")
    while chunk := connection.recv(4096):
        sys.stdout.buffer.write(chunk)
"""


class Outside:
    """Another machine: a network namespace at the other end of a cable."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "3600"])
        own = subprocess.run(["readlink", "/proc/self/ns/net"], capture_output=True, check=True).stdout
        there = ["readlink", f"/proc/{self.holder.pid}/ns/net"]
        wait_until("the outside exists", lambda: subprocess.run(there, capture_output=True).stdout not in (own, b""))
        self.ip("link", "add", "cable", "type", "veth", "peer", "name", "eth0", "netns", str(self.holder.pid))
        self.ip("address", "add", f"{HOST}/24", "dev", "cable")
        self.ip("link", "set", "cable", "up")
        for arguments in ("link set lo up", f"address add {OUTSIDER}/24 dev eth0", "link set eth0 up", f"route add default via {HOST}"):
            self.run("ip", *arguments.split())

    @staticmethod
    def ip(*arguments):
        subprocess.run(["ip", *arguments], check=True)

    def run(self, *arguments):
        return subprocess.run(["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *arguments], capture_output=True, timeout=30)

    def fetch(self, address, port):
        """The page that a web server gives the outside; empty where there is none."""
        return self.run(sys.executable, "-c", FETCH, address, str(port)).stdout

    def close(self):
        subprocess.run(["ip", "link", "delete", "cable"], check=False)
        self.holder.kill()
        self.holder.wait()


@pytest.fixture(scope="module")
def outside():
    outside = Outside()
    try:
        yield outside
    finally:
        outside.close()


def serve(engine, name, *flags, port=80):
    """A detached web server."""
    return engine.ok("run", "-d", "--name", name, *flags, "busybox", "httpd", "-f", "-p", str(port), "-h", "/www")


def fetch(port, address="127.0.0.1"):
    """The page that a web server gives the host; empty where there is none."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=3) as connection:
        connection.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
        return answer
    return b""


def fetch_inside(engine, container, address, port):
    ask = f"printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {address} {port}"
    return engine.docker("exec", container, "sh", "-c", ask).out


def network_of(engine, container):
    return engine.inspect(container)["NetworkSettings"]["Networks"]["bridge"]


def test_a_published_port_answers_everybody(engine, outside):
    serve(engine, "web", "-p", "18090:80")
    engine.ok("run", "-d", "--name", "other", "busybox", "sleep", "600")
    gateway = network_of(engine, "web")["Gateway"]
    wait_until("the host's 127.0.0.1 answers", lambda: b"served by cais" in fetch(18090))
    assert b"served by cais" in fetch(18090, HOST)
    assert b"served by cais" in fetch(18090, gateway)
    assert b"served by cais" in outside.fetch(HOST, 18090)
    for container in ("other", "web"):
        for address in (gateway, HOST):
            assert "served by cais" in fetch_inside(engine, container, address, 18090), f"{container} by {address}"
    assert "served by cais" in fetch_inside(engine, "other", network_of(engine, "web")["IPAddress"], 80)


def test_what_is_not_published_is_out_of_reach_from_outside(engine, outside):
    serve(engine, "web", "-p", "127.0.0.1:18091:80")
    wait_until("the host answers", lambda: b"served by cais" in fetch(18091))
    assert outside.fetch(HOST, 18091) == b""
    assert outside.fetch(network_of(engine, "web")["IPAddress"], 80) == b""
    assert outside.run("busybox", "ping", "-c", "1", "-W", "1", network_of(engine, "web")["IPAddress"]).returncode != 0
    assert engine.docker("exec", "web", "ping", "-c", "1", "-W", "2", OUTSIDER).code == 0, "the way out is open"


def test_the_default_route_address_and_mac_are_what_inspect_says(engine):
    engine.ok("run", "-d", "--name", "plain", "busybox", "sleep", "600")
    endpoint = network_of(engine, "plain")
    octets = [int(o) for o in endpoint["IPAddress"].split(".")]
    assert endpoint["MacAddress"] == "02:42:" + ":".join(f"{o:02x}" for o in octets)
    inside = engine.ok("exec", "plain", "ip", "address", "show", "eth0")
    assert f"{endpoint['IPAddress']}/{endpoint['IPPrefixLen']}" in inside and endpoint["MacAddress"] in inside
    assert f"default via {endpoint['Gateway']} dev eth0" in engine.ok("exec", "plain", "ip", "route")


def test_a_mac_address_of_ones_own_is_given(engine):
    assert "02:42:0a:0b:0c:0d" in engine.ok("run", "--rm", "--mac-address", "02:42:0a:0b:0c:0d", "busybox", "cat", "/sys/class/net/eth0/address")


def test_all_exposed_ports_are_published_on_ports_of_the_engines_choice(engine):
    serve(engine, "web", "-P", "--expose", "80", "--expose", "53/udp")
    port = engine.ok("port", "web", "80/tcp")
    assert re.fullmatch(r"0\.0\.0\.0:\d+", port)
    assert re.fullmatch(r"0\.0\.0\.0:\d+", engine.ok("port", "web", "53/udp"))
    wait_until("it answers", lambda: b"served by cais" in fetch(int(port.split(":")[1])))


def test_ranges_of_ports_are_published_one_to_one(engine):
    serve(engine, "web", "-p", "18100-18102:80-82")
    ports = engine.inspect("web")["NetworkSettings"]["Ports"]
    assert {key: value[0]["HostPort"] for key, value in ports.items()} == {"80/tcp": "18100", "81/tcp": "18101", "82/tcp": "18102"}


def test_a_udp_port_is_published(engine):
    engine.ok("run", "-d", "--name", "quiet", "-p", "18092:53/udp", "busybox", "sleep", "600")
    # Busybox has nothing that listens for datagrams, so a program of the host does, in the container's namespace.
    echo = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 53))\n"
            "while True: s.sendto(*s.recvfrom(100))")
    namespace = engine.inspect("quiet")["NetworkSettings"]["SandboxKey"]
    listener = subprocess.Popen(["nsenter", f"--net={namespace}", sys.executable, "-c", echo])
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.3)
            client.connect(("127.0.0.1", 18092))

            def echoed():
                with contextlib.suppress(OSError):
                    client.send(b"hello")
                    return client.recv(100) == b"hello"

            wait_until("an echo", echoed)
    finally:
        listener.kill()
        listener.wait()


def test_a_port_of_another_program_is_refused_and_nothing_stays(engine):
    before = engine.census()
    with socket.socket() as other:
        other.bind(("0.0.0.0", 18093))
        other.listen()
        result = engine.docker("run", "-d", "--name", "late", "-p", "18093:80", "busybox", "true")
    assert result.code == 125 and "address already in use" in result.err
    engine.ok("rm", "late")
    wait_until("nothing is left", lambda: not differences(before, engine.census()))


def test_a_published_port_is_taken_for_other_programs_and_free_afterwards(engine):
    serve(engine, "web", "-p", "18094:80")
    with socket.socket() as other, pytest.raises(OSError):
        other.bind(("0.0.0.0", 18094))
    engine.ok("rm", "-f", "web")
    with socket.socket() as other:
        other.bind(("0.0.0.0", 18094))


def test_none_has_only_a_loopback_and_host_has_the_hosts_interfaces(engine):
    assert re.findall(r"^\d+: (\w+)", engine.ok("run", "--rm", "--network", "none", "busybox", "ip", "link"), re.M) == ["lo"]
    assert engine.bridge in engine.ok("run", "--rm", "--network", "host", "busybox", "ip", "link")


def test_a_network_that_does_not_exist_is_named(engine):
    result = engine.docker("run", "--rm", "--network", "backend", "busybox", "true")
    assert result.code == 125 and "network backend not found" in result.err
    assert "not found" in engine.docker("network", "inspect", "backend").err


def test_an_address_of_ones_own_is_refused_on_the_default_bridge(engine):
    result = engine.docker("run", "--rm", "--ip", "10.1.2.3", "busybox", "true")
    assert result.code == 125 and "user specified IP address is supported on user defined networks only" in result.err


def test_networks_are_listed_and_name_their_containers(engine):
    listed = dict(line.split() for line in engine.ok("network", "ls", "--format", "{{.Name}} {{.Driver}}").splitlines())
    assert listed == {"bridge": "bridge", "host": "host", "none": "null"}
    container = engine.ok("run", "-d", "--name", "plain", "busybox", "sleep", "600")
    bridge = json.loads(engine.ok("network", "inspect", "bridge"))[0]
    endpoint = network_of(engine, "plain")
    assert bridge["Containers"][container]["IPv4Address"] == f"{endpoint['IPAddress']}/{endpoint['IPPrefixLen']}"
    assert bridge["IPAM"]["Config"][0]["Gateway"] == endpoint["Gateway"]
    assert bridge["Options"]["com.docker.network.bridge.name"] == engine.bridge
    refused = engine.docker("network", "rm", "bridge")
    assert refused.code == 1 and "pre-defined network and cannot be removed" in refused.err


def test_attaching_and_detaching_are_events(engine):
    container = engine.ok("run", "-d", "busybox", "true")
    engine.ok("wait", container)

    def actions():
        lines = engine.ok("events", "--since", "1h", "--until", "0s", "--filter", "type=network", "--filter", f"container={container}", "--format", "{{.Action}}")
        return lines.split() == ["connect", "disconnect"]

    wait_until("both events", actions)


def test_flushed_rules_come_back(engine, outside):
    serve(engine, "web", "-p", "18095:80")
    wait_until("it answers", lambda: b"served by cais" in outside.fetch(HOST, 18095))
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    wait_until("it answers again", lambda: b"served by cais" in outside.fetch(HOST, 18095))


def test_a_published_port_does_not_notice_that_the_engine_died(fresh_engine, outside):
    engine = fresh_engine
    serve(engine, "web", "-p", "18096:80")
    wait_until("it answers", lambda: b"served by cais" in fetch(18096))
    engine.kill()
    assert b"served by cais" in fetch(18096)
    assert b"served by cais" in outside.fetch(HOST, 18096)
    engine.start()
    assert b"served by cais" in fetch(18096)
    taken = engine.docker("run", "-d", "--name", "second", "-p", "18096:80", "busybox", "true")
    assert taken.code == 125 and "Bind for 0.0.0.0:18096 failed: port is already allocated" in taken.err
    assert network_of(engine, "web")["IPAddress"]


def test_what_ended_while_the_engine_was_dead_leaves_nothing(fresh_engine):
    engine = fresh_engine
    before = engine.census()
    serve(engine, "web", "-p", "18097:80")
    pid = engine.inspect("web")["State"]["Pid"]
    engine.kill()
    subprocess.run(["kill", "-9", str(pid)], check=True)
    engine.start()
    wait_until("it is known to have ended", lambda: not engine.inspect("web")["State"]["Running"])
    engine.ok("rm", "web")
    wait_until("nothing is left", lambda: not differences(before, engine.census()))
    serve(engine, "next", "-p", "18097:80")
    wait_until("the port is free for the next", lambda: b"served by cais" in fetch(18097))


def test_two_engines_do_not_touch_each_other(engine, busybox_archive):
    other = Engine()
    try:
        other.start()
        other.ok("load", "-i", busybox_archive)
        serve(engine, "left", "-p", "18098:80")
        serve(other, "right", "-p", "18099:80")
        wait_until("both answer", lambda: b"served by cais" in fetch(18098) and b"served by cais" in fetch(18099))
        taken = other.docker("run", "-d", "-p", "18098:80", "busybox", "true")
        assert taken.code == 125 and "address already in use" in taken.err
    finally:
        other.close()
    assert b"served by cais" in fetch(18098)


@pytest.fixture
def dockerd(tmp_path):
    """The other engine, on the same machine."""
    path = shutil.which("dockerd") or "/usr/sbin/dockerd"
    if not os.path.exists(path):
        pytest.skip("dockerd is not installed")
    host = f"unix://{tmp_path}/docker.sock"
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            [path, "--data-root", tmp_path / "data", "--exec-root", tmp_path / "run", "--pidfile", tmp_path / "pid", "-H", host],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_until("dockerd answers", lambda: subprocess.run(["docker", "-H", host, "version"], capture_output=True).returncode == 0, 40)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)
        for line in reversed(open("/proc/self/mountinfo").readlines()):
            if line.split()[4].startswith(str(tmp_path)):
                subprocess.run(["umount", "-l", line.split()[4]], check=False)


def test_dockerd_started_later_does_not_cut_our_containers_off(engine, outside, request):
    serve(engine, "web", "-p", "18089:80")
    wait_until("it answers", lambda: b"served by cais" in outside.fetch(HOST, 18089))
    request.getfixturevalue("dockerd")
    # What dockerd does by itself where it is the one that makes the host forward packets.
    subprocess.run(["iptables", "-P", "FORWARD", "DROP"], check=True)
    # The engine hears of the other's tables and answers a moment later.
    wait_until("our passage is there, and iptables can read it", lambda: f"-A DOCKER-USER -i {engine.bridge} -j ACCEPT" in subprocess.run(
        ["iptables", "-S", "DOCKER-USER"], capture_output=True, text=True, check=True).stdout)
    wait_until("it answers beside dockerd", lambda: b"served by cais" in outside.fetch(HOST, 18089))
    assert engine.docker("exec", "web", "ping", "-c", "1", "-W", "2", OUTSIDER).code == 0
    assert outside.fetch(network_of(engine, "web")["IPAddress"], 80) == b""
