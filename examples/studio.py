"""A film from a script, without an engine.

    export LONGTAKE_API_KEY=… LONGTAKE_STORE=films
    python examples/studio.py

Run it again: nothing is bought twice.
"""

from __future__ import annotations

import longtake as lt

BOARD = lt.Storyboard(
    title="The Lighthouse Keeper",
    model="seedance-2.5",
    defaults={"resolution": "480p", "size": "16:9", "duration": 4},
    scenes=[
        lt.Scene(
            "dawn",
            [
                lt.Shot("rocks", "Waves break on black rocks at dawn, wide shot"),
                lt.Shot("wakes", "The keeper opens his eyes"),  # starts from the last frame of `rocks`
            ],
        )
    ],
)


class Printer(lt.Observer):
    """Prints what happens to each take."""

    def notify(self, event: lt.Event) -> None:
        """Print the events that have a line for the log."""
        if event.text:
            print(event.text)


def main() -> None:
    """Plan, make, and say where the film is and what it cost."""
    studio = lt.Studio.from_env(observers=[Printer()])
    plan = studio.plan(BOARD)  # needs no key and spends nothing
    print(plan)
    try:
        film = studio.make_sync(BOARD, budget=plan.reserve or None)
    except lt.LongtakeError as error:
        raise SystemExit(f"{error}") from None  # says what to do next; what was bought is kept
    print(film)
    for shot in film.shots.values():
        print(shot.label, shot.state, shot.take.clip.key if shot.take else shot.error)
    for line in studio.credits():
        print(f"{line.film}: {line.settled} credits settled")


if __name__ == "__main__":
    main()
