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
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from longtake.errors import LongtakeError, SettingsError
from longtake.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class _Command(NamedTuple):
    module: str
    summary: str
    examples: tuple[str, ...]


_COMMANDS = {
    "demo": _Command(
        "longtake.cli.demo",
        "make a film of six shots on this machine, without a key",
        ("longtake demo", "longtake demo my-demo --board film.yaml"),
    ),
    "new": _Command("longtake.cli.new", "write a starter storyboard", ("longtake new film.yaml",)),
    "plan": _Command(
        "longtake.cli.plan",
        "show what a run would do and cost; needs no key and spends nothing",
        ("longtake plan film.yaml", "longtake plan --retake lamp --downstream cascade film.yaml"),
    ),
    "run": _Command(
        "longtake.cli.run",
        "make the film: buy what is missing, keep it, concatenate it",
        ("longtake run film.yaml", "longtake run --retake lamp film.yaml"),
    ),
    "catalog": _Command(
        "longtake.cli.catalog",
        "list the models with their limits and rates, or show one of them",
        ("longtake catalog", "longtake catalog seedance-2.5"),
    ),
    "credits": _Command(
        "longtake.cli.credits",
        "show where every credit went; reconcile and resolve doubts",
        ("longtake credits --film the-lighthouse", "longtake credits reconcile"),
    ),
    "export": _Command(
        "longtake.cli.export",
        "write a film's edit for an editing program: OTIO, FCPXML, EDL, or a folder with the clips",
        ("longtake export the-lighthouse", "longtake export the-lighthouse --to otio --out cut.otio"),
    ),
    "review": _Command(
        "longtake.cli.review",
        "look at a film's takes in the browser: choose, ask for retakes, leave notes, approve",
        ("longtake review film.yaml", "longtake review film.yaml --no-browser --port 8100"),
    ),
    "deliver": _Command(
        "longtake.cli.deliver",
        "make another frame or size of a film, with captions burned in or as files",
        (
            "longtake deliver the-lighthouse --name vertical --size 9:16 --focus dawn/rocks=0.3,0.5",
            "longtake deliver the-lighthouse --name square --size 1080x1080 --fit pad --burn",
        ),
    ),
    "import": _Command(
        "longtake.cli.import_edit",
        "take an edited OTIO file's order, takes, trims and transitions into the storyboard",
        ("longtake import cut.otio --into film.yaml --dry-run", "longtake import cut.otio --into film.yaml"),
    ),
    "mcp": _Command(
        "longtake.cli.mcp",
        "serve agents: tools that plan and make films under a budget, over MCP on standard input and output",
        ("longtake mcp films",),
    ),
    "verify": _Command(
        "longtake.cli.verify",
        "show a film's marks and whether its signature holds",
        ("longtake verify film-signed.mp4", "longtake verify film-signed.mp4 --trust issuers.pem"),
    ),
    "books": _Command(
        "longtake.cli.books",
        "export the ledger, takes, films and sets as tables for SQL",
        ("longtake books export --to books --format duckdb",),
    ),
    "init": _Command(
        "longtake.cli.init",
        "write a project: deployments, an example storyboard, settings",
        ("longtake init films",),
    ),
    "up": _Command(
        "longtake.cli.up", "run a Prefect server and workers on this machine", ("longtake up", "longtake up --port 0")
    ),
    "deploy": _Command(
        "longtake.cli.deploy",
        "deploy a project to the Prefect server",
        ("longtake deploy", "PREFECT_API_URL=http://prefect:4200/api longtake deploy"),
    ),
    "doctor": _Command(
        "longtake.cli.doctor",
        "check this machine and the settings",
        ("longtake doctor", "longtake doctor --prefect --fix"),
    ),
    "gc": _Command(
        "longtake.cli.gc",
        "list what nothing in the store needs, or remove it",
        ("longtake gc", "longtake gc --delete --older-than 48"),
    ),
    "emulator": _Command(
        "longtake.emulator.command",
        "run a local provider to test against; it speaks the real one's HTTP interface",
        ("longtake emulator --port 8900", "longtake emulator --balance 500 --public films"),
    ),
    "schema": _Command(
        "longtake.cli.schema",
        "print the JSON Schema of storyboards or manifests",
        ("longtake schema > storyboard.schema.json", "longtake schema --manifest"),
    ),
    "completion": _Command(
        "longtake.cli.completion",
        "print a completion script for bash, zsh or fish",
        ("source <(longtake completion bash)", "longtake completion fish > ~/.config/fish/completions/longtake.fish"),
    ),
}

_GROUPS = {
    "make a film": (
        "demo",
        "new",
        "plan",
        "run",
        "review",
        "export",
        "deliver",
        "import",
        "verify",
        "catalog",
        "credits",
        "books",
        "mcp",
    ),
    "run films with Prefect": ("init", "up", "deploy", "doctor"),
    "other": ("gc", "emulator", "schema", "completion"),
}

_EXAMPLES = (
    "longtake demo                           # a film on this machine, without a key",
    "longtake new film.yaml                  # a storyboard to change",
    "longtake plan film.yaml                 # what it would cost",
    "longtake run film.yaml                  # make it",
    "longtake run --retake lamp film.yaml    # one more take of a shot",
)

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
    """The command's parser and that of the subcommand that is called.

    Only the subcommand that is called is imported and gets its arguments, so that `plan` starts quickly.
    """
    parser = _Parser(
        prog="longtake",
        usage="longtake [--version] [--help] COMMAND ...",
        description=f"Long films from short generated clips, with every credit accounted for.\n\n{_overview()}",
        epilog=f"{_shown(_EXAMPLES)}\n\n"
        "exit codes: 0 done, 1 failed, 2 bad input, 3 budget, 4 in doubt\n"
        "`longtake COMMAND --help` explains one command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"longtake {VERSION}")
    commands = parser.add_subparsers(dest="command", prog="longtake", metavar="COMMAND", help=argparse.SUPPRESS)
    called = next((a for a in arguments if not a.startswith("-")), None)
    found = None
    for name, command in _COMMANDS.items():
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
        importlib.import_module(_COMMANDS[name].module).add_arguments(sub)
    return parser


def summaries() -> dict[str, str]:
    """What each subcommand does, by its name."""
    return {name: command.summary for name, command in _COMMANDS.items()}


def _overview() -> str:
    lines = []
    for heading, names in _GROUPS.items():
        lines += [f"{heading}:", *(f"  {name:<12}{_COMMANDS[name].summary}" for name in names), ""]
    return "\n".join(lines).rstrip()


def _shown(examples: Iterable[str]) -> str:
    return "\n".join(["examples:", *(f"  {example}" for example in examples)])
