"""What `create` asks the engine for is what docker's client asks for, flag by flag."""

import json
import os
import shlex
import subprocess

import pytest

from engine import BIN
from recording import recording_engine

LINES = r"""
x
-it x sh
-i x
-t x
-a stdout x
-a STDIN -a stderr -i x
--name n x
x sh -c "echo hi" --rm -p 80
--entrypoint sh x -c true
--entrypoint "" x
-h web --domainname d x
-u 1:2 --group-add 5 --group-add audio -w /work x
-e A=1 -e B= -e HOME -e NOT_SET_ANYWHERE x
--env-file @env -e Z=9 x
-l a=b -l c --label d=e=f x
--label-file @labels -l a=z x
--annotation k=v --annotation w=x=y x
--cidfile @new x
--rm x
--restart always x
--restart on-failure:3 x
--restart no x
--restart "" x
--stop-signal USR1 --stop-timeout 7 x
--stop-timeout=-1 x
--log-driver none x
--log-driver json-file --log-opt max-size=1m --log-opt max-file=3 x
--log-opt labels=a x
--no-healthcheck x
--health-cmd "test -e /ok" --health-interval 1m30s --health-timeout 500ms --health-retries 4 x
--health-start-period 10s --health-start-interval=2s x
--health-interval 0s --health-cmd "" x
-v /a:/b x
-v /a:/b:ro,z -v /c:/d:rshared x
-v ./here:/there x
-v ../up:/there:ro x
-v . x
-v name:/data x
-v /anonymous -v /other x
--mount type=bind,source=/a,target=/b x
--mount type=bind,src=/a,dst=/b,readonly,bind-propagation=rshared x
--mount type=bind,source=./rel,target=/b x
--mount type=bind,src=/a,dst=/b,bind-recursive=disabled x
--mount type=bind,src=/a,dst=/b,ro,bind-recursive=writable x
--mount type=tmpfs,destination=/t,tmpfs-size=64m,tmpfs-mode=1770 x
--mount source=vol,target=/v,volume-nocopy,volume-label=a=b,volume-driver=local,volume-opt=type=nfs x
--mount '"type=bind","source=/a,b","target=/c"' x
--tmpfs /t --tmpfs /u:size=1m,mode=755 x
--read-only --shm-size 32m x
--device /dev/null x
--device /dev/null:/dev/n:r --device /dev/zero:rw x
-p 80 x
-p 8080:80 x
-p 127.0.0.1:8080:80/udp x
-p 127.0.0.1::80 x
-p [::1]:8080:80 x
-p 8000-8002:80-82 x
-p 8000-8010:80 x
-p 80-82 x
-p target=80,published=8080,protocol=udp x
-p 80:80/TCP -p 81:80/tcp x
-P --expose 80 --expose 90-92/udp x
--network host x
--network none x
--network bridge x
--network container:other x
--network mynet --ip 172.30.0.5 --ip6 2001:db8::1 --network-alias a --network-alias b x
--network name=mynet,alias=a,ip=1.2.3.4,mac-address=02:42:ac:11:00:09,driver-opt=k=v,gw-priority=5 x
--network one --network two x
--net host x
--mac-address 02:42:ac:11:00:02 x
--add-host a:1.2.3.4 --add-host b=5.6.7.8 --add-host c:host-gateway --add-host d=[::1] --add-host e:2001:db8::1 x
--dns 8.8.8.8 --dns-option ndots:2 --dns-opt timeout:1 --dns-search a.b x
-m 64m --memory-reservation 32m --memory-swap 128m --memory-swappiness 40 x
--memory-swap -1 -m 1g x
--memory-swap=-1 x
-m 512 x
-m 1.5g x
-m 10MB x
--oom-kill-disable --oom-score-adj -500 x
--cpus 1.5 x
--cpus .25 x
--cpus 2 --cpu-shares 512 --cpu-period 100000 --cpu-quota 50000 --cpuset-cpus 0-1 --cpuset-mems 0 x
-c 128 --cpu-rt-period 1000000 --cpu-rt-runtime 950000 x
--pids-limit 100 x
--pids-limit -1 x
--blkio-weight 300 --blkio-weight-device /dev/sda:200 x
--device-read-bps /dev/sda:1mb --device-write-bps /dev/sda:2mb --device-read-iops /dev/sda:100 --device-write-iops /dev/sda:200 x
--ulimit nofile=1024:2048 --ulimit core=0 --ulimit nproc=-1 x
--cgroup-parent /a/b x
--privileged x
--cap-add NET_ADMIN --cap-add SYS_TIME --cap-drop ALL x
--security-opt no-new-privileges x
--security-opt no-new-privileges:true --security-opt apparmor=unconfined --security-opt label:disable x
--security-opt seccomp=unconfined x
--security-opt seccomp=@seccomp x
--security-opt systempaths=unconfined x
--sysctl net.ipv4.ip_forward=1 --sysctl kernel.shmmax=5 --sysctl fs.mqueue.msg_max=7 x
--cap-add cap_net_raw --cap-add ALL --cap-drop net_raw x
--ulimit nofile=5 --ulimit nofile=6 x
--device-cgroup-rule "c 1:3 rwm" x
--ipc host --pid host --uts host --userns host --cgroupns private x
--ipc container:a --pid container:b x
--runtime other x
--platform linux/amd64 x
-dit x
""".strip().splitlines()

