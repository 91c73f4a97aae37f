# SPDX-License-Identifier: MIT
"""Fetch and install what building and running need."""

from __future__ import annotations

import argparse

from pimem.setup import bootstrap


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add nothing: set-up is configured by the environment, as the README says."""


def run(options: argparse.Namespace) -> None:
    bootstrap.set_up()
