"""make install puts everything in place, make uninstall takes it away."""

import os
import subprocess

import pytest

from engine import REPOSITORY


def files(root):
    return sorted(os.path.relpath(os.path.join(folder, name), root) for folder, _, found in os.walk(root) for name in found)


def make(target, destination):
    # The binaries are there already: this test is about where they go.
    subprocess.run(["make", "-s", "-o", "build", target, f"DESTDIR={destination}", "PREFIX=/usr"], cwd=REPOSITORY, check=True,
                   capture_output=True)


@pytest.fixture
def installed(tmp_path):
    make("install", tmp_path)
    return tmp_path


@pytest.mark.parametrize("program, section", [("cais", 1), ("caisd", 8), ("cais-shim", 1), ("cais-runtime", 8)])
def test_each_program_has_its_manual_and_completions(installed, program, section):
    found = files(installed)
    for path in (f"usr/bin/{program}", f"usr/share/man/man{section}/{program}.{section}", f"usr/share/bash-completion/completions/{program}",
                 f"usr/share/zsh/site-functions/_{program}", f"usr/share/fish/vendor_completions.d/{program}.fish"):
        assert path in found
        assert (installed / path).stat().st_size > 200, path
    syntax = subprocess.run(["bash", "-n", installed / f"usr/share/bash-completion/completions/{program}"], capture_output=True)
    assert syntax.returncode == 0, syntax.stderr
    assert subprocess.run([installed / "usr/bin" / program, "--version"], capture_output=True).returncode == 0


def test_the_unit_starts_the_installed_daemon(installed):
    unit = (installed / "usr/lib/systemd/system/cais.service").read_text()
    assert "ExecStart=/usr/bin/caisd" in unit and "@" not in unit.split("ExecStart")[1].splitlines()[0]
    assert (installed / "etc/cais/daemon.json").exists()


def test_uninstall_leaves_no_file_but_a_configuration_that_was_changed(installed):
    make("uninstall", installed)
    assert files(installed) == []
    make("install", installed)
    (installed / "etc/cais/daemon.json").write_text('{"debug": true}\n')
    make("uninstall", installed)
    assert files(installed) == ["etc/cais/daemon.json"]
