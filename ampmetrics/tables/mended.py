"""Event files that DuckDB does not read as they are: unpacked, as UTF-8, and line for line.

What can be read before a packed file breaks off is kept, and the file is told to do so.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import IO, BinaryIO, Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = [
    "LONGEST_LINE",
    "SHORT_LINE",
    "Told",
    "is_packed",
    "is_read_as_it_is",
    "mend",
    "unpacked",
]

LONGEST_LINE = 56 * 1024 * 1024
SHORT_LINE = 16 * 1024 * 1024
"""Lines up to this are read fastest, and in the least memory."""
_SHOWN = 200
_BLOCK = 1 << 18
_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPED = b"\x2a\x4d\x18"
"""Ends the mark of a part of a Zstandard file that holds nothing; some files begin with one."""
_UNSEEN = 1
"""DuckDB sees nothing in a file of so many bytes."""
_MARKS = {".gz": _GZIP, ".zst": _ZSTD}
_BREAKS = (EOFError, zlib.error, gzip.BadGzipFile, zstd.ZstdError)


class Told(Protocol):
    """Takes what there is to say of a file."""

    reason: str | None
    """Why not all of it can be read."""
    long_lines: dict[int, int]
    """Lines that are too long, and how many bytes they have."""


def is_read_as_it_is(name: str, fd: int) -> bool:
    """True where DuckDB reads a file right; only lines of a plain one may still be too long.

    DuckDB tells by the name how a file is packed, and a query fails where it is packed otherwise or
    damaged: so a packed one is unpacked here once, which is fast where nothing is done with it.
    """
    head = os.read(fd, 4)
    packed = _packed(name, head)
    if packed != _named(name):
        return False
    if not packed:
        return len(head) != _UNSEEN and not _is_encoded(head)
    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, "rb", closefd=False) as raw:
        try:
            return _are_fine(_of_gzip(raw) if packed == ".gz" else _blocks(zstd.open(raw)))
        except _BREAKS:
            return False


def unpacked(name: str, path: str) -> io.BufferedIOBase:
    """The content of the file at a path, however it is packed; `name` is what it is called."""
    packed = _packed_at(name, path)
    if packed == ".gz":
        return gzip.open(path)
    return zstd.open(path) if packed else open(path, "rb")  # noqa: PTH123


def mend(name: str, path: str, mended: IO[bytes], told: Told) -> None:
    """Write the lines that DuckDB can read, a short one in place of one that is too long."""
    start = mended.tell()
    with unpacked(name, path) as source:
        _write(source, mended, told)
    if mended.tell() - start == _UNSEEN:
        mended.write(b"\n")
    if told.reason and mended.tell() == start and _packed_at(name, path) != _named(name):
        # No packed file but lines, of which the first is garbage that begins like one.
        told.reason = None
        with open(path, "rb") as source:  # noqa: PTH123
            _write(source, mended, told)


def _write(source: io.BufferedIOBase, mended: IO[bytes], told: Told) -> None:
    try:
        for lines in _shortened(_as_utf_8(_blocks(source)), told):
            mended.write(lines)
    except (*_BREAKS, UnicodeDecodeError) as error:
        told.reason = f"it breaks off, and what is behind is not read: {error}"


def is_packed(name: str) -> bool:
    """True where a file is called as packed ones are."""
    return bool(_named(name))


def _named(name: str) -> str:
    """The ending that tells DuckDB how a file is packed."""
    stem = name.partition("?")[0].lower()
    return next((ending for ending in _MARKS if stem.endswith(ending)), "")


def _packed(name: str, head: bytes) -> str:
    """The ending that a file ought to have; one that was cut off may hold a part of its mark."""
    if head.startswith(_GZIP):
        return ".gz"
    if head == _ZSTD or (head[1:] == _SKIPPED and head[0] >> 4 == 5):
        return ".zst"
    named = _named(name)
    return named if named and head and _MARKS[named].startswith(head) else ""


def _packed_at(name: str, path: str) -> str:
    with open(path, "rb") as raw:  # noqa: PTH123 - a file is a text here
        return _packed(name, raw.read(4))


def _blocks(file: io.BufferedIOBase) -> Iterator[bytes]:
    # `read` would lose what is before a break.
    while block := file.read1(_BLOCK):
        yield block


def _of_gzip(raw: BinaryIO) -> Iterator[bytes]:
    """Blocks; zeros at the end are an error, as they are for DuckDB and not for the library."""
    unpacker = zlib.decompressobj(wbits=31)
    while piece := raw.read(_BLOCK >> 4):
        yield unpacker.decompress(piece)
        while rest := unpacker.unused_data:
            unpacker = zlib.decompressobj(wbits=31)
            yield unpacker.decompress(rest)
    if not unpacker.eof:
        raise EOFError


def _are_fine(blocks: Iterator[bytes]) -> bool:
    """True for UTF-8 without a mark in which no line is too long."""
    head, line = b"", 0
    for block in blocks:
        head = (head + block[:4])[:4]
        end = block.find(b"\n")
        line += len(block) if end < 0 else end
        if line > LONGEST_LINE or _is_encoded(head):
            return False
        if end >= 0:
            line = len(block) - block.rfind(b"\n") - 1
    return len(head) != _UNSEEN


def _is_encoded(head: bytes) -> bool:
    return head.startswith(codecs.BOM_UTF8) or _is_utf_16(head)


def _is_utf_16(head: bytes) -> bool:
    """A byte order mark and one ASCII character behind it; a mark alone may be garbage."""
    return (head[:2] == codecs.BOM_UTF16_LE and head[3:] == b"\0") or (
        head[:2] == codecs.BOM_UTF16_BE and head[2:3] == b"\0"
    )


def _as_utf_8(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same without a byte order mark."""
    head = next(blocks, b"")
    if _is_utf_16(head[:4]):
        decoder = codecs.getincrementaldecoder("utf-16")("surrogatepass")
        for block in chain([head], blocks):
            yield decoder.decode(block).encode(errors="surrogatepass")
        decoder.decode(b"", final=True)
    else:
        yield head.removeprefix(codecs.BOM_UTF8)
        yield from blocks


def _shortened(blocks: Iterator[bytes], told: Told) -> Iterator[bytes]:
    """Whole lines, many at once; of one that is too long a short beginning that is no JSON."""
    number, size = 1, 0
    begun: list[bytes] = []
    for block in blocks:
        end = block.find(b"\n") + 1
        size += end or len(block)
        if not end:
            begun += [block] if size <= LONGEST_LINE else []
            continue
        if size > LONGEST_LINE:
            yield _beginning(begun, number, size, told)
            begun, block, number = [], block[end:], number + 1
        last = block.rfind(b"\n") + 1
        yield b"".join([*begun, block[:last]])
        number += block.count(b"\n")
        begun, size = [block[last:]], len(block) - last
    yield _beginning(begun, number, size, told) if size > LONGEST_LINE else b"".join(begun)


def _beginning(begun: list[bytes], number: int, size: int, told: Told) -> bytes:
    told.long_lines[number] = size
    return b"!" + b"".join(part[:_SHOWN] for part in begun)[:_SHOWN] + b"\n"
