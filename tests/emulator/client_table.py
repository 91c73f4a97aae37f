# SPDX-License-Identifier: MIT
"""The table in docs/clients.md of what clients can do, made of what test_clients.py does.

`python tests/emulator/client_table.py` writes it, with the versions that are installed.
"""

from __future__ import annotations

import importlib.metadata

from clients import CLIENTS, FEATURES, Client, Told

from pimem import ROOT

PAGE = ROOT / "docs" / "clients.md"
BEGIN, END = "<!-- clients: tests/emulator/client_table.py -->\n", "<!-- end of clients -->\n"


def text(client: Client, feature: str) -> str:
    """Return a cell: a dash where a client has no such command."""
    cell = client.can.get(feature)
    if cell is None:
        return "-"
    return cell.text if isinstance(cell, Told) else "yes"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def table(versions: dict[str, str]) -> str:
    head = row("", *(f"{name} {versions[name]}".strip() for name in CLIENTS))
    rows = [row(each, *(text(client, each) for client in CLIENTS.values())) for each in FEATURES]
    return head + "|---" * (len(CLIENTS) + 1) + "|\n" + "".join(rows)


def of_page() -> str:
    """Return the table that the page has."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def versions_of_page() -> dict[str, str]:
    """Return the versions in the head of the page's table."""
    cells = of_page().partition("\n")[0].split(" | ")[1:]
    words = [cell.removesuffix(" |").partition(" ") for cell in cells]
    return {name: version for name, _, version in words}


def installed() -> dict[str, str]:
    """Return the versions; pyboard.py is a file of MicroPython's source, without one."""
    return {name: importlib.metadata.version(name) if "." not in name else "" for name in CLIENTS}


def main() -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + table(installed()) + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
