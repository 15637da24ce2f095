"""The `longtake` command.

Each subcommand is a module with `add_arguments` and `main`; it is imported when it is called, so that `plan` stays quick and loads
no engine. Exit codes: 0 done, 1 failed, 2 bad input, 3 budget, 4 in doubt (a person must decide).
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from longtake.errors import LongtakeError, SettingsError
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_COMMANDS = {
    "demo": ("longtake.cli.demo", "make a film of six shots on this machine, without a key"),
    "init": ("longtake.cli.init", "write a project: deployments, an example storyboard, settings"),
    "new": ("longtake.cli.new", "write a starter storyboard"),
    "plan": ("longtake.cli.plan", "say what a run would do and cost; needs no key and spends nothing"),
    "run": ("longtake.cli.run", "make the film: buy what is missing, keep it, join it"),
    "catalog": ("longtake.cli.catalog", "list the models with their limits and rates, or show one of them"),
    "credits": ("longtake.cli.credits", "where every credit went; reconcile and resolve doubts"),
    "up": ("longtake.cli.up", "run a Prefect server and workers on this machine"),
    "deploy": ("longtake.cli.deploy", "deploy a project to the Prefect server"),
    "gc": ("longtake.cli.gc", "list what nothing in the store needs, or remove it"),
    "doctor": ("longtake.cli.doctor", "check this machine and the settings"),
    "emulator": ("longtake.emulator.command", "a local provider to test against; speaks the real one's HTTP interface"),
    "schema": ("longtake.cli.schema", "print the JSON Schema of storyboards or manifests"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        options = _parsed(arguments)
        return int(importlib.import_module(_COMMANDS[options.command][0]).main(options) or 0)
    except LongtakeError as error:
        return show(error, as_json="--json" in arguments)
    except KeyboardInterrupt:
        print("longtake: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`longtake plan | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def show(error: LongtakeError, *, as_json: bool) -> int:
    """Print an error as people or machines want it; returns its exit code."""
    if as_json:
        body: dict[str, Any] = {"kind": type(error).__name__, "message": error.message, "next_step": error.next_step}
        problems = getattr(error, "problems", None)
        if problems:
            body["problems"] = [str(problem) for problem in problems]
        print(json.dumps({"error": body}, indent=2))
    print(f"longtake: {error}", file=sys.stderr)
    return error.exit_code


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are Longtake's: what is wrong, the nearest name, and the next step."""

    def error(self, message: str) -> NoReturn:
        command = self.prog.removeprefix("longtake").strip()
        raise SettingsError(
            f"{command}: {message}" if command else message,
            next_step=f"run `{self.prog} --help`, which lists what can be given",
        )

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - as argparse has it
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            hint = _nearest(str(value), known)
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse has no other name for it
                self.error(f"there is no command {str(value)[:64]!r} ({hint})")
            self.error(f"{_name(action)} cannot be {str(value)[:64]!r} ({hint})")


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command line.

    Raises:
        SettingsError: an unknown command or option, or an unusable value; names the nearest that is known.
    """
    parser, called = _parser(arguments)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        at = called or parser
        option = next((word for word in unknown if word.startswith("-")), None)
        if option is None:
            at.error(f"{unknown[0][:64]!r} is one argument too many")
        known = [name for action in at._actions for name in action.option_strings if name.startswith("--")]  # noqa: SLF001 - argparse does not list them otherwise
        name = option.partition("=")[0]
        at.error(f"there is no option {name[:64]!r} ({_nearest(name, known)})")
    return options


def _name(action: argparse.Action) -> str:
    return "/".join(action.option_strings) or str(action.metavar or action.dest)


def _nearest(name: str, known: Iterable[str]) -> str:
    """The names that a person may have meant, or all of them."""
    near = difflib.get_close_matches(name, known := list(known), n=2)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"


def _parser(arguments: Sequence[str]) -> tuple[_Parser, argparse.ArgumentParser | None]:
    parser = _Parser(
        prog="longtake",
        description="Long films from short generated clips, with every credit accounted for.",
        epilog="exit codes: 0 done, 1 failed, 2 bad input, 3 budget, 4 in doubt",
    )
    parser.add_argument("--version", action="version", version=f"longtake {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # Only the command that is called is imported; the others show their one line of help.
    called = next((a for a in arguments if not a.startswith("-")), None)
    found = None
    for name, (module, text) in _COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text)
        if name == called:
            found = sub
            importlib.import_module(module).add_arguments(sub)
    return parser, found
