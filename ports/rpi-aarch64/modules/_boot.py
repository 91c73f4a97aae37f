# SPDX-License-Identifier: MIT
# Runs before boot.py, at power-on and after each soft reset. A failure in here is printed and
# leaves the boot map in place, and the REPL comes up. The globals are those of the REPL,
# so no name stays in them.


def _boot():
    import sys

    import _memory

    starts = _memory.kernel() is None  # after a soft reset the map is there
    try:
        import memory.boot

        memory.boot.run()
    except Exception as e:
        sys.print_exception(e)
        _memory.safe_mode("the kernel map could not be made: %r" % e)

    try:
        import machine

        card = machine.SDCard()
    except OSError:
        card = None  # none answers
    try:
        if card is not None:
            import _card

            _card.mount(card, starts)
    except Exception as e:
        print("boot: the card could not be mounted:")
        sys.print_exception(e)

    try:
        if _memory.ramdisk() is not None:
            import memory._ramdisk

            memory._ramdisk.remount()
    except Exception as e:
        print("boot: the ramdisk could not be mounted:")
        sys.print_exception(e)


_boot()
del _boot
