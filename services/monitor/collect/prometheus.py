"""The adapter to Prometheus: values that a cluster's API doesn't have, by PromQL. aiohttp's errors don't leave it.

The default expressions use the customary names: `http_requests_total` and its duration histogram with a label
`tenant_id` (which the documented scrape configuration sets from the pods' label), and the DCGM exporter's GPU
utilisation by namespace. `MONITORING_QUERIES` replaces them: a JSON object of metric names and expressions, each of
which must return one value per `tenant_id`.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import aiohttp
import orjson

from shared.errors import DependencyUnavailable
from shared.measuring import name_problem

INTERVAL_SECONDS = 15
"""The documented scrape interval: more frequent queries would return the same values."""

_ALL = 'http_requests_total{tenant_id!=""}'
_FAILED = 'http_requests_total{tenant_id!="",code=~"5.."}'
_BUCKETS = 'http_request_duration_seconds_bucket{tenant_id!=""}'
_NAMESPACE = "ecp-ai-(.+)"
QUERIES: Mapping[str, str] = MappingProxyType(
    {
        "response_time": f"1000 * histogram_quantile(0.95, sum by (tenant_id, le) (rate({_BUCKETS}[5m])))",
        "network_rps": f"sum by (tenant_id) (rate({_ALL}[1m]))",
        "error_rate": f"100 * sum by (tenant_id) (rate({_FAILED}[5m])) / sum by (tenant_id) (rate({_ALL}[5m]))",
        "request_count": f"sum by (tenant_id) (rate({_ALL}[1m])) * {INTERVAL_SECONDS}",
        "error_count": f"sum by (tenant_id) (rate({_FAILED}[1m])) * {INTERVAL_SECONDS}",
        "gpu": (
            f'avg by (tenant_id) (label_replace(DCGM_FI_DEV_GPU_UTIL{{exported_namespace=~"{_NAMESPACE}"}}, '
            f'"tenant_id", "$1", "exported_namespace", "{_NAMESPACE}"))'
        ),
    }
)
"""`response_time` in ms (95th percentile), `network_rps` a second, `error_rate` and `gpu` in percent, and counts."""

_NAME = "Prometheus"


class Prometheus:
    """One Prometheus server."""

    def __init__(self, url: str, queries: Mapping[str, str] | None = None, *, timeout: float = 4.0) -> None:
        """`timeout` in seconds bounds all queries together."""
        self._url = f"{url.rstrip('/')}/api/v1/query"
        self._queries = queries or QUERIES
        self._timeout = timeout

    async def read(self, time: float) -> dict[str, dict[str, float]]:
        """The values of each tenant at `time` (Unix seconds). Raises DependencyUnavailable.

        A metric whose expression fails is left out, unless all of them fail.
        """
        timeout = aiohttp.ClientTimeout(total=self._timeout)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            names = list(self._queries)
            answers = await asyncio.gather(
                *(self._ask(session, self._queries[name], time) for name in names), return_exceptions=True
            )
        failures = [each for each in answers if isinstance(each, BaseException)]
        if len(failures) == len(answers):
            raise DependencyUnavailable(_NAME, _describe(failures[0], self._timeout)) from failures[0]
        values: dict[str, dict[str, float]] = defaultdict(dict)
        for name, answer in zip(names, answers, strict=True):
            if not isinstance(answer, BaseException) and name_problem(name) is None:
                for tenant_id, value in answer.items():
                    values[tenant_id][name] = value
        return dict(values)

    async def _ask(self, session: aiohttp.ClientSession, expression: str, time: float) -> dict[str, float]:
        async with session.get(self._url, params={"query": expression, "time": f"{time:.3f}"}) as answer:
            body: Any = orjson.loads(await answer.read())
            if answer.status != 200 or body.get("status") != "success":
                raise ValueError(f"{answer.status}: {str(body.get('error'))[:300]}")
        return _values(body["data"])


def _values(data: Any) -> dict[str, float]:
    """The values by tenant. NaN, such as the ratio of two zeros, means that there is no value."""
    if data.get("resultType") != "vector":
        raise ValueError(f"the expression returns a {data.get('resultType')} instead of one value per tenant_id")
    found = {}
    for each in data["result"]:
        tenant_id, value = each["metric"].get("tenant_id"), float(each["value"][1])
        if tenant_id and math.isfinite(value):
            found[tenant_id] = value
    return found


def _describe(error: BaseException, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s"
    return str(error) or type(error).__name__
