"""
A disk whose power may go: from what a program did to its files, what may be left of them.

What is assumed of disk and file system, and no more:

* A sector of 512 bytes is written whole or not at all. Which of the sectors that were not synced
  reach the disk, and how far the size of the file has come, is chance. A sector that was written
  several times holds one of its versions; one that was never written reads as zeros.
* fsync of a file makes its bytes and size last, not its name. fsync of a folder makes the names last.
* A rename is one change. Names that were not synced come, go and change in any order (`ORDERLESS`).
* The disk does not lie: what fsync has returned from is there.

`ORDERED` adds what the usual journaling file systems (ext4's data=ordered, XFS, Btrfs, APFS) promise:
changes of names last in the order in which they were made, and a file's size never covers
bytes that were not written before.
"""

from __future__ import annotations

from collections.abc import Iterator

SECTOR = 512
ORDERLESS, ORDERED = "orderless", "ordered"


class File:
    """One inode: what lasts of it, and what was written since."""

    def __init__(self, data=b""):
        self.lasting = bytearray(data)
        self.now = bytearray(data)
        self.sizes = []
        self.versions = {}  # sector: [(the number of the size that it made, or none; its bytes)]

    def write(self, at, data):
        while data:
            room = SECTOR - at % SECTOR
            self._write_sector(at, data[:room])
            at, data = at + room, data[room:]

    def truncate(self, size):
        if size == len(self.now):
            return
        touched = range(min(size, len(self.now)) // SECTOR, -(-max(size, len(self.now)) // SECTOR))
        self.now[size:] = bytes(max(0, size - len(self.now)))
        self.sizes.append(size)
        for sector in touched:
            self._touch(sector)

    def sync(self):
        self.lasting, self.sizes, self.versions = bytearray(self.now), [], {}

    def image(self, chance, kept, order):
        if not self.sizes and not self.versions:
            return bytes(self.lasting)
        came = sum(chance.random() < kept for _ in self.sizes) if kept < 1 else len(self.sizes)
        size = self.sizes[came - 1] if came else len(self.lasting)
        image = bytearray(self.lasting)
        for sector, versions in self.versions.items():
            first = _covered(versions, came) if order == ORDERED else 0
            if picked := first + sum(chance.random() < kept for _ in versions[first:]):
                start = sector * SECTOR
                if len(image) < start:
                    image.extend(bytes(start - len(image)))
                image[start : start + SECTOR] = versions[picked - 1][1]
        del image[size:]
        return bytes(image) + bytes(size - len(image))

    def _write_sector(self, at, data):
        if len(self.now) < at:
            self.truncate(at)
        before = len(self.now)
        self.now[at : at + len(data)] = data
        if len(self.now) > before:
            self.sizes.append(len(self.now))
            self._touch(at // SECTOR, len(self.sizes))
        else:
            self._touch(at // SECTOR)

    def _touch(self, sector, number=None):
        whole = bytes(self.now[sector * SECTOR : (sector + 1) * SECTOR])
        self.versions.setdefault(sector, []).append((number, whole.ljust(SECTOR, b"\0")))


def _covered(versions, came):
    """How many of a sector's versions are there if the size has come so far."""
    return max((n for n, (made, _) in enumerate(versions, 1) if made and made <= came), default=0)


class Disk:
    """One folder; `do` takes a change as the shims log it, `images` gives what a power cut may leave."""

    def __init__(self, files=None):
        self.inodes = {}
        self.names = {}
        self.lasting = {}
        self.pending = []  # [{name: inode or None}], a rename has two
        for name, data in (files or {}).items():
            inode = self.inodes.setdefault(len(self.inodes), File(data))
            self.names[name] = self.lasting[name] = inode

    def do(self, change, *args):
        getattr(self, change)(*args)

    def create(self, name, inode):
        self.inodes[inode] = File()
        self._name({name: self.inodes[inode]})

    def write(self, inode, at, data):
        self.inodes[inode].write(at, data)

    def truncate(self, inode, size):
        self.inodes[inode].truncate(size)

    def sync(self, inode):
        self.inodes[inode].sync()

    def unlink(self, name):
        self._name({name: None})

    def rename(self, old, new):
        self._name({old: None, new: self.names[old]})

    def sync_names(self):
        self.lasting, self.pending = dict(self.names), []

    def images(self, chance, count, order) -> Iterator[dict[str, bytes]]:
        """`count` different ones if there are so many: with everything, with nothing, then by chance."""
        seen = set()
        for turn in range(3 * count):
            kept = (1.0, 0.0, 0.5, 0.9, 0.1)[turn % 5]
            image = self._image(chance, kept, order)
            known = hash(tuple(sorted(image.items())))
            if known not in seen:
                seen.add(known)
                yield image
            if len(seen) == count:
                return

    def _image(self, chance, kept, order):
        names = dict(self.lasting)
        pending = self.pending
        if order == ORDERED:
            pending = pending[: sum(chance.random() < kept for _ in pending)]
        for change in pending:
            if order == ORDERED or chance.random() < kept:
                names.update(change)
        return {name: file.image(chance, kept, order) for name, file in names.items() if file}

    def _name(self, change):
        self.names.update(change)
        self.pending.append(change)
