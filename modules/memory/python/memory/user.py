# SPDX-License-Identifier: MIT
"""Programs at EL0: machine code that can reach its own pages and nothing else.

memory.user.run(code)            run it; its first system call (SVC) ends it
memory.user.run(code, handler=f) f(number, registers) answers its system calls
"""

import _memory
from _memory import Registers
from _memory import user_exit as EXIT

CODE = 0x40_0000  # where a program's code begins
STACK = 0x4000_0000  # where its stack ends
_STACK_PAGES = 16


def __getattr__(name):
    # `last`: the registers of the program that was started last, however it ended. A call that
    # was refused started none.
    if name == "last":
        return _memory.user_last()
    raise AttributeError("module 'memory.user' has no attribute '%s'" % name)


def __dir__():
    return sorted([name for name in globals() if name[0] != "_"] + ["last"])


def _machine_code(code):
    data = None
    if not isinstance(code, (int, str)):  # from which bytes() makes something else
        try:
            data = bytes(code)
        except TypeError:
            pass
    if data is None:
        raise TypeError("code must be machine code, or its address and a space, not %r" % (code,))
    if not data:
        raise ValueError("code has 0 bytes: not one instruction")
    return data


def run(code, space=None, *, args=(), handler=None, sp=None, limit_ms=1000, registers=None):
    """Run a program to its end; return its registers.

    code: its address in `space`, or its machine code, which gets a space and a stack of its own.
    args: integers for x0 to x7. registers: what it starts with; by default all are zero.
    memory.Fault: the program faulted. OSError(ETIMEDOUT): it ran for limit_ms milliseconds.
    """
    if registers is None:
        registers = Registers()
    if space is not None:
        return _memory.user_run(space, registers, code, sp, args, handler, limit_ms)
    code = _machine_code(code)
    pages, alloc = (len(code) + 4095) // 4096, _memory.frames_alloc
    with alloc(pages) as text, alloc(_STACK_PAGES) as stack:
        memoryview(text)[: len(code)] = code
        space = _memory.AddressSpace()
        try:
            space.map(CODE, text, prot="rxu")
            space.map(STACK - 4096 * _STACK_PAGES, stack, prot="rwu")
            top = STACK if sp is None else sp
            return _memory.user_run(space, registers, CODE, top, args, handler, limit_ms)
        finally:
            space.close()
