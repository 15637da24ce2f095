"""The provider's models, limits, field names and rates, as dated data (`catalog.yaml` next to this code).

>>> catalog = Catalog.load()
>>> catalog.price("doubao-seedance-2.5-face", resolution="720p", seconds=5).credits
1335
"""

from longtake.catalog.catalog import Billing, Catalog, Frames, Inputs
from longtake.catalog.model import ADAPTIVE, AUTO_DURATION, InputRule, Model, Rate
from longtake.catalog.overview import ModelCard, OldRate, Overview, RateCard
from longtake.catalog.price import Price

__all__ = [
    "ADAPTIVE",
    "AUTO_DURATION",
    "Billing",
    "Catalog",
    "Frames",
    "InputRule",
    "Inputs",
    "Model",
    "ModelCard",
    "OldRate",
    "Overview",
    "Price",
    "Rate",
    "RateCard",
]
