# Copyright (c) 2026 The routed.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FUSE's kernel protocol (linux/fuse.h, 7.31) for /etc/pve, without a library: one request, one answer.

As pmxcfs does it through libfuse: every open file has direct_io (no page cache), names and attributes are cached by the
kernel for a second, and the kernel is never notified of what other nodes changed. A node id stands for a path: a change
of the name made here moves it along, one made on another node does not.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Callable

from .cluster_fs import GENERATED, ClusterFs, is_private

IN_HEADER = struct.Struct("<IIQQIIII")
OUT_HEADER = struct.Struct("<IiQ")
ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
ENTRY = struct.Struct("<QQQQII")
ATTRIBUTES_OUT = struct.Struct("<QII")
OPEN_OUT = struct.Struct("<QII")
READ_IN = struct.Struct("<QQIIQII")
SETATTR_IN = struct.Struct("<IIQQQQQQIIIIIIII")
INIT_OUT = struct.Struct("<IIIIHHIIHHI28x")
DIRENT = struct.Struct("<QQII")
STATFS = struct.Struct("<QQQQQIIII24x")

MAX_WRITE = 131072
FOPEN_DIRECT_IO = 1
FATTR_MODE, FATTR_UID, FATTR_GID, FATTR_SIZE, FATTR_MTIME, FATTR_MTIME_NOW = 1, 2, 4, 8, 32, 256
WWW_DATA = 33
UNSET = 0xFFFFFFFF

FORGET, BATCH_FORGET, INTERRUPT, DESTROY = 2, 42, 36, 38
MS_NOSUID, MS_NODEV = 2, 4
MNT_DETACH = 2
ROOT = 1

libc = ctypes.CDLL(None, use_errno=True)


class RefusedError(Exception):
    """A request that is answered with an errno."""

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.number = number


def mount(point: str) -> int:
    """Mount on a directory; the descriptor that requests are read from."""
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
    if libc.mount(b"/dev/fuse", point.encode(), b"fuse", MS_NOSUID | MS_NODEV, options.encode()) != 0:
        number = ctypes.get_errno()
        os.close(device)
        raise OSError(number, os.strerror(number), point)
    return device


def unmount(point: str) -> bool:
    """Take a mount away, also a dead one; whether there was one."""
    return bool(libc.umount2(point.encode(), MNT_DETACH) == 0)


