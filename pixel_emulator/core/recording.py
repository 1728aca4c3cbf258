"""The recording format: a hit as plain data and back, and what a whole recording is evidence of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

from pixel_emulator.core import json_text, yaml_text
from pixel_emulator.core.calls import (
    JSON,
    Alphabet,
    Call,
    CallType,
    Dialect,
    Evidence,
    Form,
    Hit,
    Outcome,
    PixelRequest,
    Problem,
    RuleSource,
    Severity,
)

VERSION = 1
"""The format that this module reads and writes."""

STORED_HEADERS = frozenset(
    "accept accept-language origin purpose referer sec-gpc sec-purpose user-agent via x-forwarded-for"
    " x-moz x-purpose".split()
)
"""The headers that tell who asked and why, with all `sec-fetch-*`; never cookies, credentials."""
