"""Damage to JetStream's files as a faulty disk causes it: a truncated file, or flipped bits."""

import random
from pathlib import Path


def newest_block(store: Path, stream: str) -> Path | None:
    """The latest block file of a stream, in any account; a key-value bucket is the stream `KV_<name>`."""
    blocks = list(store.glob(f"jetstream/*/streams/{stream}/msgs/*.blk"))
    return max(blocks, key=lambda path: (int(path.stem), path.stat().st_mtime), default=None)


def truncate(file: Path, keep: float) -> None:
    """Truncate the file to a fraction of its length."""
    with file.open("r+b") as opened:
        opened.truncate(int(file.stat().st_size * keep))


def flip_bits(file: Path, count: int, chance: random.Random) -> None:
    """Flip `count` bits at random positions in the last third of the file, which was written last."""
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
