"""Holds an HTML page against its Content-Security-Policy."""

from html.parser import HTMLParser

from shared.http.content_policy import hash_source


class Inline(HTMLParser):
    """What of a page its policy decides on."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.loaded: list[tuple[str, str]] = []
        self.attributes: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.attributes += [name for name in given if name == "style" or name.startswith("on")]
        address = given.get("src") or (given.get("href") if tag == "link" else None)
        if address:
            self.loaded.append((tag, address))
        self._inside = tag if tag in ("script", "style") and not given.get("src") else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside == "style":
            self.styles.append(data)


def policy_of(value: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (part.split() for part in value.split(";"))}


def check_page(html: str, value: str) -> None:
    """Everything that the page has is allowed by its policy, and nothing is allowed for every script."""
    policy, page = policy_of(value), Inline()
    page.feed(html)
    scripts = policy.get("script-src", policy["default-src"])
    styles = policy.get("style-src", policy["default-src"])
    assert policy["default-src"] == ["'none'"]
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "data:", "https:"} & set(scripts)
    for name in ("base-uri", "form-action", "frame-ancestors"):
        assert policy[name] == ["'none'"], name
    assert page.attributes == []
    assert all(hash_source(text) in scripts for text in page.scripts)
    assert all(hash_source(text) in styles for text in page.styles)
    assert not [address for _, address in page.loaded if "//" in address]
    assert not page.loaded or "'self'" in scripts
