"""The report: one HTML file that shows a person what a run saw, kept, said, held back and forgot."""

from __future__ import annotations

from apps.report.page import write_report
from apps.report.run import Gauge, Run, Still

__all__ = ["Gauge", "Run", "Still", "write_report"]
