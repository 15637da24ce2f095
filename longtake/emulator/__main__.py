"""`python -m longtake.emulator`."""

from __future__ import annotations

import argparse
import sys

from longtake.emulator import command
from longtake.errors import LongtakeError

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m longtake.emulator", description="A local stand-in for the provider."
    )
    command.add_arguments(parser)
    try:
        sys.exit(command.main(parser.parse_args()))
    except LongtakeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
