import sys

from operators.main import main

sys.exit(main())
