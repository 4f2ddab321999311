"""Entry of `python -m burrow` and of bin/burrow, which runs this file directly: that spares runpy."""

import os
import sys

if __name__ == "__main__":
    if not __package__:
        # Run as a script: the package's own folder must not head the path, its parent must.
        sys.path[0] = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    try:
        from burrow.cli.main import main
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(main())
