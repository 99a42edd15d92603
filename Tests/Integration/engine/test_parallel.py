"""Many containers at once leave nothing behind, and a web server serves on while the daemon dies."""

import concurrent.futures
import http.client
import threading

import pytest

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


# One connection in some forty thousand is still lost while a restarted daemon takes its rules over
# (design/0010, what is weak); a rerun shows that and does not hide a daemon that takes the port down.
@pytest.mark.flaky(reruns=3)
def test_nginx_serves_ten_thousand_requests_through_the_death_of_the_daemon(fresh_engine):
    engine = fresh_engine
    engine.ok("load", "-i", images.nginx_archive(), timeout=120)
    engine.ok("run", "-d", "--name", "nginx", "-p", "127.0.0.1:18090:80", "nginx")

    def fetch(connection):
        connection.request("GET", "/index.html")
        answer = connection.getresponse()
        body = answer.read()
        return answer.status == 200 and body == b"nginx in a container\n"

    def once():
        try:
            return fetch(http.client.HTTPConnection("127.0.0.1", 18090, timeout=5))
        except OSError:
            return False

    wait_until("nginx answers", once)
    total, workers = 10_000, 8
    done, failures, lock = [0], [], threading.Lock()
    halfway = threading.Event()

    def load():
        # Half the requests over one kept connection, half over connections of their own.
        kept = http.client.HTTPConnection("127.0.0.1", 18090, timeout=10)
        for number in range(total // workers):
            try:
                good = fetch(kept) if number % 2 else fetch(http.client.HTTPConnection("127.0.0.1", 18090, timeout=10))
                reason = None if good else "a wrong answer"
            except OSError as error:
                reason = repr(error)
            with lock:
                done[0] += 1
                if reason:
                    failures.append(reason)
                if done[0] > total // 3:
                    halfway.set()

    threads = [threading.Thread(target=load) for _ in range(workers)]
    for thread in threads:
        thread.start()
    assert halfway.wait(120)
    engine.kill()
    at_kill = done[0]
    engine.start()
    for thread in threads:
        thread.join()
    assert at_kill < total and done[0] == total
    assert failures == []
    assert engine.inspect("nginx")["State"]["Running"]
    assert "nginx" in engine.ok("ps")
    assert "nginx version" in engine.docker("exec", "nginx", "nginx", "-v").err
    assert engine.docker("logs", "nginx").code == 0
    engine.ok("stop", "-t", "2", "nginx")
    assert not engine.inspect("nginx")["State"]["Running"]


def test_a_forced_removal_and_an_end_at_the_same_time_are_both_right(fresh_engine):
    """Containers that end by themselves while they are removed by force: no removal fails."""
    engine = fresh_engine
    for round in range(3):
        identifiers = [engine.ok("run", "-d", "busybox", "sleep", f"0.{30 + n}") for n in range(10)]
        engine.ok("rm", "-f", *identifiers)
    assert engine.ok("ps", "-aq") == ""
