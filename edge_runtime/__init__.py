"""The runtime: attend, remember, speak; and around it models, journal, store and hosts."""

from __future__ import annotations

import os

__version__ = "0.1.0"

# Nothing leaves the device. Since 1.29 ONNX Runtime writes a device id to the cache folder and reports usage, unless this is set
# before it is first imported; every way to it leads through this package.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
