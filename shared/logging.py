"""Structured logs: a sentence, plus `action` and the ids that belong to it.

JSON on a pipe or in production, readable on a terminal. Libraries that use the standard library's
logging come through the same processors, so that one line has one form. The ids of the message or
request at hand (`correlation_id`, `tenant_id`, `deployment_id`) are context variables, bound by the
bus's and the gateway's middlewares.
"""

import logging
import sys

import structlog

_QUIET = ("alembic", "uvicorn.access", "nats", "httpx", "kubernetes", "asyncio")


def configure_logging(service: str, level: str = "INFO", *, as_json: bool | None = None) -> None:
    """Set up structlog and the standard library's logging for a process named `service`."""
    as_json = not sys.stderr.isatty() if as_json is None else as_json
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if as_json else structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    # Tracebacks without local variables: they may be secret, and rendering them blocks the event loop for seconds.
    on_terminal = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = structlog.processors.JSONRenderer(ensure_ascii=False) if as_json else on_terminal
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.contextvars.bind_contextvars(service=service)
