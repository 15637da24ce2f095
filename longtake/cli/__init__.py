"""The `longtake` command.

Each subcommand is a module with `add_arguments` and `main`; it is imported when it is called, so that `plan` stays quick and loads
no engine. Exit codes: 0 done, 1 failed, 2 bad input, 3 budget, 4 in doubt (a person must decide).
"""

from __future__ import annotations

import argparse
import difflib
import gc as garbage  # `longtake.cli.gc` is a command
import importlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from longtake.cli.commands import COMMANDS, EXAMPLES, GROUPS
from longtake.errors import LongtakeError, SettingsError
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_RENAMED = {"--redo": "--retake", "--follow": "--downstream"}
"""Options by their old names; an old one gets an error with the new name."""


_QUICK = frozenset({"catalog", "new", "plan", "schema"})
"""Commands that end soon: what starting and ending costs is most of their time."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code.

    Args:
        argv: the words of the command line; None in a process of its own, which then starts and ends quickly.
    """
    if argv is not None:
        return _main(list(argv))
    if sys.argv[1:2] and sys.argv[1] in _QUICK:
        # Pydantic reads about each installed distribution to find plugins: 15 ms, and these commands use none.
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Almost all that imports make lives as long as the process: collecting it, also at the end, is a fifth of the time of a plan.
    garbage.disable()
    try:
        return _main(sys.argv[1:])
    finally:
        garbage.freeze()


def _main(arguments: Sequence[str]) -> int:
    try:
        options = parsed(arguments)
        if options.command not in _QUICK and not garbage.isenabled():
            garbage.freeze()
            garbage.enable()
        if options.command is None:
            _parser(())[0].print_help()
            return 0
        return int(importlib.import_module(COMMANDS[options.command].module).main(options) or 0)
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
    """A parser whose errors state the problem, the nearest name and the next step."""

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


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
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
        if (new := _RENAMED.get(name)) in known:
            at.error(f"{name} was renamed {new}")
        at.error(f"there is no option {name[:64]!r} ({_nearest(name, known)})")
    return options


def _name(action: argparse.Action) -> str:
    return "/".join(action.option_strings) or str(action.metavar or action.dest)


def _nearest(name: str, known: Iterable[str]) -> str:
    """The names that a person may have meant, or all of them."""
    near = difflib.get_close_matches(name, known := list(known), n=2)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"


def _parser(arguments: Sequence[str]) -> tuple[_Parser, argparse.ArgumentParser | None]:
    """Build the parser of the command, and of the called subcommand only.

    Only the subcommand that is called is imported and gets its arguments, so that `plan` starts quickly.
    """
    parser = _Parser(
        prog="longtake",
        usage="longtake [--version] [--help] COMMAND ...",
        description=f"Long films from short generated clips, with every credit accounted for.\n\n{_overview()}",
        epilog=f"{_shown(EXAMPLES)}\n\n"
        "exit codes: 0 done, 1 failed, 2 bad input, 3 budget, 4 in doubt\n"
        "`longtake COMMAND --help` explains one command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"longtake {VERSION}")
    commands = parser.add_subparsers(dest="command", prog="longtake", metavar="COMMAND", help=argparse.SUPPRESS)
    called = next((a for a in arguments if not a.startswith("-")), None)
    found = None
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, **help_of(command.summary, *command.examples))
        if name == called:
            found = sub
            importlib.import_module(command.module).add_arguments(sub)
    return parser, found


def help_of(summary: str, *examples: str) -> dict[str, Any]:
    """Arguments for `add_parser`: a description, and examples below the options."""
    return {
        "description": f"{summary[0].upper()}{summary[1:]}.",
        "epilog": _shown(examples),
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }


def login() -> str:
    """The person at this terminal, as the ledger names people."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def whole_parser() -> argparse.ArgumentParser:
    """The parser with the arguments of every subcommand; imports all of them."""
    parser, _ = _parser(())
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001 - argparse does not list them otherwise
    for name, sub in commands.choices.items():
        importlib.import_module(COMMANDS[name].module).add_arguments(sub)
    return parser


def summaries() -> dict[str, str]:
    """What each subcommand does, by its name."""
    return {name: command.summary for name, command in COMMANDS.items()}


def _overview() -> str:
    lines = []
    for heading, names in GROUPS.items():
        lines += [f"{heading}:", *(f"  {name:<12}{COMMANDS[name].summary}" for name in names), ""]
    return "\n".join(lines).rstrip()


def _shown(examples: Iterable[str]) -> str:
    return "\n".join(["examples:", *(f"  {example}" for example in examples)])
