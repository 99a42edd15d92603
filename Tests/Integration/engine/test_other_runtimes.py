"""runc and crun take cais-runtime's place with one setting."""

import shutil

import pytest

from engine import Engine, wait_until

# crun refuses a host that has v1 controllers and v2 beside them; it gets a mount namespace without v2.
WITHOUT_V2 = ["unshare", "--mount", "--propagation", "slave", "--", "sh", "-c",
              'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"', "sh"]


@pytest.fixture(params=["runc", "crun"])
def other_engine(request, busybox_archive):
    path = shutil.which(request.param)
    if path is None:
        pytest.skip(f"{request.param} is not installed")
    engine = Engine("--add-runtime", f"other={path}", "--default-runtime", "other",
                    wrapper=WITHOUT_V2 if request.param == "crun" else ())
    try:
        engine.start()
        engine.ok("load", "-i", busybox_archive)
        yield engine
    finally:
        engine.close()


def test_the_engine_runs_containers_through_it(other_engine):
    engine = other_engine
    assert engine.ok("info", "--format", "{{.DefaultRuntime}}") == "other"
    result = engine.docker("run", "--rm", "busybox", "sh", "-c", "echo through; exit 3")
    assert (result.code, result.out) == (3, "through\n"), result
    engine.ok("run", "-d", "--name", "longer", "--restart", "on-failure:2", "busybox", "sh", "-c", "sleep 0.1; exit 1")
    wait_until("it was restarted twice", lambda: engine.inspect("longer")["RestartCount"] == 2)
    engine.ok("run", "-d", "--name", "host", "busybox", "sleep", "600")
    assert engine.ok("exec", "host", "echo", "inside") == "inside"
    missing = engine.docker("run", "--rm", "busybox", "no-such-command")
    assert missing.code == 127 and "no-such-command" in missing.err
    engine.ok("run", "--rm", "--runtime", "cais", "busybox", "true")
    engine.ok("stop", "-t", "1", "host")
