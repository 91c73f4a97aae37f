# SPDX-License-Identifier: MIT
"""The state machines of the hardware checker in this process, sanitised, driven by events."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

import host_library

from pimem.board import hwcheck

FOLDER = Path(__file__).parent
WALK = -1
DEVICE, NC, WT, WB = range(4)
(
    ACCESS,
    CACHE,
    ZVA,
    TLBI,
    AT,
    DSB,
    DMB,
    ISB,
    SYSREG,
    FETCH,
    EXCEPTION,
    ERET,
    WAKE,
    RESET,
    IDLE,
    DMA,
) = range(16)
RAM_SIZE = 1 << 24

#: op0, op1, CRn, CRm, op2
SYSTEM = {
    "ic ialluis": (1, 0, 7, 1, 0),
    "ic iallu": (1, 0, 7, 5, 0),
    "ic ivau": (1, 3, 7, 5, 1),
    "dc ivac": (1, 0, 7, 6, 1),
    "dc cisw": (1, 0, 7, 14, 2),
    "dc zva": (1, 3, 7, 4, 1),
    "dc cvac": (1, 3, 7, 10, 1),
    "dc cvau": (1, 3, 7, 11, 1),
    "dc civac": (1, 3, 7, 14, 1),
    "at s1e1r": (1, 0, 7, 8, 0),
    "tlbi vmalle1is": (1, 0, 8, 3, 0),
    "tlbi vae1is": (1, 0, 8, 3, 1),
    "tlbi aside1is": (1, 0, 8, 3, 2),
    "tlbi vaae1is": (1, 0, 8, 3, 3),
    "tlbi vale1is": (1, 0, 8, 3, 5),
    "tlbi vaale1is": (1, 0, 8, 3, 7),
    "tlbi vmalle1": (1, 0, 8, 7, 0),
    "sctlr_el1": (3, 0, 1, 0, 0),
    "cpacr_el1": (3, 0, 1, 0, 2),
    "ttbr0_el1": (3, 0, 2, 0, 0),
    "ttbr1_el1": (3, 0, 2, 0, 1),
    "tcr_el1": (3, 0, 2, 0, 2),
    "mair_el1": (3, 0, 10, 2, 0),
    "vbar_el1": (3, 0, 12, 0, 0),
    "fpcr": (3, 3, 4, 4, 0),
}
DOMAINS = {"sy": 15, "st": 14, "ld": 13, "ish": 11, "ishst": 10, "ishld": 9, "nsh": 7, "nshst": 6}
BARRIERS = {"dsb": 4, "dmb": 5, "isb": 6}
LOAD = {1: 0x39400000, 2: 0x79400000, 4: 0xB9400000, 8: 0xF9400000}
STORE = {size: word & ~0x400000 for size, word in LOAD.items()}
LDXR, STXR = 0xC85F7C00, 0xC8007C00
SEV, ERET_WORD, NOP, ISB_WORD, RET = 0xD503209F, 0xD69F03E0, 0xD503201F, 0xD5033FDF, 0xD65F03C0


def word_of(text: str) -> int:
    """Return the encoding of a system instruction: "dsb ish", "dc civac", "msr ttbr0_el1"."""
    name, _, rest = text.partition(" ")
    if name in BARRIERS:
        return 0xD503301F | DOMAINS[rest or "sy"] << 8 | BARRIERS[name] << 5
    op0, op1, crn, crm, op2 = SYSTEM[rest if name == "msr" else text]
    return 0xD5000000 | op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5


def library() -> ctypes.CDLL:
    sources = [path for path in sorted(hwcheck.folder().glob("*.c")) if path.name != "plugin.c"]
    listed = [str(FOLDER / "driver.c"), *map(str, sources)]
    lib = host_library.build("hwcheck", listed)
    lib.driver_new.restype = ctypes.c_void_p
    lib.driver_quick.restype = ctypes.c_bool
    return lib


U64, VOID = ctypes.c_uint64, ctypes.c_void_p


class Machine:
    """One machine with RAM from `base`, its cores at EL1 with MMU and caches on."""

    def __init__(self, folder: Path, base: int = 0, *options: str) -> None:
        self.base = base
        self.out = folder / "reports.json"
        self.out.unlink(missing_ok=True)
        self.lib = library()
        end = base + RAM_SIZE
        listed = [f"out={self.out}", f"ram_base={base:x}", f"ram={base:x}-{end:x}", *options]
        texts = (ctypes.c_char_p * (len(listed) + 1))(*(each.encode() for each in listed), None)
        self.driver = VOID(self.lib.driver_new(texts, U64(RAM_SIZE)))
        assert self.driver
        for core in range(4):
            self.core(core)

    def close(self) -> None:
        self.lib.driver_free(self.driver)

    def core(self, number: int, el: int = 1, sctlr: int = 0x30D0180D) -> None:
        self.lib.driver_core(self.driver, number, el, U64(sctlr))

    def write(self, pa: int, value: int) -> None:
        """Give memory a content before anything ran."""
        self.lib.driver_write(self.driver, U64(pa), U64(value))

    def do(self, *texts: str, value: int = 0, core: int = 0, memory: int = WB) -> None:
        """Run system instructions, each with the operand `value`."""
        for text in texts:
            self.system(word_of(text), value, core=core, memory=memory)

    def system(self, word: int, value: int = 0, *, core: int = 0, memory: int = WB) -> None:
        self.lib.driver_system(self.driver, core, ctypes.c_uint32(word), U64(value), memory)

    def used(self, pa: int) -> None:
        """Let the next access go where the tables do not say: QEMU has a TLB of its own."""
        self.lib.driver_used(self.driver, U64(pa))

    def access(
        self, word: int, va: int, memory: int = WB, *, value: int = 0, core: int = 0
    ) -> None:
        """Run one load or store by its encoding; memory=WALK: by the tables in memory."""
        args: list[Any] = [core, ctypes.c_uint32(word), U64(va), memory, U64(value)]
        self.lib.driver_access(self.driver, *args)

    def load(
        self, va: int, memory: int = WB, *, size: int = 8, core: int = 0, pc: int | None = None
    ) -> None:
        if pc is not None:
            self.lib.driver_pc(self.driver, U64(pc))
        self.access(LOAD[size], va, memory, core=core)

    def store(
        self, va: int, value: int = 1, memory: int = WB, *, size: int = 8, core: int = 0
    ) -> None:
        self.access(STORE[size], va, memory, value=value, core=core)

    def quick(self, va: int, *, store: bool = False) -> bool:
        """Return whether an access by core 0 is no event: no rule can report it."""
        return bool(self.lib.driver_quick(self.driver, U64(va), store))

    def fetch(self, va: int, *words: int, core: int = 0) -> None:
        """Run a block at VA = PA."""
        array = (ctypes.c_uint32 * len(words))(*words)
        self.lib.driver_fetch(self.driver, core, U64(va), array, len(words))

    def event(
        self, kind: int, pa: int = 0, size: int = 0, store: bool = False, core: int = 0
    ) -> None:
        self.lib.driver_event(self.driver, core, kind, U64(pa), size, store)

    def exception(
        self, esr: int, far: int = 0, elr: int = 0, core: int = 0, pc: int | None = None
    ) -> None:
        if pc is not None:
            self.lib.driver_pc(self.driver, U64(pc))
        self.lib.driver_exception(self.driver, core, U64(esr), U64(far), U64(elr))

    def violations(self) -> list[hwcheck.Violation]:
        """Return what was reported since the last time."""
        return hwcheck.read(self.out)

    def rules(self) -> list[str]:
        """Return the rules reported so far, each once, in order."""
        lines = self.out.read_text().splitlines()
        return list(dict.fromkeys(json.loads(line)["rule"] for line in lines))


PAGE = 4096
VA = 0x80201000  # of the page of Tables; VA = PA elsewhere
MAIR = 0x4404FF  # 0 is write-back, 1 Device-nGnRE, 2 non-cacheable
TCR = 0x1B5193519  # three levels from level 1, write-back, inner shareable; no TTBR1
TABLE = 3
RW = 0x60000000000703
RX = 0x40000000000783
BLOCK = 0x60000000000701
NOT_GLOBAL, CONTIGUOUS = 1 << 11, 1 << 52


class Tables:
    """Tables of three levels in memory, one page mapped at VA; TTBR0 has them if `on`."""

    def __init__(
        self, machine: Machine, at: int = 0x100000, leaf: int = RW, *, on: bool = True
    ) -> None:
        self.root, self.middle, self.last, self.page = (
            machine.base + at + n * PAGE for n in range(4)
        )
        self.root_entry = self.root + 8 * (VA >> 30)
        self.middle_entry = self.middle + 8 * (VA >> 21 & 511)
        self.entry = self.last + 8 * (VA >> 12 & 511)
        self.descriptor = self.page + leaf
        machine.write(self.root_entry, self.middle + TABLE)
        machine.write(self.middle_entry, self.last + TABLE)
        machine.write(self.entry, self.descriptor)
        machine.do("msr mair_el1", value=MAIR)
        machine.do("msr tcr_el1", value=TCR)
        machine.do("isb")
        if on:
            machine.do("msr ttbr0_el1", value=self.root)
            machine.do("isb")
