# SPDX-License-Identifier: MIT
"""Pagers, ready to use: memory that is made when it is touched.

zeros(space, va, size)        memory of zeros
FileMap(space, va, path)      a file as memory
CopyOnWrite(frames)           one memory in several spaces, copied where it is written
Watch(space, va, frames)      memory whose accesses are counted
"""

from memory.pagers.copyonwrite import CopyOnWrite
from memory.pagers.filemap import FileMap
from memory.pagers.watch import Watch
from memory.pagers.zeros import zeros
