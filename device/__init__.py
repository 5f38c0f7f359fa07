"""Mien on the device: `sense` sees and hears, `hub` acts and remembers, `link` is the door between them."""

import os

__version__ = "0.1.0"

# OpenBLAS starts a thread a core and lets them spin: on the small matrices here that is 10 to 40 times slower
# when the cores are busy. It reads this once, when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
