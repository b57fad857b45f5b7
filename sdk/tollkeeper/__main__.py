"""``tollkeeper`` and ``python -m tollkeeper``: the command line, where it is installed."""

import sys

NEEDS_SERVER = "tollkeeper: the command line needs: pip install 'tollkeeper[server]'\n"


def main() -> None:
    """Run the command line; the plain SDK has none and says how to get it."""
    try:
        # Optional dependency: applications install the SDK without typer and the rest.
        from tollkeeper.cli.program import run  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.split(".")[0] == "tollkeeper":
            raise
        sys.stderr.write(NEEDS_SERVER)
        sys.exit(2)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
