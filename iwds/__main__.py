"""`python -m iwds` and the `iwds` command: the error boundary. A traceback is a bug."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from iwds.cli.app import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
