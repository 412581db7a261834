"""The numbers of PostgreSQL's advisory locks: two tasks with the same one would wait for each other."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[3]
_NUMBER = re.compile(r"LOCK = (0x6563_[0-9a-f]+)")


def test_each_lock_has_a_number_of_its_own() -> None:
    sources = [each.read_text("utf-8") for folder in ("services", "shared") for each in (ROOT / folder).rglob("*.py")]
    numbers = Counter(number for source in sources for number in _NUMBER.findall(source))
    assert len(numbers) >= 6
    assert [number for number, uses in numbers.items() if uses > 1] == []
