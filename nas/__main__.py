"""``python -m nas``: the same as the console script ``nas``."""

import sys

from nas.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
