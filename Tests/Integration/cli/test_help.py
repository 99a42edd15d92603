"""What the command line says about itself: help, completion that works in a shell, manual pages that format."""

import os
import re
import shutil
import subprocess

import pytest

from engine import BIN

CAIS = str(BIN / "cais")


def said(*words, code=0):
    done = subprocess.run([CAIS, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == code, done.stderr
    return done.stdout


def completed(*words):
    """What bash offers behind `words`, the last of which is unfinished."""
    script = 'source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cais; printf "%s\\n" "${COMPREPLY[@]}"'
    environment = {**os.environ, "CAIS_HOST": "unix:///nowhere.sock"}
    done = subprocess.run(["bash", "-c", script, CAIS, *words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split()


def test_help_groups_the_flags_of_run():
    text = said("run", "--help")
    for theme in ("Identity", "Streams and terminal", "Command and environment", "Files and mounts", "Network", "Resources",
                  "Isolation and security", "Lifetime and logs"):
        assert f"\n{theme}:\n" in text
    assert "--gpus" not in text
    assert all(len(line) <= 80 for line in text.splitlines())


@pytest.mark.parametrize("words,expected", [
    (("cais", "ru"), ["run"]), (("cais", "run", "--na"), ["--name"]), (("cais", "container", "renam"), ["rename"]),
    (("cais", "run", "--restart", "unl"), ["unless-stopped"]), (("cais", "-H", "x", "ps", "--fo"), ["--format"]),
    (("cais", "network", "in"), ["inspect"]), (("cais", "completion", ""), ["bash", "zsh", "fish"]), (("cais", "run", "x", "--gp"), []),
])
def test_bash_completes(words, expected):
    assert completed(*words) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_script_is_one_its_shell_can_read(shell):
    script = said("completion", shell)
    program = shutil.which(shell)
    if not program:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([program, "-n", "/dev/stdin"], input=script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_manual_has_a_page_for_every_verb(tmp_path):
    said("manual", str(tmp_path))
    pages = {page.name for page in tmp_path.iterdir()}
    assert {"cais.1", "cais-run.1", "cais-container.1", "cais-container-ls.1", "cais-network-inspect.1"} <= pages
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    for page in sorted(tmp_path.iterdir()):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", str(page)], capture_output=True, text=True)
        assert done.returncode == 0 and not done.stderr, f"{page.name}: {done.stderr}"
    text = subprocess.run(["groff", "-man", "-Tutf8", str(tmp_path / "cais-run.1")], capture_output=True, text=True).stdout
    assert "Resources" in re.sub(".\\x08", "", text), "bold letters are struck twice"


def test_version_needs_no_engine():
    assert said("--version").startswith("Cais version ")
