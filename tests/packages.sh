#!/bin/sh
# The Debian packages that the tests use: a real broker, music player and sound server, real streams, a clock that can be
# set, and what PyAudio is built with.
set -eu
wanted="mosquitto mosquitto-clients pulseaudio pulseaudio-utils libasound2-plugins portaudio19-dev gcc libc6-dev python3-dev ffmpeg iproute2 procps mpd openssl libfaketime"
# The page's browser. Ubuntu has it as a snap only, which no container can install: those tests are skipped by name there.
. /etc/os-release 2>/dev/null || true
[ "${ID:-}" = ubuntu ] || wanted="$wanted chromium fonts-noto-core"
missing=""
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null; then
    echo "make test: these are missing, and there is no apt-get to install them:$missing" >&2
    exit 1
fi
echo "Installing Debian packages for the tests:$missing"
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# A broker that the package would start is none of ours: the tests start their own.
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
