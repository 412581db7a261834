"""The file damage of the nemesis."""

import random
from pathlib import Path

from tests.support.damage import flip_bits, newest_block, truncate


def test_the_newest_block_of_a_stream_is_found_whichever_account_it_is_in(tmp_path: Path) -> None:
    messages = tmp_path / "jetstream" / "ecp" / "streams" / "DEMO_ECP" / "msgs"
    messages.mkdir(parents=True)
    for name in ("9.blk", "10.blk", "index.db"):
        (messages / name).write_bytes(b"x")
    assert newest_block(tmp_path, "DEMO_ECP") == messages / "10.blk"
    assert newest_block(tmp_path, "ECP") is None


def test_a_file_is_cut_to_a_part_of_its_length(tmp_path: Path) -> None:
    file = tmp_path / "1.blk"
    file.write_bytes(bytes(range(90)))
    truncate(file, 2 / 3)
    assert file.read_bytes() == bytes(range(60))


def test_flipped_bits_are_in_the_newest_third_and_the_length_stays(tmp_path: Path) -> None:
    file = tmp_path / "1.blk"
    file.write_bytes(bytes(900))
    flip_bits(file, 3, random.Random(1))
    changed = file.read_bytes()
    assert len(changed) == 900
    assert not any(changed[:600])
    assert sum(byte.bit_count() for byte in changed) == 3


def test_an_empty_file_has_nothing_to_flip(tmp_path: Path) -> None:
    file = tmp_path / "1.blk"
    file.touch()
    flip_bits(file, 3, random.Random(1))
    assert file.read_bytes() == b""
