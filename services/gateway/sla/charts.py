"""The charts of an SLA report as SVG. Sizes are in units of the view box. Pure."""

from collections.abc import Iterator
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from services.gateway.sla.report_texts import ReportTexts
from shared.rpc import SlaPart, SlaReport

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 900, 180, 70, 24
_UP, _DOWN, _PLANNED, _LINE, _INK = "#2e7d32", "#c62828", "#90a4ae", "#d8dee6", "#5f6b7a"
_HATCH = (
    '<defs><pattern id="unknown" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#f4f6f8"/>'
    f'<line x1="0" y1="0" x2="0" y2="6" stroke="{_PLANNED}" stroke-width="2"/>'
    "</pattern></defs>"
)
_LEGEND = {
    "part-up": _UP,
    "part-below-target": _DOWN,
    "part-unobserved": f"repeating-linear-gradient(45deg,#f4f6f8 0 2px,{_PLANNED} 2px 4px)",
    "part-maintenance": _PLANNED,
}
STYLE = "".join(f".{name} {{ background: {colour}; }}\n" for name, colour in _LEGEND.items())
"""Of the legend: the page's policy allows its style sheet, and no style of an element."""


def availability(report: SlaReport, zone: ZoneInfo, texts: ReportTexts) -> str:
    """A bar for each part, from below the worst one (or the target) to 100 %. Unknown time is hatched."""
    known = [part.availability for part in report.parts if part.availability is not None]
    lowest = min([*known, report.target])
    floor = max(0.0, 100 - 1.25 * (100 - lowest))
    width = (_WIDTH - _LEFT) / max(1, len(report.parts))
    bars = "".join(
        _bar(part, report.target, _title(part, zone, texts), floor=floor, left=_LEFT + index * width, width=width)
        for index, part in enumerate(report.parts)
    )
    marks = "".join(_mark(value, floor) for value in (100.0, report.target, floor))
    goal = _y(report.target, floor)
    line = f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{goal:.1f}" y2="{goal:.1f}" stroke="{_INK}" stroke-dasharray="4 3"/>'
    labels = "".join(_labels(report, width, zone))
    return _svg(f"{_HATCH}{bars}{marks}{line}{labels}", texts("availability-by-part")) + _legend(texts)


def budget(report: SlaReport, zone: ZoneInfo, texts: ReportTexts) -> str:
    """The remaining error budget over the whole period."""
    allowed = report.error_budget.allowed_seconds
    length = (report.end - report.start).total_seconds()

    def x(time: datetime) -> float:
        return _LEFT + (_WIDTH - _LEFT) * min(1.0, max(0.0, (time - report.start).total_seconds() / length))

    # Failures that the report doesn't list are counted as spent from the beginning.
    spent = report.error_budget.spent_seconds - sum(each.seconds for each in report.failures)
    points = [(x(report.start), spent)]
    for each in report.failures:
        points.append((x(each.start), spent))
        spent += each.seconds
        points.append((x(each.end or report.reported_at), spent))
    points.append((x(min(report.reported_at, report.end)), spent))
    worst = min(0.0, 1 - spent / allowed) if allowed else 0.0

    def y(seconds: float) -> float:
        left = 1 - seconds / allowed if allowed else 0.0
        return 8 + (_HEIGHT - _BOTTOM - 8) * (1 - (left - worst) / (1 - worst))

    path = " ".join(f"{place:.1f},{y(seconds):.1f}" for place, seconds in points)
    zero = y(allowed)
    axis = f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{zero:.1f}" y2="{zero:.1f}" stroke="{_DOWN}" stroke-dasharray="4 3"/>'
    marks = _text(_LEFT - 6, y(0) + 4, "100 %", "end") + _text(_LEFT - 6, zero + 4, "0 %", "end")
    drawn = f'<polyline points="{path}" fill="none" stroke="{_UP if spent <= allowed else _DOWN}" stroke-width="2"/>'
    labels = "".join(_labels(report, (_WIDTH - _LEFT) / max(1, len(report.parts)), zone))
    return (
        _svg(f"{axis}{marks}{drawn}{labels}", texts("budget-left"))
        + f"<p class=note>{escape(_budget_sentence(report, zone, texts))}</p>"
    )


def _budget_sentence(report: SlaReport, zone: ZoneInfo, texts: ReportTexts) -> str:
    """The budget as a sentence."""
    found = report.error_budget
    spent = texts(
        "budget-spent",
        allowed=texts.duration(found.allowed_seconds),
        spent=texts.duration(found.spent_seconds),
    )
    if found.exhausts_at is None:
        return f"{spent} {texts('budget-lasts')}"
    time = f"{found.exhausts_at.astimezone(zone):%Y-%m-%d %H:%M}"
    if found.exhausts_at <= report.reported_at:
        return f"{spent} {texts('budget-used-up', time=time)}"
    return f"{spent} {texts('budget-will-be-used-up', time=time)}"


def _title(part: SlaPart, zone: ZoneInfo, texts: ReportTexts) -> str:
    return texts(
        "part",
        time=f"{part.start.astimezone(zone):%Y-%m-%d %H:%M}",
        availability=texts.percent(part.availability),
        unknown=texts.duration(part.unknown_seconds),
    )


def _legend(texts: ReportTexts) -> str:
    """The meaning of the colours."""
    shown = "".join(f'<span><i class="{name}"></i>{escape(texts(name))}</span>' for name in _LEGEND)
    return f'<p class="note legend">{shown}</p>'


def _bar(part: SlaPart, target: float, title: str, *, floor: float, left: float, width: float) -> str:
    width -= min(2.0, width / 5)
    full = float(_HEIGHT - _BOTTOM - 8)
    if part.availability is None:
        if part.maintenance_seconds:
            return _box(left, 8, width, full, _PLANNED, title)
        # There is no promise for the future, or for the time before the tenant was up for the first time.
        return _box(left, 8, width, full, "url(#unknown)", title) if part.unknown_seconds else ""
    top = _y(max(part.availability, floor), floor)
    fill = _UP if part.availability >= target else _DOWN
    unseen = width * part.unknown_seconds / (part.end - part.start).total_seconds()
    return _box(left, top, width - unseen, _HEIGHT - _BOTTOM - top, fill, title) + (
        _box(left + width - unseen, 8, unseen, full, "url(#unknown)", title) if unseen >= 0.1 else ""
    )


def _box(left: float, top: float, width: float, height: float, fill: str, title: str) -> str:  # noqa: PLR0917
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{max(1.0, height):.1f}" fill="{fill}">'
        f"<title>{escape(title)}</title></rect>"
    )


def _labels(report: SlaReport, width: float, zone: ZoneInfo) -> Iterator[str]:
    step = max(1, round(48 / width))
    hours = bool(report.parts) and (report.parts[0].end - report.parts[0].start).total_seconds() <= 3600
    for index in range(0, len(report.parts), step):
        time = report.parts[index].start.astimezone(zone)
        yield _text(_LEFT + index * width, _HEIGHT - 6, f"{time:%H:%M}" if hours else f"{time:%m-%d}")


def _mark(value: float, floor: float) -> str:
    y = _y(value, floor)
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_LINE}" stroke-width="0.5"/>'
        f"{_text(_LEFT - 6, y + 4, f'{value:.4g} %', 'end')}"
    )


def _y(value: float, floor: float) -> float:
    return 8 + (_HEIGHT - _BOTTOM - 8) * (100 - value) / (100 - floor)


def _text(x: float, y: float, content: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" fill="{_INK}" text-anchor="{anchor}">{escape(content)}</text>'


def _svg(content: str, label: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">{content}</svg>'
