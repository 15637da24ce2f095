"""`longtake completion`: a completion script for bash, zsh or fish, generated from the command's own parser.

Scripts are static: they list commands, options and choices, complete file names where an argument is one, and never start Python.
"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longtake import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILES = frozenset({"BOARD", "DIR", "FILE", "FOLDER", "PLACE"})
"""Metavars of arguments that are paths."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("shell", metavar="SHELL", choices=sorted(_SCRIPTS), help="bash, fish or zsh")


def main(options: argparse.Namespace) -> int:
    """Print the script."""
    root = _level(cli.whole_parser(), (), "", cli.summaries())
    print("\n".join(_SCRIPTS[options.shell](root)))
    return 0


@dataclass(frozen=True)
class _Argument:
    """An option (with its names) or a positional argument (without).

    Attributes:
        value: what its value is called, empty where it takes none.
        choices: the values it may have, where they are few.
        is_file: whether its value is a path.
    """

    names: tuple[str, ...]
    summary: str
    value: str = ""
    choices: tuple[str, ...] = ()
    is_file: bool = False
    repeats: bool = False


@dataclass(frozen=True)
class _Level:
    """The command, or a subcommand of it: `("credits", "reconcile")`."""

    words: tuple[str, ...]
    summary: str
    options: tuple[_Argument, ...]
    positionals: tuple[_Argument, ...]
    below: tuple[_Level, ...]

    def walk(self) -> Iterator[_Level]:
        yield self
        for level in self.below:
            yield from level.walk()


def _level(parser: argparse.ArgumentParser, words: tuple[str, ...], summary: str, summaries: dict[str, str]) -> _Level:
    options: list[_Argument] = []
    positionals: list[_Argument] = []
    below: list[_Level] = []
    for action in parser._actions:  # noqa: SLF001 - argparse does not list them otherwise
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            known = summaries or {one.dest: one.help or "" for one in action._choices_actions}  # noqa: SLF001 - as above
            below += [_level(sub, (*words, name), known.get(name, ""), {}) for name, sub in action.choices.items()]
        else:
            (options if action.option_strings else positionals).append(_argument(action))
    return _Level(words, summary, tuple(options), tuple(positionals), tuple(below))


def _argument(action: argparse.Action) -> _Argument:
    takes_value = action.nargs != 0
    name = str(action.metavar or action.dest.upper())
    return _Argument(
        names=tuple(action.option_strings),
        summary=" ".join((action.help or "").split()) % {"default": action.default},
        value=name if takes_value else "",
        choices=tuple(map(str, action.choices or ())) if takes_value else (),
        is_file=takes_value and name in _FILES,
        repeats=isinstance(action, argparse._AppendAction),  # noqa: SLF001 - as above
    )


# -- bash ----------------------------------------------------------------------------------------------------------------


def _bash(root: _Level) -> Iterator[str]:
    yield "# bash completion for longtake. Load it with: source <(longtake completion bash)"
    yield "_longtake() {"
    yield "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} at= words= i"
    yield "    COMPREPLY=()"
    yield "    for ((i = 1; i < COMP_CWORD; i++)); do"
    yield '        case "$at ${COMP_WORDS[i]}" in'
    for level in root.walk():
        if level.words:
            yield f'            "{_path(level.words[:-1])} {level.words[-1]}") at="{_path(level.words)}" ;;'
    yield "        esac"
    yield "    done"
    yield '    case "$at $before" in'
    for level in root.walk():
        for option in level.options:
            if option.value:
                places = "|".join(f'"{_path(level.words)} {name}"' for name in option.names)
                # Without words bash completes file names, see `-o default` below.
                reply = f' COMPREPLY=($(compgen -W "{" ".join(option.choices)}" -- "$word"));' if option.choices else ""
                yield f"        {places}){reply} return ;;"
    yield "    esac"
    yield '    case "$at" in'
    for level in root.walk():
        names = [one.words[-1] for one in level.below] + [name for one in level.positionals for name in one.choices]
        names += [name for option in level.options for name in option.names if name.startswith("--")]
        takes_file = any(one.is_file for one in level.positionals)
        guard = "[[ $word == -* ]] || return; " if takes_file else ""
        yield f'        "{_path(level.words)}") {guard}words="{" ".join(names)}" ;;'
    yield "    esac"
    yield '    COMPREPLY=($(compgen -W "$words" -- "$word"))'
    yield "}"
    yield "complete -o default -F _longtake longtake"


