# SPDX-License-Identifier: MIT
# Runs before boot.py, at power-on and after each soft reset. A failure in here is printed and
# leaves the boot map in place, and the REPL comes up. The globals are those of the REPL,
# so no name stays in them.


def _mount_files(starts):
    import sys

    import _memory

    try:
        import machine

        card = machine.SDCard()
    except OSError:
        card = None  # none answers
    root = None
    try:
        if card is not None:
            import _card

            root = _card.mount(card, starts)
    except Exception as e:
        print("boot: the card could not be mounted:")
        sys.print_exception(e)

    try:
        if root is None and _memory.kernel() is not None:
            import vfs

            disk = _memory.root_disk()  # a new one has an empty FAT
            vfs.mount(vfs.VfsFat(disk) if starts else disk, "/")
            sys.path.insert(2, "/lib")  # before /sd/lib
            if starts:
                print("files    /: RAM disk, lost at reset")
    except Exception as e:
        print("boot: the RAM disk could not be mounted:")
        sys.print_exception(e)

    if root is not None or not starts:  # the RAM disk of a start is empty
        import _romfs

        _romfs.start(starts)


def _boot(mount_files):
    import sys

    import _memory

    starts = _memory.kernel() is None  # after a soft reset the map is there
    try:
        import memory.boot

        memory.boot.run()
    except Exception as e:
        sys.print_exception(e)
        _memory.safe_mode("the kernel map could not be made: %r" % e)
    mount_files(starts)

    # Frozen modules: each is made again when it is imported. Until then no collection looks at it.
    sys.modules.clear()


_boot(_mount_files)
del _boot, _mount_files
