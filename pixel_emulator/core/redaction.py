"""What may leave the building: write keys masked in the payload, its URL, headers and problems."""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from urllib.parse import unquote_to_bytes

from pixel_emulator.core import base64_data, json_text
from pixel_emulator.core.calls import Dialect, Form, Hit
from pixel_emulator.core.pixel import MAX_DATA, decode