NO_MEANING = (None, "", 0, False, [], {}, [0, 0])


def meaning(value):
    """A request without the members that say nothing: nulls, empties and zeroes."""
    if isinstance(value, dict):
        # docker sends binds and variables in the order of a Go map.
        return {k: sorted(v) if k in ("Binds", "Env") else meaning(v) for k, v in value.items() if meaning(v) not in NO_MEANING}
    if isinstance(value, list):
        return [meaning(v) for v in value]
    return value


@pytest.fixture(scope="module")
def recording():
    with recording_engine() as (host, requests):
        yield host, requests


@pytest.fixture
def files(tmp_path):
    (tmp_path / "env").write_text("# comment\nX=1\n  Y=2 \nHOME\nNOT_SET_ANYWHERE\n\nZ=3\n")
    (tmp_path / "labels").write_text("a=1\nb\n#c=2\n")
    (tmp_path / "seccomp").write_text('{ "defaultAction" : "SCMP_ACT_ALLOW",\n "syscalls": [ ] }\n')
    return tmp_path


def asked(recording, program, words, folder):
    host, requests = recording
    requests.clear()
    (folder / "new").unlink(missing_ok=True)
    done = subprocess.run([program, "-H", host, "create", *words], cwd=folder, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, env={"HOME": "/root", "PATH": os.environ["PATH"], "DOCKER_CONFIG": str(folder / "config")})
    creates = [(path.partition("?")[2], meaning(json.loads(body))) for method, path, _, body in requests if "/containers/create" in path]
    return done.returncode, done.stderr, creates


@pytest.mark.parametrize("line", [line for line in LINES if not line.startswith("-dit")])
def test_asks_for_the_same(recording, files, line):
    words = [word.replace("@", f"{files}/") if "@" in word else word for word in shlex.split(line)]
    expected = asked(recording, "docker", words, files)
    assert expected[2], expected
    assert asked(recording, str(BIN / "cais"), words, files) == expected


MISTAKES = r"""
--env-file @nothing x
--label-file @nothing x
-p 80:80:80:80 x
-p abc x
-p 80:abc x
-p 80/foo x
-p 1-2:1-3 x
-p 1.2.3:80:80 x
--expose 80:90 x
--expose abc x
--restart on-failure:x x
--restart :3 x
--rm --restart always x
--pid nope x
--uts nope x
--userns nope x
--cgroupns nope x
--memory-swappiness 101 x
--cpus 1.0000000001 x
--log-driver none --log-opt a=b x
--no-healthcheck --health-cmd true x
--no-healthcheck --health-retries 2 x
--health-interval=-1s x
--health-retries=-1 x
--health-timeout nonsense x
--security-opt nonsense x
--security-opt seccomp=@nothing x
--ulimit nonsense=1 x
--ulimit nofile=2:1 x
--ulimit nofile=1:2:3 x
--ulimit nofile=x x
--device-read-bps /dev/sda x
--device-read-bps sda:1mb x
--device-read-bps /dev/sda:x x
--device-read-iops /dev/sda:x x
--blkio-weight-device /dev/sda:5 x
--mount type=bind x
--mount type=bind,nonsense=1,target=/a x
--mount type=tmpfs,target=/a,bind-propagation=shared x
--mount type=bind,source=/a,target=/b,readonly=x x
--mount type=tmpfs,target=/a,tmpfs-size=x x
--network one --network one x
--network host --network one x
--network name=a,nope=b x
--dns nope x
--add-host nope x
--add-host a:nope x
--attach nope x
--sysctl a.b=c x
--sysctl kernel.shmmax x
--pull nope x
""".strip().splitlines()


@pytest.mark.parametrize("line", MISTAKES)
def test_refuses_with_the_same_words(recording, files, line):
    words = [word.replace("@", f"{files}/") if "@" in word else word for word in shlex.split(line)]
    code, error, creates = asked(recording, "docker", words, files)
    assert not creates and code != 0
    expected = error.replace("docker: ", "cais: ").replace("'docker ", "'cais ").replace("Usage:  docker", "Usage:  cais")
    assert asked(recording, str(BIN / "cais"), words, files) == (code, expected, [])


@pytest.mark.parametrize("flag", ["--gpus=all", "--init", "--volumes-from=x", "--link=x", "--storage-opt=size=1"])
def test_what_the_engine_cannot_serve_is_refused_by_name(recording, files, flag):
    code, error, creates = asked(recording, str(BIN / "cais"), [flag, "x"], files)
    assert code == 125 and not creates and flag.split("=")[0] in error
