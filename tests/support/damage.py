"""What a bad disk does to the files of JetStream: the end of a file is gone, or a bit of it is another one."""

import random
from pathlib import Path


def newest_block(store: Path, stream: str) -> Path | None:
    """The block file that a stream wrote last, whichever account it is in; of a key-value bucket it is `KV_<name>`."""
    blocks = list(store.glob(f"jetstream/*/streams/{stream}/msgs/*.blk"))
    return max(blocks, key=lambda path: (int(path.stem), path.stat().st_mtime), default=None)


def truncate(file: Path, keep: float) -> None:
    """Cut the file to a part of its length."""
    with file.open("r+b") as opened:
        opened.truncate(int(file.stat().st_size * keep))


def flip_bits(file: Path, count: int, chance: random.Random) -> None:
    """Turn over `count` bits at random places of the file's last third, which is what was written last."""
    size = file.stat().st_size
    if not size:
        return
    with file.open("r+b") as opened:
        for _ in range(count):
            place = chance.randrange(size * 2 // 3, size)
            opened.seek(place)
            byte = opened.read(1)[0]
            opened.seek(place)
            opened.write(bytes([byte ^ 1 << chance.randrange(8)]))
