"""How work is divided among copies: pure arithmetic on their names."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.bootstrap import LEASE_SECONDS
from shared.bus.shares import SHARDS, divide, shard_of
from shared.sla import SLICE_SECONDS

COPIES = st.sets(st.text("0123456789abcdef", min_size=1, max_size=16), min_size=1, max_size=12)


@given(COPIES)
def test_each_shard_has_one_copy_and_no_copy_has_two_more_than_another(copies: set[str]) -> None:
    shares = divide(copies)
    assert shares.keys() == copies
    assert sorted(shard for share in shares.values() for shard in share) == list(range(SHARDS))
    assert max(map(len, shares.values())) - min(map(len, shares.values())) <= 1


@given(COPIES)
def test_every_copy_computes_the_same_division(copies: set[str]) -> None:
    assert divide(sorted(copies)) == divide(sorted(copies, reverse=True))


def test_without_copies_there_are_no_shares() -> None:
    assert divide([]) == {}


def test_a_tenant_s_shard_is_the_same_in_every_version() -> None:
    """During an upgrade copies of two versions divide the tenants."""
    assert [shard_of(name) for name in ("acme", "globex", "고객사-1")] == [3, 0, 4]


def test_tenants_are_spread_evenly() -> None:
    counts = Counter(shard_of(f"tenant-{number}") for number in range(6000))
    assert set(counts) == set(range(SHARDS))
    assert max(counts.values()) < 1.2 * min(counts.values())


def test_a_dead_copy_s_tenants_are_sampled_by_others_within_15_s() -> None:
    """At worst it died just after it had renewed its key at the begin of a slice; the others divide at each slice."""
    slices = -(-LEASE_SECONDS // SLICE_SECONDS)
    assert slices * SLICE_SECONDS <= 15
