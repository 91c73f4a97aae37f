# SPDX-License-Identifier: MIT
"""What the manuals say of the SoCs: tests know it independently of the port's table (boot/soc.c).

A board names its SoC in board.json, so a board that is added needs nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass

from pimem.board.boards import Board


@dataclass(frozen=True)
class Soc:
    part: int  # PartNum of MIDR_EL1
    ram: int  # where RAM begins
    uart: int  # a PL011
    gpio: int  # 0: it has none
    unanswered: int  # inside a window of devices, where QEMU has no device
    unanswered_on_board: int  # where the real chip has none, by a report; 0: no report is known
    spin_table: int  # where cores 1 to 3 find their entry; 0: they are off


SOCS = {
    "BCM2837": Soc(0xD03, 0, 0x3F201000, 0x3F200000, 0x40000800, 0, 0xE0),
    "BCM2711": Soc(0xD08, 0, 0xFE201000, 0xFE200000, 0xFD500000, 0xFD5D2F00, 0xE0),
    "QEMU virt": Soc(0xD08, 0x4000_0000, 0x09000000, 0, 0x09011000, 0, 0),
}


def soc_of(board: Board) -> Soc:
    return SOCS[board.soc]
