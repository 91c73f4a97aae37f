# SPDX-License-Identifier: MIT
"""What may trap to EL2 or EL3 from EL1 runs, or is a memory.Fault with its pc."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from machine_code import code
from on_board import TRAPPED, UNDEFINED, value

from pimem.testing.board_session import PIS, Machine

BREAKPOINT, ILLEGAL_STATE = "breakpoint", "illegal execution state"
RUNS = "runs"
#: Registers of the implementation: what they do at EL1 is up to it and to the firmware.
ANY = (RUNS, UNDEFINED, TRAPPED)

#: Each piece of code has a slot of a page. The name is printed first: it is the last line if the
#: board does not come back.
CALL = """
def outcome(at):
    try:
        memory.call(at, VA)
        return ["runs", None]
    except memory.Fault as e:
        assert e.el == 1
        return [e.kind, e.pc - at]
"""
SLOT = 64


def outcomes(board: Machine, sources: Sequence[str]) -> dict[str, tuple[str, int | None]]:
    """How pieces of machine code end: "runs", or the kind of the fault and its offset."""
    slots = "; ".join(f".balign {SLOT}; {source}; ret" for source in sources)
    setup = f"{CALL}NAMES = {list(sources)!r}\ncode_at(VA, {code(slots)})\nfound = []\n"
    setup += "for i, name in enumerate(NAMES):\n    print(name)\n"
    setup += f"    found.append(outcome(VA + {SLOT} * i))\ntidy()\n"
    got = value(board, "found", setup)
    assert board.exec("print(6 * 7)") == "42\n"
    assert len(got) == len(sources) <= 4096 // SLOT
    return {source: tuple(end) for source, end in zip(sources, got, strict=True)}


def all_end(board: Machine, sources: Sequence[str], kind: str, offset: int | None) -> None:
    found = outcomes(board, sources)
    assert found == dict.fromkeys(sources, (kind, offset))


MONITOR_CALLS = ["smc #0", "smc #1", "smc #0xffff"]
HYPERVISOR_CALLS = ["hvc #0", "hvc #1", "hvc #0xffff"]
DEBUG_STATE = ["dcps1", "dcps2", "dcps3", "drps", "hlt #0", "hlt #0xf000", "udf #0", "udf #0xffff"]
UPPER_REGISTERS = (
    *("HCR_EL2", "SCTLR_EL2", "VBAR_EL2", "ELR_EL2", "SPSR_EL2", "ESR_EL2", "FAR_EL2"),
    *("HPFAR_EL2", "TTBR0_EL2", "TCR_EL2", "MAIR_EL2", "VTTBR_EL2", "VTCR_EL2", "CPTR_EL2"),
    *("HSTR_EL2", "MDCR_EL2", "HACR_EL2", "CNTHCTL_EL2", "CNTHP_CTL_EL2", "CNTVOFF_EL2"),
    *("TPIDR_EL2", "VPIDR_EL2", "VMPIDR_EL2", "RMR_EL2", "ACTLR_EL2", "SP_EL1", "SP_EL2"),
    *("SCR_EL3", "SCTLR_EL3", "VBAR_EL3", "ELR_EL3", "SPSR_EL3", "ESR_EL3", "TTBR0_EL3"),
    *("TCR_EL3", "CPTR_EL3", "MDCR_EL3", "TPIDR_EL3", "ACTLR_EL3", "CNTPS_CTL_EL1"),
)
UPPER_MAINTENANCE = (
    *(f"at s12e{el}{access}, x0" for el in (0, 1) for access in "rw"),
    *(f"at s1e{el}{access}, x0" for el in (2, 3) for access in "rw"),
    *("tlbi alle1", "tlbi alle1is", "tlbi alle2", "tlbi alle3", "tlbi vmalls12e1"),
    *("tlbi ipas2e1is, x0", "tlbi ipas2le1, x0", "tlbi vae2, x0", "tlbi vae3is, x0"),
)
ID_REGISTERS = (
    *("MIDR_EL1", "MPIDR_EL1", "REVIDR_EL1", "AIDR_EL1", "CLIDR_EL1", "CCSIDR_EL1", "CTR_EL0"),
    *("DCZID_EL0", "ID_PFR0_EL1", "ID_DFR0_EL1", "ID_AFR0_EL1", "ID_MMFR0_EL1", "ID_ISAR0_EL1"),
    *("MVFR0_EL1", "MVFR1_EL1", "ID_AA64PFR0_EL1", "ID_AA64PFR1_EL1", "ID_AA64DFR0_EL1"),
    *("ID_AA64DFR1_EL1", "ID_AA64AFR0_EL1", "ID_AA64ISAR0_EL1", "ID_AA64ISAR1_EL1"),
    *("ID_AA64MMFR0_EL1", "ID_AA64MMFR1_EL1", "S3_0_C0_C4_7", "S3_0_C0_C7_7"),
)
COUNTERS = (
    *("PMCR_EL0", "PMCNTENSET_EL0", "PMCNTENCLR_EL0", "PMOVSCLR_EL0", "PMSELR_EL0", "PMCEID0_EL0"),
    *("PMCCNTR_EL0", "PMXEVTYPER_EL0", "PMUSERENR_EL0", "PMINTENSET_EL1", "PMCCFILTR_EL0"),
    *("CNTPCT_EL0", "CNTVCT_EL0", "CNTFRQ_EL0", "CNTP_CTL_EL0", "CNTV_CTL_EL0", "CNTKCTL_EL1"),
)
DEBUG_REGISTERS = (
    *("MDSCR_EL1", "MDRAR_EL1", "OSLSR_EL1", "OSDLR_EL1", "DBGBVR0_EL1", "DBGBCR0_EL1"),
    *("DBGWVR0_EL1", "DBGWCR0_EL1"),
    *("MDCCINT_EL1", "MDCCSR_EL0", "OSECCR_EL1"),
)
#: CPUACTLR, CPUECTLR, CPUMERRSR, L2CTLR, L2ECTLR, L2ACTLR, L2MERRSR, CBAR; debug registers that
#: QEMU does not have; and GICv3's, which neither processor has.
IMPLEMENTATION = (
    *("S3_1_C15_C2_0", "S3_1_C15_C2_1", "S3_1_C15_C2_2", "S3_1_C11_C0_2", "S3_1_C11_C0_3"),
    *("S3_1_C15_C0_0", "S3_1_C15_C2_3", "S3_1_C15_C3_0", "S3_7_C15_C15_7", "S3_0_C15_C0_0"),
    *("DBGPRCR_EL1", "DBGAUTHSTATUS_EL1", "DBGCLAIMSET_EL1", "DBGDTRRX_EL0"),
    *("ACTLR_EL1", "AFSR0_EL1", "AFSR1_EL1", "S3_0_C12_C12_0", "S3_0_C12_C12_5", "S3_4_C12_C11_0"),
)


@pytest.mark.guest_errors(r"(read|write) access to unsupported AArch64 system register .*")
@pytest.mark.parametrize("group", [MONITOR_CALLS, DEBUG_STATE, UPPER_MAINTENANCE])
def test_calls_of_other_levels_are_undefined(board: Machine, group: Sequence[str]) -> None:
    all_end(board, [f"nop; {instruction}" for instruction in group], UNDEFINED, 4)


def test_hypervisor_calls_are_undefined(board: Machine) -> None:
    found = outcomes(board, [f"nop; {call}" for call in HYPERVISOR_CALLS])
    # QEMU's virt machine answers them itself: they are its firmware calls.
    end = (UNDEFINED, 4) if board.name in PIS else (RUNS, None)
    assert set(found.values()) == {end}


def test_a_breakpoint_names_its_address(board: Machine) -> None:
    all_end(board, ["nop; nop; brk #7"], BREAKPOINT, 8)


@pytest.mark.guest_errors(r"(read|write) access to unsupported AArch64 system register .*")
def test_registers_of_higher_levels_are_undefined(board: Machine) -> None:
    all_end(board, [f"mrs x0, {register}" for register in UPPER_REGISTERS], UNDEFINED, 0)
    all_end(board, [f"nop; msr {register}, xzr" for register in UPPER_REGISTERS], UNDEFINED, 4)


@pytest.mark.parametrize("group", [ID_REGISTERS, COUNTERS, DEBUG_REGISTERS])
def test_registers_of_el1_are_not_trapped(board: Machine, group: Sequence[str]) -> None:
    all_end(board, [f"mrs x1, {register}" for register in group], RUNS, None)


@pytest.mark.guest_errors(r"(read|write) access to unsupported AArch64 system register .*")
def test_registers_of_the_implementation_do_no_harm(board: Machine) -> None:
    found = outcomes(board, [f"nop; mrs x1, {register}" for register in IMPLEMENTATION])
    for kind, at in found.values():
        assert kind in ANY and at == (None if kind == RUNS else 4)


def test_hints_are_not_trapped(board: Machine) -> None:
    all_end(board, ["sevl; wfe", "sev; wfe", "yield", "isb; dsb sy; clrex"], RUNS, None)


def test_wfi_ends_with_the_next_interrupt(board: Machine) -> None:
    # With IRQ masked: the timer's interrupt is not taken, but it ends WFI. It is stopped after it.
    wait = "mrs x2, DAIF; msr DAIFSet, #2; mov x1, #1000; msr CNTP_TVAL_EL0, x1; mov x1, #1;"
    wait += "msr CNTP_CTL_EL0, x1; isb; wfi; msr CNTP_CTL_EL0, xzr; isb; msr DAIF, x2"
    all_end(board, [wait], RUNS, None)


@pytest.mark.guest_errors(r"Illegal exception return at EL1: .*")
def test_a_return_to_a_level_that_is_not_below_is_illegal(board: Machine) -> None:
    # EL2 and EL3 in both forms, and the reserved modes.
    modes = (0b1000, 0b1001, 0b1100, 0b1101, 0b0001, 0b0010, 0b0110, 0b1111)
    source = (
        "msr DAIFSet, #2; adr x1, 1f; msr ELR_EL1, x1; mov x2, #{}; msr SPSR_EL1, x2; eret; 1: nop"
    )
    all_end(board, [source.format(mode) for mode in modes], ILLEGAL_STATE, 24)


FP_OFF = "msr CPACR_EL1, xzr; isb"
FP_TRAPPED = "trapped instruction"


def test_an_exception_with_floating_point_off_is_a_fault(board: Machine) -> None:
    """The vectors save all registers, which with CPACR_EL1.FPEN 0 is an exception of its own."""
    all_end(board, [f"{FP_OFF}; brk #1"], BREAKPOINT, 8)
    all_end(board, [f"{FP_OFF}; fmov d0, xzr"], FP_TRAPPED, 8)
    all_end(board, [f"{FP_OFF}; mov x1, #0x100; ldr x1, [x1]"], "translation fault", 12)
    assert board.eval("1.5 * 3") == 4.5


def test_an_interrupt_with_floating_point_off_is_taken(board: Machine) -> None:
    # The timer's, whose handler stops it; FP is on afterwards, as the call's end needs it.
    wait = "mov x1, #1000; msr CNTP_TVAL_EL0, x1; mov x1, #1; msr CNTP_CTL_EL0, x1; isb;"
    wait += "1: mrs x1, CNTP_CTL_EL0; tbnz x1, #0, 1b"
    all_end(board, [f"{FP_OFF}; {wait}"], RUNS, None)
