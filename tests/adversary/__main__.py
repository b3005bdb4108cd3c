"""python -m adversary: the long form."""

import sys

from adversary.campaign import main

if __name__ == "__main__":
    sys.exit(main())