def _path(words: tuple[str, ...]) -> str:
    return "".join(f"/{word}" for word in words)


# -- zsh -----------------------------------------------------------------------------------------------------------------


def _zsh(root: _Level) -> Iterator[str]:
    yield "#compdef longtake"
    yield "# zsh completion for longtake. Load it with: source <(longtake completion zsh)"
    for level in root.walk():
        yield f"{_function(level)}() {{"
        yield "    local curcontext=$curcontext context state state_descr line"
        yield "    typeset -A opt_args"
        specs = [_zsh_spec(one) for one in (*level.options, *level.positionals)]
        if level.below:
            specs += ["'1: :->command'", "'*:: :->rest'"]
        yield "    _arguments -C " + " \\\n        ".join(specs)
        if level.below:
            yield "    case $state in"
            yield "        command)"
            yield "            local -a commands=("
            for one in level.below:
                described = f"{one.words[-1]}:{_zsh_text(one.summary)}"
                yield f"                {shlex.quote(described)}"
            yield "            )"
            yield "            _describe command commands ;;"
            yield "        rest)"
            yield "            case $line[1] in"
            for one in level.below:
                yield f"                {one.words[-1]}) {_function(one)} ;;"
            yield "            esac ;;"
            yield "    esac"
        yield "}"
    yield 'if [[ $funcstack[1] == _longtake ]]; then _longtake "$@"; else compdef _longtake longtake; fi'


def _function(level: _Level) -> str:
    return "_".join(("_longtake", *level.words))


def _zsh_spec(one: _Argument) -> str:
    values = f"({' '.join(one.choices)})" if one.choices else "_files" if one.is_file else " "
    if not one.names:
        return shlex.quote(f":{_zsh_text(one.value)}:{values}")
    names = f"{{{','.join(one.names)}}}" if len(one.names) > 1 else one.names[0]
    text = f"[{_zsh_text(one.summary)}]" + (f":{_zsh_text(one.value)}:{values}" if one.value else "")
    again = "*" if one.repeats else f"({' '.join(one.names)})"
    return f"{shlex.quote(again)}{names}{shlex.quote(text)}"


def _zsh_text(text: str) -> str:
    for char in "\\[]:":
        text = text.replace(char, f"\\{char}")
    return text


# -- fish ----------------------------------------------------------------------------------------------------------------


def _fish(root: _Level) -> Iterator[str]:
    yield "# fish completion for longtake. Save it as ~/.config/fish/completions/longtake.fish"
    yield "complete -c longtake -f"
    for level in root.walk():
        when = _fish_when(level)
        for below in level.below:
            yield f"complete -c longtake {when} -a {below.words[-1]} -d {_fish_text(below.summary)}"
        for one in level.positionals:
            values = f" -a {_fish_text(' '.join(one.choices))}" if one.choices else " -F" if one.is_file else ""
            if values:
                yield f"complete -c longtake {when}{values}"
        for option in level.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            values = f" -a {_fish_text(' '.join(option.choices))}" if option.choices else ""
            takes = "" if not option.value else " -r -F" if option.is_file else f" -x{values}"
            yield f"complete -c longtake {when} {names}{takes} -d {_fish_text(option.summary)}"


def _fish_when(level: _Level) -> str:
    conditions = [f"__fish_seen_subcommand_from {word}" for word in level.words]
    if level.below:
        names = " ".join(one.words[-1] for one in level.below)
        conditions.append(f"not __fish_seen_subcommand_from {names}")
    return f"-n '{'; and '.join(conditions)}'"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SCRIPTS = {"bash": _bash, "fish": _fish, "zsh": _zsh}
