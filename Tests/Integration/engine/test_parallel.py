"""Many containers at once leave nothing behind, and a web server serves on while the daemon dies."""

import concurrent.futures
import http.client
import threading

import images
from engine import differences, wait_until


def test_a_hundred_containers_in_parallel_leave_nothing_behind(fresh_engine):
    engine = fresh_engine
    engine.ok("run", "--rm", "busybox", "true")
    before = engine.census()
    count = 100

    def start(number):
        return engine.ok("run", "-d", "--name", f"c{number}", "busybox", "sh", "-c", f"echo I am {number}; exec sleep 600", timeout=240)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        identifiers = list(pool.map(start, range(count)))
    assert len(set(identifiers)) == count
    assert len(engine.ok("ps", "-q").split()) == count
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: engine.ok("exec", f"c{n}", "cat", "/proc/1/cmdline", timeout=120), range(count)))
    assert all("sleep" in a for a in answers)
    addresses = {engine.inspect(f"c{n}")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] for n in range(count)}
    assert len(addresses) == count
    engine.ok("rm", "-f", *identifiers, timeout=240)
    assert engine.ok("ps", "-aq") == ""
    wait_until("the machine holds what it held before",
               lambda: not differences(before, engine.census()) or print(differences(before, engine.census())), 20)


PORT = 18090


def serve_nginx(engine):
    """nginx from Debian's package in a container that answers on the host's loopback."""
    engine.ok("load", "-i", images.nginx_archive(), timeout=120)
    engine.ok("run", "-d", "--name", "nginx", "-p", f"127.0.0.1:{PORT}:80", "nginx")

    def once():
        try:
            return fetch(http.client.HTTPConnection("127.0.0.1", PORT, timeout=5))
        except OSError:
            return False

    wait_until("nginx answers", once)


def fetch(connection):
    connection.request("GET", "/index.html")
    answer = connection.getresponse()
    body = answer.read()
    return answer.status == 200 and body == b"nginx in a container\n"


class Load:
    """`total` requests of eight clients at once; half of them over connections of their own."""

    WORKERS = 8

    def __init__(self, total):
        self.total = total
        self.done, self.failures = 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work) for _ in range(self.WORKERS)]
        for thread in self.threads:
            thread.start()

    def work(self):
        kept = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
        for number in range(self.total // self.WORKERS):
            try:
                good = fetch(kept) if number % 2 else fetch(http.client.HTTPConnection("127.0.0.1", PORT, timeout=10))
                reason = None if good else "a wrong answer"
            except OSError as error:
                reason = repr(error)
            with self.lock:
                self.done += 1
                if reason:
                    self.failures.append(reason)

    def wait(self):
        for thread in self.threads:
            thread.join()


def test_nginx_serves_ten_thousand_requests_through_the_death_of_the_daemon(fresh_engine):
    engine = fresh_engine
    serve_nginx(engine)
    load = Load(10_000)
    wait_until("a third of the requests is done", lambda: load.done > load.total // 3, 120)
    engine.kill()
    at_kill = load.done
    engine.start()
    load.wait()
    assert at_kill < load.total and load.done == load.total
    assert load.failures == []
    assert engine.inspect("nginx")["State"]["Running"]
    assert "nginx" in engine.ok("ps")
    assert "nginx version" in engine.docker("exec", "nginx", "nginx", "-v").err
    assert engine.docker("logs", "nginx").code == 0
    engine.ok("stop", "-t", "2", "nginx")
    assert not engine.inspect("nginx")["State"]["Running"]


def test_no_connection_is_lost_while_the_daemon_dies_again_and_again(fresh_engine):
    """Each start takes the rules of published ports over while connections begin."""
    engine = fresh_engine
    serve_nginx(engine)
    load, deaths = Load(20_000), 0
    while load.done < load.total - 1_000:
        engine.kill()
        engine.start()
        deaths += 1
    load.wait()
    assert load.failures == [] and load.done == load.total
    assert deaths >= 10


def test_a_forced_removal_and_an_end_at_the_same_time_are_both_right(fresh_engine):
    """Containers that end by themselves while they are removed by force: no removal fails."""
    engine = fresh_engine
    for round in range(3):
        identifiers = [engine.ok("run", "-d", "busybox", "sleep", f"0.{30 + n}") for n in range(10)]
        engine.ok("rm", "-f", *identifiers)
    assert engine.ok("ps", "-aq") == ""
