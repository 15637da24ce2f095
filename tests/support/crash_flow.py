"""A user's flow that makes a film of chained shots with Longtake's tasks, in four steps for each clip or in one."""

from __future__ import annotations

from prefect import flow

from longtake import tasks
from longtake.errors import TaskFailedError
from longtake.storyboard import slug

TRIES = 3


def in_steps(shot, continue_from, film):
    for left in reversed(range(TRIES)):
        request = tasks.upload(shot, continue_from=continue_from, film=film)
        purchase = tasks.submit(request)
        try:
            return tasks.ingest(tasks.poll(purchase))
        except TaskFailedError as error:
            if not (left and error.retryable):
                raise
    raise AssertionError("the last try returns or raises")


def at_once(shot, continue_from, film):
    return tasks.generate(shot, continue_from=continue_from, film=film)


@flow(name="a user's own")
def own(way, title, shots):
    """Make the shots as one chain."""
    takes = []
    for shot in shots:
        make = in_steps if way == "steps" else at_once
        takes.append(make(shot, takes[-1] if takes else None, slug(title)))
    return tasks.concatenate(takes, title=title)


def made(way, board):
    """The film of a storyboard, whose defaults the shots are given."""
    defaults = {name: getattr(board.defaults, name) for name in board.defaults.model_fields_set}
    shots = [
        shot.model_copy(update={"model": board.model, **defaults}) for scene in board.scenes for shot in scene.shots
    ]
    return own(way, board.title, shots)
