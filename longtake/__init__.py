"""Longtake: long films from short generated clips, with every credit accounted for.

```python
import longtake as lt

studio = lt.Studio.from_env(store="films")
film = studio.make_sync("film.yaml", budget=9000)
```

The names below are the Python API; flows, tasks and blocks for Prefect are in `longtake.flows`, `longtake.tasks` and
`longtake.blocks`. Everything is imported when it is first used, so that `import longtake` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longtake.lazy import exports
from longtake.version import VERSION

if TYPE_CHECKING:
    from longtake.errors import LongtakeError
    from longtake.film_set import FilmSet, SetPlan, SetResult
    from longtake.ledger import Budget
    from longtake.library import Take
    from longtake.observer import Event, Observer, Part, Step
    from longtake.plan import Plan
    from longtake.settings import Settings
    from longtake.storyboard import Approval, Scene, Shot, Sound, Storyboard, Transition
    from longtake.studio import Answer, Cost, Film, Question, ShotResult, Studio

__version__ = VERSION

__getattr__, __dir__ = exports(
    __name__,
    {
        "longtake.errors": ("LongtakeError",),
        "longtake.film_set": ("FilmSet", "SetPlan", "SetResult"),
        "longtake.ledger": ("Budget",),
        "longtake.observer": ("Event", "Observer", "Part", "Step"),
        "longtake.plan": ("Plan",),
        "longtake.library": ("Take",),
        "longtake.settings": ("Settings",),
        "longtake.storyboard": ("Approval", "Scene", "Shot", "Sound", "Storyboard", "Transition"),
        "longtake.studio": ("Answer", "Cost", "Film", "Question", "ShotResult", "Studio"),
    },
)

__all__ = [
    "Answer",
    "Approval",
    "Budget",
    "Cost",
    "Event",
    "Film",
    "FilmSet",
    "LongtakeError",
    "Observer",
    "Part",
    "Plan",
    "Question",
    "Scene",
    "SetPlan",
    "SetResult",
    "Settings",
    "Shot",
    "ShotResult",
    "Sound",
    "Step",
    "Storyboard",
    "Studio",
    "Take",
    "Transition",
]
