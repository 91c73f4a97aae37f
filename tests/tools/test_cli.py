# SPDX-License-Identifier: MIT
"""The command line as a whole: help that reads well, exit codes that are said, no colours."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable

import pytest

from pimem import __main__, exits

Pimem = Callable[..., "subprocess.CompletedProcess[str]"]
COMMANDS = [*__main__.COMMANDS, "bridge flash"]


def test_help_says_what_there_is_and_every_exit_code(pimem: Pimem) -> None:
    done = pimem("--help")
    assert done.returncode == 0
    for command in __main__.COMMANDS:
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


def test_the_version_is_told(pimem: Pimem) -> None:
    assert re.fullmatch(r"pimem \d+\.\d+\.\d+\n", pimem("--version").stdout)
