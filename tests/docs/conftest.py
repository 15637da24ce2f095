"""Modules of docs/site, which is no package: what makes pages and notebooks of the docs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs" / "site"))
