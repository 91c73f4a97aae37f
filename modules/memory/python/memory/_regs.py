# SPDX-License-Identifier: MIT
"""System registers and their fields, named as in the Arm ARM."""

import _memory

# Each register has fields (name, highest bit, lowest bit) and flags (name, bit).
FIELDS = {
    "sctlr": (
        ("M", 0), ("A", 1), ("C", 2), ("SA", 3), ("SA0", 4), ("I", 12), ("DZE", 14), ("UCT", 15),
        ("nTWI", 16), ("nTWE", 18), ("WXN", 19), ("E0E", 24), ("EE", 25), ("UCI", 26),
    ),
    "tcr": (
        ("T0SZ", 5, 0), ("EPD0", 7), ("IRGN0", 9, 8), ("ORGN0", 11, 10), ("SH0", 13, 12),
        ("TG0", 15, 14), ("T1SZ", 21, 16), ("A1", 22), ("EPD1", 23), ("IRGN1", 25, 24),
        ("ORGN1", 27, 26), ("SH1", 29, 28), ("TG1", 31, 30), ("IPS", 34, 32), ("AS", 36),
        ("TBI0", 37), ("TBI1", 38),
    ),
    "mair": tuple(("Attr%d" % i, 8 * i + 7, 8 * i) for i in range(8)),
    "ttbr0": (("ASID", 63, 48), ("BADDR", 47, 1)),
    "ttbr1": (("ASID", 63, 48), ("BADDR", 47, 1)),
    "midr": (
        ("Implementer", 31, 24), ("Variant", 23, 20), ("Architecture", 19, 16),
        ("PartNum", 15, 4), ("Revision", 3, 0),
    ),
    "mpidr": (("U", 30), ("MT", 24), ("Aff2", 23, 16), ("Aff1", 15, 8), ("Aff0", 7, 0)),
    "daif": (("D", 9), ("A", 8), ("I", 7), ("F", 6)),
}  # fmt: skip
ADDRESSES = ("BADDR",)  # shown as the bits at their place, not as a number of their own
ORDER = (
    "el", "sctlr", "tcr", "mair", "ttbr0", "ttbr1", "vbar", "sp", "spsel", "daif", "midr", "mpidr",
    "cntfrq",
)  # fmt: skip


def field(value, name, high, low):
    """Return bits high to low of a register's value."""
    bits = value & (1 << high + 1) - (1 << low)
    return bits if name in ADDRESSES else bits >> low


def line(name, value):
    """Return a line with the register, the flags that are set, and every field."""
    words = []
    for item in FIELDS.get(name, ()):
        if len(item) == 3:
            words.append("%s=%#x" % (item[0], field(value, *item)))
        elif value >> item[1] & 1:
            words.append(item[0])
    return " ".join(["%-6s %016x " % (name, value)] + words).rstrip()


class SystemRegisters:
    """The system registers when they were read: r['tcr'] a value, r.fields('tcr') its fields."""

    def __init__(self):
        self._values = _memory.regs()

    def __getitem__(self, name):
        return self._values[name]

    def __iter__(self):
        return iter(ORDER)

    def fields(self, name):
        """Return the fields of one register by name; ValueError: there is no such register."""
        if name not in self._values:
            raise ValueError("no register %r: there are %s" % (name, ", ".join(ORDER)))
        value = self._values[name]
        return {item[0]: field(value, item[0], item[1], item[-1]) for item in FIELDS.get(name, ())}

    def __repr__(self):
        return "\n".join([line(name, self._values[name]) for name in ORDER])


def regs():
    """Read the system registers."""
    return SystemRegisters()
