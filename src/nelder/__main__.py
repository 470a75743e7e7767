"""``python -m nelder`` is ``nelder``."""

import sys

from nelder.cli import main

sys.exit(main())
