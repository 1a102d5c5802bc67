"""gzip, in both directions."""

import zlib

from catrelay.problems import InvalidRequest, PayloadTooLarge

MIN_GZIP_BYTES = 1_024
"""Below, headers and the unpacking cost more than is saved."""

_LEVEL = 5
_GZIP = 16 + zlib.MAX_WBITS


def compress(body: bytes) -> bytes:
    """*body* as one gzip member, the same for the same body."""
    coder = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return coder.compress(body) + coder.flush()


def inflate(body: bytes, *, limit: int) -> bytes:
    """What the one gzip member that is *body* holds, at most *limit* bytes: little more than that is ever unpacked.

    Raises PayloadTooLarge above it, InvalidRequest for what is not gzip, ends early or goes on after its end.
    """
    decoder = zlib.decompressobj(_GZIP)
    try:
        inflated = decoder.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidRequest("The body is not gzip, as its Content-Encoding says") from error
    if len(inflated) > limit:
        raise PayloadTooLarge(f"The body is larger than {limit} bytes once it is unpacked")
    if not decoder.eof:
        raise InvalidRequest("The gzipped body ends early")
    if decoder.unused_data:  # more members would be allowed; a million empty ones would cost hours
        raise InvalidRequest("The gzipped body goes on after its end: send it as one member")
    return inflated