class Session:
    """Answers requests from a descriptor."""

    def __init__(self, files: ClusterFs, device: int, cache_s: float = 1.0) -> None:
        self.files = files
        self.device = device
        self.buffer = bytearray(MAX_WRITE + 4096)
        self.cache = (int(cache_s), int(cache_s % 1 * 1e9))
        self.paths: dict[int, str] = {ROOT: ""}
        self.ids: dict[str, int] = {"": ROOT}
        self.lookups: dict[int, int] = {}
        self.next_id = 2
        self.handlers: dict[int, Callable[[str, memoryview], bytes | bytearray]] = {
            1: self.lookup,
            3: self.getattr,
            4: self.setattr,
            5: self.readlink,
            9: self.mkdir,
            10: lambda path, body: self.remove("unlink", path, body),
            11: lambda path, body: self.remove("rmdir", path, body),
            12: lambda path, body: self.rename(path, body, 8),
            45: lambda path, body: self.rename(path, body, 16),
            14: self.open,
            15: self.read,
            16: self.write,
            17: self.statfs,
            18: self.nothing,
            20: self.nothing,
            25: self.nothing,
            26: self.init,
            27: self.opendir,
            28: self.readdir,
            29: self.nothing,
            30: self.nothing,
            35: self.create,
        }

    def serve(self) -> bool:
        """Answer one request; False when there is none. OSError ENODEV: unmounted."""
        try:
            length = os.readv(self.device, [self.buffer])
        except OSError as exc:
            if exc.errno in (errno.EAGAIN, errno.EINTR, errno.ENOENT):  # ENOENT: the request was interrupted
                return exc.errno != errno.EAGAIN
            raise
        dummy, opcode, unique, nodeid, *_rest = IN_HEADER.unpack_from(self.buffer)
        body = memoryview(self.buffer)[IN_HEADER.size : length]
        if opcode in (FORGET, BATCH_FORGET):
            self.forget(opcode, nodeid, body)
            return True
        if opcode == INTERRUPT:
            return True
        handler = self.handlers.get(opcode)
        answer: bytes | bytearray = b""
        if handler is None:
            number = 0 if opcode == DESTROY else errno.ENOSYS
        else:
            try:
                path = self.paths.get(nodeid or ROOT)
                if path is None:
                    raise RefusedError(errno.ESTALE)
                answer, number = handler(path, body), 0
            except RefusedError as exc:
                number = exc.number
        try:
            os.writev(self.device, [OUT_HEADER.pack(OUT_HEADER.size + len(answer), -number, unique), answer])
        except OSError as exc:
            if exc.errno != errno.ENOENT:  # whoever asked was killed meanwhile
                raise
        return True

    # Node ids

    def forget(self, opcode: int, nodeid: int, body: memoryview) -> None:
        if opcode == FORGET:
            pairs = [(nodeid, int.from_bytes(body[:8], "little"))]
        else:
            count = int.from_bytes(body[:4], "little")
            pairs = [struct.unpack_from("<QQ", body, 8 + 16 * number) for number in range(count)]
        for one, number in pairs:
            left = self.lookups.get(one, 0) - number
            if left > 0:
                self.lookups[one] = left
                continue
            self.lookups.pop(one, None)
            path = self.paths.pop(one, None) if one != ROOT else None
            if path is not None and self.ids.get(path) == one:
                del self.ids[path]

    def _id(self, path: str) -> int:
        found = self.ids.get(path)
        if found is None:
            found = self.next_id
            self.next_id += 1
            self.ids[path] = found
            self.paths[found] = path
        return found

    def _moved(self, old: str, new: str) -> None:
        """A rename made here: what the kernel knows under the old name is the new one's."""
        gone = self.ids.pop(new, None)
        if gone is not None:
            self.paths.pop(gone, None)
        found = self.ids.pop(old, None)
        if found is not None:
            self.ids[new] = found
            self.paths[found] = new

    @staticmethod
    def _below(path: str, body: memoryview, offset: int = 0) -> str:
        name = bytes(body[offset:]).split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
        return f"{path}/{name}" if path else name

    # What things look like

    def _attributes(self, path: str) -> bytes:
        files = self.files
        entry = files.entry(path)
        links, mtime = 1, files.start_time
        if path in files.links:
            mode, size, inode = stat.S_IFLNK | 0o755, len(files.links[path]), 3
        elif path in GENERATED:
            mode, size, inode = stat.S_IFREG | 0o440, len(files.generated(path)), 2
        elif entry is None:
            raise RefusedError(errno.ENOENT)
        else:
            mtime, inode = entry.mtime, entry.inode + 16
            if entry.data is None:
                mode, size, links = stat.S_IFDIR | 0o755, 0, 2
            else:
                mode, size = stat.S_IFREG | 0o640, len(entry.data)
            if is_private(path):
                mode &= 0o777700
        blocks = (size + 511) // 512
        return ATTRIBUTES.pack(
            *(inode, size, blocks, mtime, mtime, mtime, 0, 0, 0, mode, links, 0, WWW_DATA, 0, 4096, 0)
        )

    def _entry(self, path: str) -> bytes:
        attributes = self._attributes(path)
        number = self._id(path)
        self.lookups[number] = self.lookups.get(number, 0) + 1
        seconds, nanoseconds = self.cache
        return ENTRY.pack(number, 0, seconds, seconds, nanoseconds, nanoseconds) + attributes

    def _change(self, op: str, path: str, **more: object) -> None:
        if path in self.files.links or path in GENERATED:
            raise RefusedError(errno.EACCES)
        number = self.files.change({"op": op, "path": path, **more})
        if number:
            raise RefusedError(number)

    # Requests

    def init(self, _path: str, body: memoryview) -> bytes:
        dummy, dummy, readahead, flags = struct.unpack_from("<IIII", body)
        return INIT_OUT.pack(7, 31, readahead, flags & (1 << 5), 12, 9, MAX_WRITE, 1, 32, 0, 0)

    def nothing(self, _path: str, _body: memoryview) -> bytes:
        return b""

    def lookup(self, path: str, body: memoryview) -> bytes:
        return self._entry(self._below(path, body))

    def getattr(self, path: str, _body: memoryview) -> bytes:
        return ATTRIBUTES_OUT.pack(*self.cache, 0) + self._attributes(path)

    def setattr(self, path: str, body: memoryview) -> bytes:
        fields = SETATTR_IN.unpack_from(body)
        valid, size, mtime, mode, uid, gid = fields[0], fields[3], fields[6], fields[11], fields[13], fields[14]
        if valid & FATTR_MODE and mode & 0o7777 != (0o600 if is_private(path) else 0o640):
            raise RefusedError(errno.EPERM)
        if (valid & FATTR_UID and uid not in (0, UNSET)) or (valid & FATTR_GID and gid not in (WWW_DATA, UNSET)):
            raise RefusedError(errno.EPERM)
        if valid & FATTR_SIZE:
            self._change("truncate", path, size=size)
        elif valid & FATTR_MTIME and not valid & FATTR_MTIME_NOW:
            self._change("mtime", path, mtime=mtime)
        return self.getattr(path, body)

    def readlink(self, path: str, _body: memoryview) -> bytes:
        return self.files.links[path].encode()

    def mkdir(self, path: str, body: memoryview) -> bytes:
        target = self._below(path, body, 8)
        self._change("mkdir", target)
        return self._entry(target)

    def create(self, path: str, body: memoryview) -> bytes:
        target = self._below(path, body, 16)
        self._change("create", target)
        return self._entry(target) + OPEN_OUT.pack(0, FOPEN_DIRECT_IO, 0)

    def remove(self, op: str, path: str, body: memoryview) -> bytes:
        self._change(op, self._below(path, body))
        return b""

    def rename(self, path: str, body: memoryview, offset: int) -> bytes:
        above = self.paths.get(int.from_bytes(body[:8], "little"))
        if above is None:
            raise RefusedError(errno.ESTALE)
        if offset == 16 and int.from_bytes(body[8:12], "little"):
            raise RefusedError(errno.EINVAL)
        old, new = bytes(body[offset:]).split(b"\0")[:2]
        source = self._below(path, memoryview(old))
        target = self._below(above, memoryview(new))
        if target in self.files.links or target in GENERATED:
            raise RefusedError(errno.EACCES)
        self._change("rename", source, to=target)
        self._moved(source, target)
        return b""

    def open(self, path: str, _body: memoryview) -> bytes:
        found = self.files.read(path)
        if isinstance(found, int):
            raise RefusedError(found)
        return OPEN_OUT.pack(0, FOPEN_DIRECT_IO, 0)

    def read(self, path: str, body: memoryview) -> bytes | bytearray:
        dummy, offset, size, *_rest = READ_IN.unpack_from(body)
        found = self.files.read(path)
        if isinstance(found, int):
            raise RefusedError(found)
        return found[offset : offset + size]

    def write(self, path: str, body: memoryview) -> bytes:
        dummy, offset, size, *_rest = READ_IN.unpack_from(body)
        self._change("write", path, offset=offset, data=bytes(body[READ_IN.size : READ_IN.size + size]))
        return struct.pack("<II", size, 0)

    def statfs(self, _path: str, _body: memoryview) -> bytes:
        entries = self.files.tree.entries
        return STATFS.pack(32768, 32000, 32000, 262144, 262144 - len(entries), 4096, 256, 4096, 0)

    def opendir(self, _path: str, _body: memoryview) -> bytes:
        return OPEN_OUT.pack(0, 0, 0)

    def readdir(self, path: str, body: memoryview) -> bytearray:
        dummy, offset, size, *_rest = READ_IN.unpack_from(body)
        entry = self.files.entry(path)
        if entry is None:
            raise RefusedError(errno.ENOENT)
        names = [".", "..", *entry.children]
        if not path:
            names += [*GENERATED, *self.files.links]
        answer = bytearray()
        for number, name in enumerate(names[offset:], offset + 1):
            below = self.files.entry(f"{path}/{name}" if path else name)
            kind = stat.S_IFDIR if name in (".", "..") or (below is not None and below.is_dir) else stat.S_IFREG
            if not path and name in self.files.links:
                kind = stat.S_IFLNK
            text = name.encode("utf-8", "surrogateescape")
            length = DIRENT.size + len(text)
            padded = length + (-length) % 8
            if len(answer) + padded > size:
                break
            inode = (below.inode if below is not None else 1) + 16
            answer += DIRENT.pack(inode, number, len(text), kind >> 12) + text + bytes(padded - length)
        return answer
