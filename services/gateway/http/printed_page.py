"""The parts of printable HTML pages: style, cards, tables, sections and the document around them. Pure.

A page has no scripts and loads nothing. All text is escaped here, so nothing in it is taken for markup.
"""

from collections.abc import Iterable
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from shared.http.content_policy import NO_FRAMES, hash_source

STYLE = """
:root { color-scheme: light; --up: #2e7d32; --down: #c62828; --muted: #5f6b7a; --line: #d8dee6; }
* { box-sizing: border-box; }
body { font: 14px/1.5 system-ui, "Noto Sans KR", sans-serif; color: #1c2430; }
body { margin: 0 auto; padding: 32px; max-width: 960px; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 15px; margin: 28px 0 8px; }
.sub, .note, caption { color: var(--muted); } .note { margin: 4px 0; }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin-top: 20px; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 12px; }
.card b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; }
.meeting { color: var(--up); } .violated { color: var(--down); } .unknown { color: var(--muted); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 8px; border-bottom: 1px solid var(--line); } td.n, th.n { text-align: right; }
.legend { display: flex; gap: 18px; } .legend i { display: inline-block; width: 11px; height: 11px; margin-right: 6px; }
svg { width: 100%; height: auto; display: block; }
.sign { margin-top: 48px; display: flex; gap: 48px; }
.sign div { flex: 1; border-top: 1px solid #1c2430; padding-top: 4px; }
@media print { body { padding: 0; max-width: none; } section { break-inside: avoid; } }
"""
"""The style sheet of all pages; a page may add to it."""


def policy(style_sheet: str) -> str:
    """The Content-Security-Policy of a page: no scripts, nothing loaded, and this one style sheet."""
    return f"default-src 'none'; style-src {hash_source(style_sheet)}; {NO_FRAMES}"


def document(title: str, body: str, *, language: str, style_sheet: str = STYLE) -> str:
    """A complete HTML document; `body` is markup."""
    head = (
        f'<meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style_sheet}</style>'
    )
    return f'<!doctype html><html lang="{language}"><head>{head}</head><body>{body}</body></html>'


def header(title: str, subtitle: str) -> str:
    """The head of the page."""
    return f"<header><h1>{escape(title)}</h1><div class=sub>{escape(subtitle)}</div></header>"


def cards(each: Iterable[str]) -> str:
    """A grid of cards."""
    return f'<div class="cards">{"".join(each)}</div>'


def card(name: str, value: str, kind: str = "", below: str = "") -> str:
    """One figure: `kind` is its colour (`meeting`, `violated`, `unknown`), `below` a text under it."""
    small = f'<span class="{kind}">{escape(below)}</span>' if below else ""
    return f'<div class="card"><span class=sub>{escape(name)}</span><b class="{kind}">{escape(value)}</b>{small}</div>'


def note(text: str) -> str:
    """A remark."""
    return f"<p class=note>{escape(text)}</p>"


def section(title: str, content: str) -> str:
    """A part of the page with a title; `content` is markup."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of texts."""
    heads = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in row)}</tr>" for row in rows)
    return f"<table><tr>{heads}</tr>{body}</table>"


def signatures(*labels: str) -> str:
    """Lines to sign on."""
    return f"<div class=sign>{''.join(f'<div>{escape(each)}</div>' for each in labels)}</div>"


def moment(time: datetime, zone: ZoneInfo) -> str:
    """`2026-03-01 09:00:00`, in a time zone."""
    return f"{time.astimezone(zone):%Y-%m-%d %H:%M:%S}"
