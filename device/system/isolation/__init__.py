"""The wall around `sense`: what it gives up at its start, and the proof that nothing is left.

`enclosure.py` builds it, `proof.py` tests it from inside. Under systemd most of it is the unit's; by hand it is built
here, as far as the kernel allows it.
"""

from device.system.isolation.network import drop_network, raise_loopback
from device.system.isolation.privileges import drop_capabilities
from device.system.isolation.proof import check_isolation
from device.system.isolation.report import Gap, Isolation

__all__ = ["Gap", "Isolation", "check_isolation", "drop_capabilities", "drop_network", "raise_loopback"]
