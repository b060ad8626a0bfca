"""The field report: what every stage costs on a machine, how warm it got meanwhile, and what it is; as JSON, and as a page."""

from __future__ import annotations
