"""Completion scripts offer what the command takes, and the shells accept them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from longtake import cli
from longtake.cli import main

OFFERS = [
    ("longtake pl", "plan"),
    ("longtake plan --ret", "--retake"),
    ("longtake plan --downstream ", "bridge cascade keep"),
    ("longtake credits re", "reconcile resolve"),
    ("longtake credits resolve --ad", "--adopt"),
    ("longtake plan --retake credits --al", "--all"),
    ("longtake completion ", "bash fish zsh"),
]


@pytest.fixture
def script(tmp_path, capsys):
    """Write the script of a shell to a file; skip where the shell is not installed."""

    def write(shell):
        program = shutil.which(shell) or pytest.skip(f"{shell} is not installed")
        assert main(["completion", shell]) == 0
        path = tmp_path / f"longtake.{shell}"
        path.write_text(capsys.readouterr().out)
        return program, path

    return write


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(("line", "offered"), OFFERS)
def test_bash_offers_it(script, line, offered):
    program, path = script("bash")
    words = " ".join(f"'{word}'" for word in line.split(" "))
    ask = f'COMP_WORDS=({words}); COMP_CWORD={line.count(" ")}; _longtake; echo "${{COMPREPLY[*]}}"'
    out = run(program, "--norc", "-c", f"source {path}; {ask}").strip().removesuffix(" --help")
    assert out == offered


@pytest.mark.parametrize(("line", "offered"), OFFERS)
def test_fish_offers_it(script, tmp_path, line, offered):
    program, path = script("fish")
    out = run(program, "--no-config", "-c", f"source {path}; complete -C '{line}'", env={"HOME": str(tmp_path)})
    assert [one.partition("\t")[0] for one in out.splitlines()] == offered.split()


def test_zsh_can_read_it(script):
    program, path = script("zsh")
    run(program, "-n", str(path))


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_every_command_and_option_is_in_the_script(capsys, shell):
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    for command in cli.COMMANDS:
        assert command in out
    for option in ("downstream", "from-manifest", "not-charged", "older-than", "submits-per-second"):
        assert option in out
