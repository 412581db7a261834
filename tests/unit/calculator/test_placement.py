"""Placement: the optimum, held against every possible assignment."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from services.calculator.sizing.capacity import Assignment, Holder
from services.calculator.sizing.placement import cheapest, rents, usd
from shared.catalog import load_catalog
from tests.support.examples import examples

CATALOG = load_catalog()
HOLDERS = [Holder("t4"), Holder("l40s"), Holder("a100"), Holder("a100", 7), Holder("h100", 2), Holder("t4", 3)]
SERVICES = ["tts", "nlp", "aicm", "llm"]
DISK = dict.fromkeys(SERVICES, Fraction(4))
COUNTS = st.dictionaries(st.sampled_from(HOLDERS), st.integers(1, 60), min_size=1)
REPLICAS = st.dictionaries(st.sampled_from(SERVICES), COUNTS, min_size=1)


def every(replicas: dict[str, dict[Holder, int]]) -> Iterator[Assignment]:
    for choice in product(*replicas.values()):
        yield dict(zip(replicas, choice, strict=True))


@examples(60)
@given(REPLICAS)
def test_no_assignment_is_cheaper(replicas: dict[str, dict[Holder, int]]) -> None:
    chosen = usd(cheapest(replicas, DISK, CATALOG), replicas, DISK, CATALOG)
    assert chosen == min(usd(each, replicas, DISK, CATALOG) for each in every(replicas))


@examples(60)
@given(REPLICAS)
def test_a_mix_is_never_dearer_than_the_best_single_type(replicas: dict[str, dict[Holder, int]]) -> None:
    chosen = usd(cheapest(replicas, DISK, CATALOG), replicas, DISK, CATALOG)
    for holder in set.intersection(*(set(on) for on in replicas.values())):
        assert chosen <= usd(dict.fromkeys(replicas, holder), replicas, DISK, CATALOG)


def test_whole_nodes_are_rented() -> None:
    """Nine A100 are two instances of eight; 4 + 5 replicas share them."""
    assignment = {"tts": Holder("a100"), "nlp": Holder("a100")}
    [(name, rent)] = rents(assignment, {"tts": 4, "nlp": 5}, CATALOG).items()
    assert (name, rent.gpus, rent.nodes, rent.usd) == ("a100", 9, 2, 16 * 2004)


def test_a_half_empty_node_is_filled_before_another_type_is_rented() -> None:
    """By itself nlp is cheaper on a T4. Beside seven of an A100 node's eight, it costs nothing."""
    a100, t4 = Holder("a100"), Holder("t4")
    replicas = {"tts": {a100: 7}, "nlp": {a100: 1, t4: 1}}
    assert cheapest(replicas, dict.fromkeys(SERVICES, Fraction(0)), CATALOG) == {"tts": a100, "nlp": a100}


def test_two_replicas_of_a_service_never_share_a_gpu() -> None:
    third = Holder("t4", 3)
    [rent] = rents({"nlp": third, "aicm": third}, {"nlp": 2, "aicm": 2}, CATALOG).values()
    assert rent.gpus == 2
    [rent] = rents({"nlp": third}, {"nlp": 4}, CATALOG).values()
    assert rent.gpus == 4
