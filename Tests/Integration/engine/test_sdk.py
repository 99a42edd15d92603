"""The Docker SDK for Python drives the engine."""

import docker.errors
import pytest

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture
def sdk(engine):
    client = engine.sdk()
    yield client
    client.close()


def test_system(sdk):
    assert sdk.ping()
    assert sdk.version()["ApiVersion"] == "1.51"
    assert sdk.info()["OSType"] == "linux"


def test_run_returns_the_output_and_raises_on_a_code(sdk):
    assert sdk.containers.run("busybox", ["echo", "hello"], remove=True) == b"hello\n"
    with pytest.raises(docker.errors.ContainerError) as failure:
        sdk.containers.run("busybox", ["sh", "-c", "echo bad >&2; exit 3"], remove=True)
    assert failure.value.exit_status == 3 and b"bad" in failure.value.stderr


def test_life_cycle(sdk):
    container = sdk.containers.create("busybox", ["sleep", "600"], name="sdk", labels={"made": "by-sdk"}, environment=["A=1"])
    assert container.status == "created"
    container.start()
    container.reload()
    assert container.status == "running"
    code, output = container.exec_run(["sh", "-c", "echo $A; exit 5"])
    assert (code, output) == (5, b"1\n")
    code, (out, err) = container.exec_run(["sh", "-c", "echo o; echo e >&2"], demux=True)
    assert (out, err) == (b"o\n", b"e\n")
    assert [c.name for c in sdk.containers.list(filters={"label": "made=by-sdk"})] == ["sdk"]
    container.rename("renamed")
    container.restart(timeout=1)
    container.kill()
    assert container.wait()["StatusCode"] == 137
    container.remove()
    assert sdk.containers.list(all=True) == []


def test_logs_and_attach_streams(sdk):
    container = sdk.containers.run("busybox", ["sh", "-c", "for i in 1 2 3; do echo $i; done"], detach=True)
    assert container.wait()["StatusCode"] == 0
    assert container.logs() == b"1\n2\n3\n"
    assert b"".join(container.logs(stream=True, tail=1)) == b"3\n"


def test_images(sdk, tmp_path):
    image = sdk.images.get("busybox:latest")
    assert image.tag("again", "v2")
    assert sorted(sdk.images.get(image.id).tags) == ["again:v2", "busybox:latest"]
    sdk.images.remove("again:v2")
    with pytest.raises(docker.errors.ImageNotFound):
        sdk.images.get("again:v2")


def test_errors_have_their_statuses(sdk):
    with pytest.raises(docker.errors.NotFound):
        sdk.containers.get("nobody")
    with pytest.raises(docker.errors.ImageNotFound):
        sdk.containers.create("no-such-image")
    sdk.containers.create("busybox", name="once")
    with pytest.raises(docker.errors.APIError) as conflict:
        sdk.containers.create("busybox", name="once")
    assert conflict.value.status_code == 409


def test_networks_are_listed(sdk):
    assert {"bridge", "host", "none"} <= {n.name for n in sdk.networks.list()}
