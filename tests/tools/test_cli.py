# SPDX-License-Identifier: MIT
"""The command line as a whole: help that reads well, exit codes that are said, no colours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from pimem import ROOT, cli, exits

Pimem = Callable[..., "subprocess.CompletedProcess[str]"]
COMMANDS = [*cli.command_names(), "bridge flash"]


def test_help_says_what_there_is_and_every_exit_code(pimem: Pimem) -> None:
    done = pimem("--help")
    assert done.returncode == 0
    for command in cli.command_names():
        assert re.search(rf"^    {command}  +\S", done.stdout, re.MULTILINE), command
    codes = (
        exits.OK,
        exits.FAILED,
        exits.USAGE,
        exits.CRASHED,
        exits.SILENT,
        exits.INTERRUPTED,
    )
    for code in codes:
        assert re.search(rf"^  {code} +\w", done.stdout, re.MULTILINE), code


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(pimem: Pimem, command: str) -> None:
    done = pimem(*command.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: pimem {command}")
    # The usage, then a sentence about what it does.
    assert re.match(r"[A-Z].*\.$", done.stdout.split("\n\n")[1], re.DOTALL)
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    # Every option is explained.
    for option in re.findall(r"^  (--?\S.*)$", done.stdout, re.MULTILINE):
        name, _, text = option.partition("  ")
        assert text.strip() or has_help_below(done.stdout, name), name


def has_help_below(text: str, name: str) -> bool:
    """argparse puts the help of a long option on the next line."""
    return re.search(rf"^  {re.escape(name)}\n {{20,}}\S", text, re.MULTILINE) is not None


@pytest.mark.parametrize("command", ["devices", "ports"])
def test_lists_come_as_json_too(pimem: Pimem, command: str) -> None:
    done = pimem(command, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert isinstance(json.loads(done.stdout), list)
    plain = pimem(command)
    assert plain.returncode == 0 and "\x1b" not in plain.stdout


@pytest.mark.parametrize("arguments", [[], ["fly"], ["flash", "--fly"], ["image", "--size", "x"]])
def test_wrong_usage_is_2_with_the_usage(pimem: Pimem, arguments: list[str]) -> None:
    done = pimem(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: pimem")


@pytest.mark.parametrize(
    ("words", "script", "arguments"),
    [
        ("s.py", "s.py", []),
        ("s.py a b", "s.py", ["a", "b"]),
        ("s.py a --port X b", "s.py", ["a", "b"]),
        ("s.py --port X a b", "s.py", ["a", "b"]),
        ("s.py --port X -- -v a", "s.py", ["-v", "a"]),
        ("--port X s.py a -- --port Y", "s.py", ["a", "--port", "Y"]),
        ("- -- -v", "-", ["-v"]),
    ],
)
def test_a_scripts_arguments_come_after_it(words: str, script: str, arguments: list[str]) -> None:
    args = cli.parse(["run", *words.split()])
    assert (args.script, args.arguments) == (script, arguments)
    assert args.port == ("X" if "X" in words else None)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("s.py --fly", "--fly (a script's follow --)"),
        ("-- a", "which script are the arguments for"),
    ],
)
def test_arguments_that_belong_to_nothing_are_wrong_usage(
    pimem: Pimem, words: str, complaint: str
) -> None:
    done = pimem("run", *words.split())
    assert done.returncode == 2 and complaint in done.stderr


def test_the_version_is_told(pimem: Pimem) -> None:
    assert re.fullmatch(r"pimem \d+\.\d+\.\d+\n", pimem("--version").stdout)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [["ports", "--json"], ["devices", "--json"]])
def test_a_full_disk_is_one_line(command: list[str], unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pimem", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT / "tools",
            env=environment,
        )
    message = "pimem: cannot write the results to stdout: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_every_command_is_on_the_page_about_it() -> None:
    page = (ROOT / "docs" / "hardware.md").read_text()
    rows = re.findall(r"^\| (`[a-z`, ]+`) \| .+\|$", page, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z]+)`", row)}
    assert named >= set(cli.command_names())


def test_every_variable_of_make_is_on_a_page_and_every_target_in_its_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    page = (ROOT / "docs" / "porting.md").read_text()
    variables = set(re.findall(r"^([A-Z_]+) \?=", makefile, re.MULTILINE))
    settable = variables - {"DEVICE", "MOUNT"}  # of `make deploy`, which asks for them
    assert {name for name in settable if f"`{name}`" not in page} == set()
    (targets,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    shown = makefile.partition("\nhelp:\n")[2].partition("\n\n")[0]
    unknown = {each for each in targets.split() if not re.search(rf"\b{each}\b", shown)}
    assert unknown <= {"help", "images"}
