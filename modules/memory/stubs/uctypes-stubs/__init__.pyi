# SPDX-License-Identifier: MIT
"""Memory as C structures."""

from collections import OrderedDict
from typing import Any, Final, TypeAlias, final

from typing_extensions import Buffer

# What a structure contains: {name: type | offset}, {name: (offset, structure)},
# {name: (ARRAY | offset, ...)}, {name: (PTR | offset, type)}.
_Layout: TypeAlias = dict[str, Any] | OrderedDict[str, Any]

@final
class struct:
    """A structure at an address. Its fields are attributes."""

    def __init__(self, address: int, descriptor: _Layout, layout_type: int = ..., /) -> None: ...
    def __getattr__(self, name: str, /) -> Any: ...
    def __setattr__(self, name: str, value: Any, /) -> None: ...

def sizeof(structure: struct | _Layout | tuple[Any, ...], layout_type: int = ..., /) -> int:
    """Bytes of a structure."""

def addressof(buffer: Buffer | struct, /) -> int:
    """The virtual address of the first byte of a buffer, such as memory.Frames."""

def bytes_at(address: int, size: int, /) -> bytes:
    """A copy of memory."""

def bytearray_at(address: int, size: int, /) -> bytearray:
    """Memory itself, as a buffer that can be written."""

NATIVE: Final[int]
LITTLE_ENDIAN: Final[int]
BIG_ENDIAN: Final[int]
VOID: Final[int]
UINT8: Final[int]
INT8: Final[int]
UINT16: Final[int]
INT16: Final[int]
UINT32: Final[int]
INT32: Final[int]
UINT64: Final[int]
INT64: Final[int]
BFUINT8: Final[int]
BFINT8: Final[int]
BFUINT16: Final[int]
BFINT16: Final[int]
BFUINT32: Final[int]
BFINT32: Final[int]
BF_POS: Final[int]
BF_LEN: Final[int]
FLOAT32: Final[int]
FLOAT64: Final[int]
SHORT: Final[int]
USHORT: Final[int]
INT: Final[int]
UINT: Final[int]
LONG: Final[int]
ULONG: Final[int]
LONGLONG: Final[int]
ULONGLONG: Final[int]
PTR: Final[int]
ARRAY: Final[int]
