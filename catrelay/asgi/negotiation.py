"""What Accept and Accept-Encoding ask for. Source: RFC 9110, sections 12.4.2, 12.5.1 and 12.5.3.

Nothing here is malformed: what is not understood is not asked for.
"""

import re

_WEIGHT = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)


def accepts(header: str | None, media_type: str) -> bool:
    """Whether the Accept in *header* (None: there is none) admits *media_type*, whatever its parameters."""
    weights = _weights(header)
    if not weights:
        return True
    kind = media_type.partition("/")[0]
    for media_range in (media_type, f"{kind}/*", "*/*"):  # the most specific one decides
        if media_range in weights:
            return weights[media_range] > 0
    return False


def accepts_gzip(header: str | None) -> bool:
    """Whether the Accept-Encoding in *header* (None: there is none) wants gzip no less than no coding."""
    weights = _weights(header)
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0)))
    return gzip > 0 and gzip >= weights.get("identity", 0)


def _weights(header: str | None) -> dict[str, float]:
    """The weight of each range or coding that *header* names; of one named twice, the higher."""
    weights: dict[str, float] = {}
    for item in (header or "").split(","):
        name = item.partition(";")[0].strip().lower()
        if name:
            weight = _WEIGHT.search(item)
            weights[name] = max(weights.get(name, 0), float(weight[1]) if weight else 1)
    return weights
