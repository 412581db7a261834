"""Presets: which one fits, how far a tenant may grow in it, and warnings about a user's choice.

A preset limits autoscaling and states the SLA that it is designed for. It never reduces what the load requires: an
autoscaled service may grow up to the load of a tenant that fills the preset.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from shared.catalog import Catalog, Preset
from shared.messages import Sentence, sentence
from shared.tenants import SlaTarget, parse_duration


def recommended(channels: int, catalog: Catalog) -> str:
    """The smallest preset that fits this number of channels."""
    return next(
        name for name, each in catalog.presets.items() if each.max_channels is None or channels <= each.max_channels
    )


def growth_factor(preset: str, channels: int, catalog: Catalog) -> Fraction:
    """How many times its load a tenant may grow to within a preset, at least 1. Raises KeyError if it is unknown."""
    return max(Fraction(1), Fraction(preset_channels(preset, channels, catalog), channels))


def preset_channels(preset: str, channels: int, catalog: Catalog) -> int:
    """The channels of a preset. If unbounded: the catalogue's growth factor times the tenant or the largest preset."""
    bound = catalog.presets[preset].max_channels
    if bound is not None:
        return bound
    bounds = [each.max_channels for each in catalog.presets.values() if each.max_channels is not None]
    return int(max([channels, *bounds]) * catalog.growth.value)


def neighbours(preset: str, catalog: Catalog) -> tuple[str, ...]:
    """The next smaller and the next larger preset, if they exist."""
    names = list(catalog.presets)
    at = names.index(preset)
    return tuple(name for name in names[max(0, at - 1) : at + 2] if name != preset)


def warnings(preset: str, fitting: str, channels: int, sla_target: SlaTarget, catalog: Catalog) -> Iterator[Sentence]:
    """Warnings about a preset that is too small for the channels or the SLA target. The sizing meets both anyway."""
    bound = catalog.presets[preset].max_channels
    if bound is not None and channels > bound:
        yield sentence(
            "preset-too-small",
            "Preset {preset} is laid out for {bound} channels and this load has {channels}: it is sized for the load, "
            "without room to grow. {fitting} fits.",
            preset=preset,
            bound=bound,
            channels=channels,
            fitting=fitting,
        )
    if missed := _missed_targets(catalog.presets[preset], sla_target):
        yield _below_target(preset, missed, catalog.presets[preset], sla_target)


def _missed_targets(preset: Preset, target: SlaTarget) -> dict[str, str]:
    """The parts of the target that the preset isn't designed for, and each as a part of a sentence."""
    missed = {}
    if _percent(target.availability) > _percent(preset.availability):
        missed["availability"] = "{availability} availability, the target is {target_availability}"
    if target.response_time_seconds < parse_duration(preset.response_time):
        missed["response-time"] = "a response time of {response_time}, the target is {target_response_time}"
    return missed


def _below_target(name: str, missed: dict[str, str], preset: Preset, target: SlaTarget) -> Sentence:
    return sentence(
        "preset-below-target",
        f"Preset {{preset}} is laid out for {' and '.join(missed.values())}. It is sized for the target.",
        preset=name,
        missed="both" if len(missed) > 1 else next(iter(missed)),
        availability=preset.availability,
        target_availability=target.availability,
        response_time=preset.response_time,
        target_response_time=target.response_time,
    )


def _percent(availability: str) -> Decimal:
    return Decimal(availability.rstrip("%"))
