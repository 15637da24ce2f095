"""The subcommands of `longtake`, in the order of its help. A module is imported when its subcommand is called."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A subcommand: the module that has it, what it does, and examples of its use."""

    module: str
    summary: str
    examples: tuple[str, ...]


COMMANDS = {
    "demo": Command(
        "longtake.cli.demo",
        "make a film of six shots on this machine, without a key",
        ("longtake demo", "longtake demo my-demo --board film.yaml"),
    ),
    "new": Command("longtake.cli.new", "write a starter storyboard", ("longtake new film.yaml",)),
    "plan": Command(
        "longtake.cli.plan",
        "show what a run would do and cost; needs no key and spends nothing",
        ("longtake plan film.yaml", "longtake plan --retake lamp --downstream cascade film.yaml"),
    ),
    "run": Command(
        "longtake.cli.run",
        "make the film: buy what is missing, keep it, concatenate it",
        ("longtake run film.yaml", "longtake run --retake lamp film.yaml"),
    ),
    "catalog": Command(
        "longtake.cli.catalog",
        "list the models with their limits and rates, or show one of them",
        ("longtake catalog", "longtake catalog seedance-2.5"),
    ),
    "credits": Command(
        "longtake.cli.credits",
        "show where every credit went; reconcile and resolve doubts",
        ("longtake credits --film the-lighthouse", "longtake credits reconcile"),
    ),
    "export": Command(
        "longtake.cli.export",
        "write a film's edit for an editing program: OTIO, FCPXML, EDL, or a folder with the clips",
        ("longtake export the-lighthouse", "longtake export the-lighthouse --to otio --out cut.otio"),
    ),
    "review": Command(
        "longtake.cli.review",
        "look at a film's takes in the browser: choose, ask for retakes, leave notes, approve",
        ("longtake review film.yaml", "longtake review film.yaml --no-browser --port 8100"),
    ),
    "deliver": Command(
        "longtake.cli.deliver",
        "make another frame or size of a film, with captions burned in or as files",
        (
            "longtake deliver the-lighthouse --name vertical --size 9:16 --focus dawn/rocks=0.3,0.5",
            "longtake deliver the-lighthouse --name square --size 1080x1080 --fit pad --burn",
        ),
    ),
    "import": Command(
        "longtake.cli.import_edit",
        "take an edited OTIO file's order, takes, trims and transitions into the storyboard",
        ("longtake import cut.otio --into film.yaml --dry-run", "longtake import cut.otio --into film.yaml"),
    ),
    "mcp": Command(
        "longtake.cli.mcp",
        "serve agents: tools that plan and make films under a budget, over MCP on standard input and output",
        ("longtake mcp films",),
    ),
    "verify": Command(
        "longtake.cli.verify",
        "show a film's marks and whether its signature holds",
        ("longtake verify film-signed.mp4", "longtake verify film-signed.mp4 --trust issuers.pem"),
    ),
    "books": Command(
        "longtake.cli.books",
        "export the ledger, takes, films and sets as tables for SQL",
        ("longtake books export --to books --format duckdb",),
    ),
    "init": Command(
        "longtake.cli.init",
        "write a project: deployments, an example storyboard, settings",
        ("longtake init films",),
    ),
    "up": Command(
        "longtake.cli.up", "run a Prefect server and workers on this machine", ("longtake up", "longtake up --port 0")
    ),
    "deploy": Command(
        "longtake.cli.deploy",
        "deploy a project to the Prefect server",
        ("longtake deploy", "PREFECT_API_URL=http://prefect:4200/api longtake deploy"),
    ),
    "doctor": Command(
        "longtake.cli.doctor",
        "check this machine and the settings",
        ("longtake doctor", "longtake doctor --prefect --fix"),
    ),
    "gc": Command(
        "longtake.cli.gc",
        "list what nothing in the store needs, or remove it",
        ("longtake gc", "longtake gc --delete --older-than 48"),
    ),
    "emulator": Command(
        "longtake.emulator.command",
        "run a local provider to test against; it speaks the real one's HTTP interface",
        ("longtake emulator --port 8900", "longtake emulator --balance 500 --public films"),
    ),
    "schema": Command(
        "longtake.cli.schema",
        "print the JSON Schema of storyboards or manifests",
        ("longtake schema > storyboard.schema.json", "longtake schema --manifest"),
    ),
    "completion": Command(
        "longtake.cli.completion",
        "print a completion script for bash, zsh or fish",
        ("source <(longtake completion bash)", "longtake completion fish > ~/.config/fish/completions/longtake.fish"),
    ),
}

GROUPS = {
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

EXAMPLES = (
    "longtake demo                           # a film on this machine, without a key",
    "longtake new film.yaml                  # a storyboard to change",
    "longtake plan film.yaml                 # what it would cost",
    "longtake run film.yaml                  # make it",
    "longtake run --retake lamp film.yaml    # one more take of a shot",
)
