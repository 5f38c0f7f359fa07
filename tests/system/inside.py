"""Programs that the tests run inside the machine."""

# As the service finds it: in its namespaces, with its user, its filter of calls and its devices.
PROBE = """import errno, json, os, socket

def tried(call):
    try:
        call()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"

def connected():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        probe.connect(("127.0.0.1", 8137))

found = {
    "interfaces": [line.split(":")[0].strip() for line in open("/proc/self/net/dev").readlines()[2:]],
    "connection": tried(connected),
    "packet": tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
    "devices": sorted(os.listdir("/dev")),
    "video": tried(lambda: open("/dev/video0", "rb").close()),
    "settings": tried(lambda: open("/etc/mien/mien.toml", "rb").close()),
    "shadow": tried(lambda: open("/etc/shadow", "rb").close()),
    "written": tried(lambda: open("/opt/mien/probe", "wb").close()),
    "user": os.getuid(),
}
print("PROBE" + json.dumps(found), flush=True)
"""
# One thread is held, as a debugger would, and the others run on: an inference that never comes back.
HOLD = """import ctypes, os, sys, time
process = int(sys.argv[1])
SEIZE, INTERRUPT, CONTINUE, ALL = 0x4206, 0x4207, 7, 0x40000000
# In the order in which they were started: main, camera, microphone, and the one that reads faces.
reading = sorted(map(int, os.listdir(f"/proc/{process}/task")))[3]
trace = ctypes.CDLL(None, use_errno=True).ptrace
trace.argtypes = [ctypes.c_long] * 4

def turns():
    status = open(f"/proc/{process}/status").read()
    return int(status.split("voluntary_ctxt_switches:")[1].split()[0])

def told(request):
    assert trace(request, reading, 0, 0) == 0, os.strerror(ctypes.get_errno())

told(SEIZE)
while True:
    told(INTERRUPT)
    os.waitpid(reading, ALL)
    before = turns()
    time.sleep(1)
    if turns() - before >= 5:
        break
    told(CONTINUE)  # it held Python's lock, and everything stood
    time.sleep(0.037)
print("held", flush=True)
while os.WIFSTOPPED(os.waitpid(reading, ALL)[1]):
    pass
"""
# A pair that somebody made: the shipped one, called by another version.
PAIR = """import json, pathlib, subprocess
listed = json.loads(subprocess.run(["mien", "models", "list", "--json"], capture_output=True, check=True).stdout)
network = pathlib.Path(next(card["path"] for card in listed if card["name"] == "face"))
card = json.loads(network.with_suffix(".json").read_text())
handed = pathlib.Path("/srv/handed")
handed.mkdir()
(handed / "face.tflite").write_bytes(network.read_bytes())
(handed / "face.json").write_text(json.dumps(card | {"version": "7.7.7"}))
"""
