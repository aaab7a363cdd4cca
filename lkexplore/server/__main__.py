"""``python -m lkexplore.server --child``: see `lkexplore.server.process`."""

import sys

from .process import run_child

if __name__ == "__main__":
    if sys.argv[1:] != ["--child"]:
        sys.exit("usage: python -m lkexplore.server --child; to serve by hand: lkexplore serve")
    status = run_child()
    sys.stdout.flush()
    sys.exit(status)
