"""``python -m nelder`` is ``nelder``."""

import sys

from nelder.cli import main

if __name__ == "__main__":
    sys.exit(main())
