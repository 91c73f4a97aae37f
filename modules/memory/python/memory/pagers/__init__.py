# SPDX-License-Identifier: MIT
"""Ready-made pagers: ranges whose pages are made when they are first accessed.

zeros(space, va, size)        zero-filled memory
FileMap(space, va, path)      a file as memory
CopyOnWrite(frames)           frames shared by several spaces; a page is copied when it is written
Watch(space, va, frames)      a watchpoint: frames whose accesses are counted
"""

from memory.pagers.copyonwrite import CopyOnWrite
from memory.pagers.filemap import FileMap
from memory.pagers.watch import Watch
from memory.pagers.zeros import zeros
