"""Longtake: long films from short generated clips, with every credit accounted for.

The core, without an engine: `longtake.storyboard`, `catalog`, `request`, `plan`, `provider`, `ledger`, `store`, `media`, `take`,
`report` and `emulator`. Prefect's side lives in the packages `blocks`, `tasks` and `flows`. Modules are imported where they are
used, so that `import longtake` costs nothing.
"""

__version__ = "0.1.0"
