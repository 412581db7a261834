"""Presets: which one fits, how far a tenant may grow in it, and warnings about a user's choice.

A preset limits autoscaling and states the SLA that it is designed for. It never reduces what the load requires: an
autoscaled service may grow up to the load of a tenant that fills the preset.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from shared.catalog import Catalog, Preset
from shared.tenants import SlaTarget, parse_duration
from shared.texts import Text


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


def warnings(preset: str, fitting: str, channels: int, sla_target: SlaTarget, catalog: Catalog) -> Iterator[Text]:
    """Warnings about a preset that is too small for the channels or the SLA target. The sizing meets both anyway."""
    bound = catalog.presets[preset].max_channels
    if bound is not None and channels > bound:
        yield Text(
            f"Preset {preset} is laid out for {bound} channels and this load has {channels}: it is sized for the load, "
            f"without room to grow. {fitting} fits.",
            f"프리셋 {preset}은(는) {bound}채널용인데 이 부하는 {channels}채널입니다. 부하에 맞춰 산정했으며 "
            f"늘어날 여유는 없습니다. 알맞은 프리셋은 {fitting}입니다.",
        )
    if missed := _missed_targets(catalog.presets[preset], sla_target):
        yield Text(
            f"Preset {preset} is laid out for {' and '.join(each.en for each in missed)}. It is sized for the target.",
            f"프리셋 {preset}의 기준은 {', '.join(each.ko for each in missed)}입니다. 목표에 맞춰 산정했습니다.",
        )


def _missed_targets(preset: Preset, target: SlaTarget) -> list[Text]:
    missed = []
    if _percent(target.availability) > _percent(preset.availability):
        missed.append(
            Text(
                f"{preset.availability} availability, the target is {target.availability}",
                f"가용성 {preset.availability}(목표 {target.availability})",
            )
        )
    if target.response_time_seconds < parse_duration(preset.response_time):
        missed.append(
            Text(
                f"a response time of {preset.response_time}, the target is {target.response_time}",
                f"응답 시간 {preset.response_time}(목표 {target.response_time})",
            )
        )
    return missed


def _percent(availability: str) -> Decimal:
    return Decimal(availability.rstrip("%"))
