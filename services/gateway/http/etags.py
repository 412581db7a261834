"""Entity tags: whether a client has the present answer already (RFC 9110, If-None-Match). Pure."""


def is_current(if_none_match: str | None, etag: str) -> bool:
    """Whether the header names `etag`, which is a strong one with its quotes."""
    if if_none_match is None:
        return False
    sent = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return etag in sent or sent == ["*"]
