"""What `make test` does where mosquitto or PostgreSQL is missing, on a machine of stand-ins."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ("need-mosquitto", "need-postgresql")
TOOLS = ("cat", "chmod", "mkdir", "rm", "sh")


class Machine:
    """A folder with a `bin`, in which a script believes to see the whole machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.policy = folder / "usr/sbin/policy-rc.d"
        self.policy.parent.mkdir(parents=True)
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or tool)
        self.program("id", "echo 0")
        self.program("docker", "exit 1")

    def program(self, name: str, does: str) -> None:
        """Put a program in its place, which also notes how it was called."""
        path = self.bin / name
        path.write_text(f'#!/bin/sh\necho {name} "$@" >>{self.folder}/calls\n{does}\n', "utf-8")
        path.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        """Return how a program was called."""
        path = self.folder / "calls"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [line for line in lines if line.split()[0] == name]

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script with every path of the system below the folder."""
        text = (ROOT / "scripts" / script).read_text("utf-8")
        for top in ("/usr", "/etc", "/opt"):
            text = text.replace(top, f"{self.folder}{top}")
        return subprocess.run(
            ["/bin/sh", "-c", text],
            env={"PATH": str(self.bin), "HOME": os.devnull},
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("failing", ["update", "install"])
def test_a_package_that_cannot_be_installed_is_told(
    machine: Machine, script: str, failing: str
) -> None:
    machine.program("apt-get", f'[ "$1" != {failing} ]')
    done = machine.run(script)
    assert done.returncode == 1
    assert "sudo apt-get install" in done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_who_is_not_root_is_told_what_to_install(machine: Machine, script: str) -> None:
    machine.program("id", "echo 1000")
    machine.program("apt-get", "exit 0")
    done = machine.run(script)
    assert (done.returncode, machine.calls("apt-get")) == (1, [])
    assert "brew install" in done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_root_gets_the_packages(machine: Machine, script: str) -> None:
    machine.program("apt-get", "exit 0")
    assert machine.run(script).returncode == 0
    assert len(machine.calls("apt-get")) == 2


def test_debians_broker_is_neither_started_nor_left_enabled(machine: Machine) -> None:
    machine.program("apt-get", f"{machine.policy}; echo $? >>{machine.folder}/answers")
    machine.program("systemctl", "exit 0")
    assert machine.run("need-mosquitto").returncode == 0
    assert (machine.folder / "answers").read_text("utf-8").split() == ["101", "101"]
    assert machine.calls("systemctl") == ["systemctl --quiet disable mosquitto"]
    assert not machine.policy.exists()


def test_policy_is_taken_back_where_the_package_cannot_be_installed(machine: Machine) -> None:
    machine.program("apt-get", "exit 100")
    assert machine.run("need-mosquitto").returncode == 1
    assert not machine.policy.exists()


def test_policy_of_the_machines_own_stays(machine: Machine) -> None:
    machine.policy.write_text("mine", "utf-8")
    machine.program("apt-get", "exit 0")
    machine.run("need-mosquitto")
    assert machine.policy.read_text("utf-8") == "mine"


def test_broker_that_is_there_already_is_left_as_it_is(machine: Machine) -> None:
    machine.program("mosquitto", "exit 0")
    machine.program("apt-get", f"[ ! -e {machine.policy} ]")
    machine.program("systemctl", "exit 0")
    assert machine.run("need-mosquitto").returncode == 0
    assert machine.calls("apt-get")[1].endswith(" mosquitto-clients")
    assert machine.calls("systemctl") == []


def test_nothing_is_installed_where_all_is_there(machine: Machine) -> None:
    for name in ("mosquitto", "mosquitto_pub", "initdb", "pg_ctl"):
        machine.program(name, "exit 0")
    machine.program("apt-get", "exit 0")
    assert [machine.run(script).returncode for script in SCRIPTS] == [0, 0]
    assert machine.calls("apt-get") == []
