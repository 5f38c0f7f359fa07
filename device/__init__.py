"""Mien on the device: `sense` has the camera and the microphone, `hub` has the network; `ipc` connects them."""

import os

__version__ = "0.1.0"

# OpenBLAS starts one thread per core, and they spin. On the small matrices here that is 10 to 40 times slower while
# the cores are busy. OpenBLAS reads this variable once, when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
