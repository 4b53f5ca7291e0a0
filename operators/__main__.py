"""`python -m operators`: see `operators.main`."""

import sys

from operators.main import main

sys.exit(main())
