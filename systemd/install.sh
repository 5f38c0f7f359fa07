#!/bin/bash
# Mien as two system services. What it does and what it leaves alone: --help.
set -euo pipefail
umask 022

usage() {
    cat <<'TEXT'
sudo systemd/install.sh [--kiosk] [--no-start] [--dry-run]
sudo systemd/install.sh --uninstall [--purge] [--dry-run]

Installs Mien from this clone as system services, or brings an installed one up to this clone. It never asks.

  --kiosk       also show the page on this device's screen (cage and Chromium, without a desktop)
  --no-start    prepare everything, and leave starting to the next boot
  --uninstall   remove Mien; settings (/etc/mien, and what systemctl edit wrote) and history (/var/lib/private/mien-*) stay
  --purge       with --uninstall: remove those too
  --dry-run     only say what would be done
  --help        this

What it makes:
  Debian packages that are missing, a virtual environment in /opt/mien that sees them, the group mien and the user
  mien-kiosk, /etc/mien/mien.toml (written once, then yours), units in /usr/local/lib/systemd/system,
  /usr/local/bin/mien, and downloads kept in /var/cache/mien.
What it leaves:
  settings that are there, units and drop-ins in /etc/systemd/system, units that were disabled.
An update is built beside the old one, which runs on until the new one is whole, and comes back if it does not start.
pip is steered as ever: by /etc/pip.conf, or sudo PIP_INDEX_URL=... systemd/install.sh. PYTHON=python3.12 names a Python.
TEXT
}

home=/opt/mien
cache=/var/cache/mien
settings=/etc/mien/mien.toml
units=/usr/local/lib/systemd/system
accounts=/usr/local/lib/sysusers.d/mien.conf
command=/usr/local/bin/mien
all=(mien.target mien-hub.service mien-sense.service mien-kiosk.service)

dry="" kiosk="" start=yes purge="" what=install
changed="" first="" first_kiosk="" new="" work="" reload="" lists="" picamera2=""
packages=() requirements=()

say() { printf '%s\n' "$*"; }
refuse() {
    printf 'install.sh: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}
# Says what changes something, and does it unless that is all that was asked for.
act() {
    changed=yes
    if [ "$dry" ]; then say "  would run: $*"; else "$@"; fi
}

cleaned() {
    [ -z "$work" ] || rm -rf "$work"
    # What stands half built is of no use; the old one was never touched.
    [ -z "$new" ] || [ "$(current)" -ef "$new" ] || rm -rf "$new"
}

# The environment in use; empty when there is none. Its path is without links, and /opt may be one to a larger disk:
# -ef compares it.
current() {
    local bin
    [ ! -L $home/bin ] || [ ! -e $home/bin ] || { bin=$(readlink -f $home/bin) && say "${bin%/bin}"; }
}

runs_systemd() { [ -d /run/systemd/system ]; }

# -- may it be done here

checked() {
    [ "$dry" ] || [ "$(id -u)" = 0 ] || refuse "needs root: sudo systemd/install.sh" "Only to see what it would do: --dry-run"
    command -v systemctl >/dev/null || refuse "no systemd here, which starts Mien and walls it in." \
        "By hand: mien run (README, \"On a Pi in ten minutes\")"
    [ -z "$start" ] || [ "$dry" ] || runs_systemd || refuse "systemd does not run here (a container, or a system being built?)." \
        "To prepare everything for the next boot: systemd/install.sh --no-start"
    [ "$what" = install ] || return 0
    command -v apt-get >/dev/null || refuse "no apt here: this installs on Debian, Ubuntu, Raspberry Pi OS and JetPack." \
        "Elsewhere by hand: systemd/README.md"
    local bits
    bits=$(dpkg --print-architecture)
    case $bits in
        amd64 | arm64) ;;
        *) refuse "this system is $bits, and the model runtime is made for amd64 and arm64 only." \
            "On a Raspberry Pi 3, 4, 5 or Zero 2: install the 64-bit Raspberry Pi OS" ;;
    esac
    [ ! -e $home/pyvenv.cfg ] || refuse "$home holds a virtual environment that was made by hand." \
        "Move it away, and run this again: sudo mv $home $home.by-hand"
}

# Sets python, version (3.11), and whether it is the one that Debian's packages are made for.
found_python() {
    local name
    python="" version=""
    for name in ${PYTHON:-/usr/bin/python3 /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11}; do
        command -v "$name" >/dev/null || continue
        version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || continue
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            python=$(command -v "$name")
            break
        fi
    done
    if [ -z "$python" ]; then
        [ "$version" ] || refuse "no ${PYTHON:-python3} here: sudo apt install python3"
        refuse "Python $version is too old: Mien needs 3.11 or newer." \
            "Ubuntu 22.04 and JetPack 6: sudo apt install python3.11 python3.11-venv (of universe), then run this again;" \
            "it is found by itself, and the system's own Python stays as it is." \
            "Debian 11 and Raspberry Pi OS Bullseye: upgrade to Bookworm or Trixie."
    fi
    case $(readlink -f "$python") in
        /root/* | /home/*) refuse "$python lies in a home folder, which the services cannot see." \
            "Name one of the system's: sudo PYTHON=/usr/bin/python3 systemd/install.sh" ;;
    esac
    theirs=""
    [ "$(readlink -f "$python")" != "$(readlink -f /usr/bin/python3)" ] || theirs=yes
}

# -- Debian packages

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
listed() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep 'Candidate: [^(]' >/dev/null; }
# A fresh image has no lists of packages yet.
offered() {
    installed "$1" || listed "$1" && return 0
    [ "$dry" ] || renewed
    listed "$1"
}
# Its words go past what reads the name of a package from $(browser).
renewed() {
    [ ! "$lists" ] || return 0
    lists=new
    {
        say "The lists of packages are renewed."
        apt-get update -qq || say "  That did not succeed; going on with those that are here."
    } >&2
}
is_a_pi() { grep -qsa "Raspberry Pi" /proc/device-tree/model; }

wanted_packages() {
    local each
    if [ "$theirs" ]; then
        # Debian's PyAudio needs no compiler, and brings PortAudio.
        packages=(python3-venv python3-pyaudio)
    else
        packages=("python$version-venv" "python$version-dev" portaudio19-dev gcc libc6-dev)
    fi
    if is_a_pi; then
        if [ -z "$theirs" ]; then
            say "Note: python3-picamera2 is made for the system's Python, not for $python: use a USB camera."
        elif offered python3-picamera2; then
            packages+=(python3-picamera2)
            picamera2=yes
        else
            say "Note: no python3-picamera2 in this system's sources (Raspberry Pi OS has it): USB cameras work."
        fi
    fi
    if [ "$kiosk" ]; then
        if offered cage && [ "$(browser)" ]; then
            packages+=(cage "$(browser)" fonts-noto-core)
        else
            refuse "--kiosk needs cage and chromium as packages, and this system offers none (Ubuntu has a snap only)." \
                "Without it, the page can be opened in any browser: http://127.0.0.1:8137/"
        fi
    fi
    local missing=()
    for each in "${packages[@]}"; do installed "$each" || missing+=("$each"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Debian packages that are missing: ${missing[*]}"
    if [ "$dry" ]; then
        act apt-get install -y --no-install-recommends "${missing[@]}"
        return 0
    fi
    renewed
    changed=yes
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        refuse "apt could not install ${missing[*]}; what it said stands above. Nothing else was changed."
    mkdir -p $home
    printf '%s\n' "${missing[@]}" >>$home/packages
}

# Raspberry Pi OS Bookworm calls it otherwise; Ubuntu's package is only a door to a snap.
browser() {
    grep -qs '^ID=ubuntu' /etc/os-release && return 0
    local name
    for name in chromium chromium-browser; do
        if offered $name; then
            say $name
            return
        fi
    done
}

# -- group and user

made_accounts() {
    placed "$source/systemd/mien.sysusers.conf" $accounts 644
    local lacking=()
    getent group mien >/dev/null || lacking+=(group:mien)
    getent passwd mien-kiosk >/dev/null || lacking+=(user:mien-kiosk)
    [ ${#lacking[@]} -gt 0 ] || return 0
    say "Accounts: ${lacking[*]} (mien-hub and mien-sense have none: systemd lends them one while they run)"
    act systemd-sysusers $accounts
    # For the end of it all: only what was not here before is taken away again.
    [ "$dry" ] || { mkdir -p $home && printf '%s\n' "${lacking[@]}" >>$home/accounts; }
}

# Put a file of ours in its place, if it is not there like that already.
placed() {
    cmp -s "$1" "$2" && return 0
    say "$2"
    act install -D -m"$3" "$1" "$2"
    reload=yes
}

# -- the virtual environment

# What it is made of: the same again needs no building.
fingerprint() {
    {
        (cd "$source" && find device convert pyproject.toml -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
        say "$python $version $theirs ${requirements[*]}"
    } | sha256sum | cut -d' ' -f1
}

built() {
    local one
    # picamera2's own partner, which Debian 12 has for an older numpy; PyAudio is Debian's.
    if [ "$picamera2" ]; then
        mapfile -t requirements < <("$python" -c '
import sys, tomllib
of = tomllib.load(open(sys.argv[1], "rb"))["project"]["optional-dependencies"]["pi"]
print(*(one for one in of if not one.lower().startswith("pyaudio")), sep="\n")' "$source/pyproject.toml")
    fi
    local print old
    print=$(fingerprint)
    old=$(current)
    if [ "$old" ] && [ "$(cat "$old/fingerprint" 2>/dev/null)" = "$print" ] && "$old/bin/mien" --version >/dev/null 2>&1; then
        say "$("$old/bin/mien" --version) is in $home, made of this same clone: kept."
        return 0
    fi
    say "${old:+A new virtual environment, beside the old one, in}${old:-A virtual environment in} $home; this takes some minutes."
    if [ "$dry" ]; then
        act "$python" -m venv ${theirs:+--system-site-packages} "$home/venv-XXXXXX"
        act pip install "$source" "${requirements[@]}"
        return 0
    fi
    changed=yes
    mkdir -p $home $cache
    work=$(mktemp -d $cache/work-XXXXXX)
    new=$(mktemp -d $home/venv-XXXXXX)
    chmod 755 "$new"
    "$python" -m venv ${theirs:+--system-site-packages} "$new" ||
        refuse "no virtual environment could be made; what Python said stands above."
    # A copy, so that nothing of root's is left in the clone.
    mkdir "$work/source"
    (cd "$source" && cp -r device convert pyproject.toml README.md LICENSE "$work/source")
    # TMPDIR: /tmp lies in the memory of a small machine. --ignore-installed: of Debian's packages only those that
    # no pip has are used, so that apt can go its way with the others.
    TMPDIR=$work XDG_CACHE_HOME=$cache "$new/bin/pip" install --quiet --disable-pip-version-check --ignore-installed \
        "$work/source$([ "$theirs" ] || say '[mic]')" "${requirements[@]}" ||
        refuse "pip could not install Mien; what it said stands above.${old:+ The installed one runs on as it was.}"
    for one in "$old"/lib/python3*/site-packages/device/models/face_detection_*.tflite; do
        [ ! -e "$one" ] || cp -n "$one" "$new"/lib/python3*/site-packages/device/models/
    done
    TMPDIR=$work XDG_CACHE_HOME=$cache "$new/bin/mien" models fetch ||
        refuse "the face detectors could not be fetched.${old:+ The installed Mien runs on as it was.}"
    say "$print" >"$new/fingerprint"
}

# -- settings

wrote_settings() {
    local mien
    mien=${new:-$(current)}
    mien=${mien:-$home}/bin/mien
    if [ ! -e $settings ]; then
        say "$settings, with every key explained"
        act install -d -m755 "${settings%/*}"
        act "$mien" --settings $settings config init
        # An IP camera's address may hold its password.
        act chgrp mien $settings
        act chmod 640 $settings
    elif [ "$dry" ]; then
        return 0
    elif ! setpriv --reuid=65534 --regid=mien --clear-groups test -r $settings; then
        say "$settings could not be read by the services: it is of the group mien now."
        act chgrp mien $settings
        act chmod g+r $settings
    fi
    [ "$dry" ] || "$mien" --settings $settings config check >/dev/null ||
        refuse "$settings does not suit this Mien, see above; correct it, and run this again.${first:- The installed one runs on as it was.}"
}

# -- units

placed_units() {
    local unit
    [ ! "$kiosk" ] && [ ! -e $units/mien-kiosk.service ] && unset 'all[3]'
    for unit in "${all[@]}"; do
        [ ! -f "/etc/systemd/system/$unit" ] ||
            say "Note: /etc/systemd/system/$unit is yours and comes first; it was left as it is."
        if [ "$unit" = mien-kiosk.service ] && [ ! -x /usr/bin/chromium ] && [ -x /usr/bin/chromium-browser ]; then
            local named
            named=$(mktemp)
            sed 's|/usr/bin/chromium |/usr/bin/chromium-browser |' "$source/systemd/$unit" >"$named"
            placed "$named" "$units/$unit" 644
            rm "$named"
        else
            placed "$source/systemd/$unit" "$units/$unit" 644
        fi
    done
    [ ! "${all[3]-}" ] || placed_limits
    if [ -e $command ] && ! grep -qs "Mien's systemd/install.sh" $command; then
        say "Note: $command is not of this installer, and was left as it is."
    else
        placed "$source/systemd/mien" $command 755
    fi
}

# They hold where PAM puts the browser, which is not its unit.
placed_limits() {
    local uid
    # In a dry run there may be none yet.
    uid=$(getent passwd mien-kiosk | cut -d: -f3) || uid=UID
    placed "$source/systemd/mien-kiosk.slice.conf" "$units/user-$uid.slice.d/mien-kiosk.conf" 644
}

# Once: what was disabled later stays so.
enabled() {
    if [ "$first" ]; then
        say "To be started at every boot: mien.target (mien-hub and mien-sense)"
        act systemctl --quiet enable mien.target mien-hub.service mien-sense.service
    fi
    if [ "$first_kiosk" ]; then
        say "To be started at every boot: mien-kiosk"
        act systemctl --quiet enable mien-kiosk.service
    fi
}

# -- the change

switched() {
    ln -s "${1##*/}/bin" $home/.bin
    mv -T $home/.bin $home/bin
}

doctored() {
    say "What mien doctor says:"
    timeout 120 "$source/systemd/mien" doctor 2>&1 | sed 's/^/  /' || true
}

started() {
    local unit
    for unit in "${all[@]}"; do
        ! systemctl --quiet is-enabled "$unit" 2>/dev/null || systemctl --quiet is-active "$unit" || act systemctl start "$unit" || return 1
    done
}

took_over() {
    local old
    old=$(current)
    if [ "$dry" ]; then
        [ ! "$start" ] || [ ! "$changed" ] || say "  would run: systemctl daemon-reload, start mien.target; mien doctor"
        return 0
    fi
    if [ ! "$start" ]; then
        [ -z "$new" ] || switched "$new"
        [ -z "$changed" ] || doctored
        return 0
    fi
    [ ! "$reload" ] || systemctl daemon-reload
    if [ "$changed" ]; then
        # Doctor tries the devices, which a running sense holds.
        systemctl stop "${all[@]}"
        [ -z "$new" ] || switched "$new"
        doctored
    fi
    if ! started; then
        journalctl -q --no-pager -n 15 -u mien-hub -u mien-sense >&2 || true
        if [ "$new" ] && [ "$old" ]; then
            systemctl stop "${all[@]}" || true
            switched "$old"
            systemctl reset-failed "${all[@]}" 2>/dev/null || true
            started || true
            refuse "the new one did not start (its last words stand above): the old one runs again."
        fi
        refuse "Mien is installed, and did not start; its last words stand above." "More: journalctl -u mien-hub -u mien-sense"
    fi
    for old in "$home"/venv-*; do
        [ "$old" -ef "$(current)" ] || rm -rf "$old"
    done
}

reported() {
    local unit
    if [ "$dry" ]; then
        if [ "$changed" ]; then say "Nothing was done: --dry-run."; else say "Nothing would have to be changed."; fi
        return 0
    fi
    [ "$changed" ] || say "Nothing had to be changed."
    if [ "$start" ]; then
        for unit in "${all[@]}"; do say "$unit: $(systemctl is-active "$unit" || true)"; done
        say "The page: http://127.0.0.1:8137/    What happens: journalctl -f -u mien-hub -u mien-sense"
    else
        say "Mien starts with the next boot."
    fi
    say "Settings: $settings; after a change: sudo systemctl reload mien-hub mien-sense"
    say "What works and what does not: sudo mien doctor"
}

# -- and away again

# The screen's session has a manager of its own, which outlives it by ten seconds; whose processes run cannot be deleted.
ended_session() {
    local uid
    uid=$(getent passwd mien-kiosk | cut -d: -f3) || return 0
    act loginctl terminate-user mien-kiosk 2>/dev/null || true
    # This one waits until they are gone.
    act systemctl stop "user-$uid.slice" || say "Note: processes of mien-kiosk may still run."
}

uninstalled() {
    local unit line kept=()
    if [ ! -e $home ] && [ ! -e $units/mien.target ]; then
        say "No Mien of this installer is here."
    fi
    local mine=()
    for unit in "${all[@]}"; do [ ! -e "$units/$unit" ] || mine+=("$unit"); done
    if [ ${#mine[@]} -gt 0 ]; then
        say "Stopped, and no longer started: ${mine[*]}"
        if runs_systemd; then
            act systemctl stop "${mine[@]}"
            ended_session
        fi
        act systemctl --quiet disable "${mine[@]}"
        for unit in "${mine[@]}"; do act rm -f "$units/$unit"; done
        for line in "$units"/user-*.slice.d/mien-kiosk.conf; do
            [ -e "$line" ] || continue
            act rm -f "$line"
            [ "$dry" ] || rmdir --ignore-fail-on-non-empty "${line%/*}"
        done
        if runs_systemd; then
            act systemctl daemon-reload
            act systemctl reset-failed "${mine[@]}" 2>/dev/null || true
        fi
    fi
    if [ -e $home/packages ]; then
        say "Debian packages stay; they came with Mien: $(sort -u $home/packages | tr '\n' ' ')"
    fi
    if [ -e $home/accounts ]; then
        while IFS=: read -r line unit; do
            say "Account: $line $unit"
            case $line in
                user) ! getent passwd "$unit" >/dev/null || act userdel "$unit" || say "Note: it stays: sudo userdel $unit" ;;
                group) ! getent group "$unit" >/dev/null || act groupdel "$unit" || say "Note: it stays: sudo groupdel $unit" ;;
            esac
        done <$home/accounts
    fi
    if grep -qs "Mien's systemd/install.sh" $command; then act rm -f $command; fi
    local ours=("$accounts" "$home" "$cache")
    # A link leads to a folder in which there may be more.
    [ ! -L $home ] || ours=("$accounts" "$home"/{bin,.bin,packages,accounts} "$home"/venv-* "$home" "$cache")
    for line in "${ours[@]}"; do
        [ -e "$line" ] || [ -L "$line" ] || continue
        act rm -rf "$line"
    done
    # The folders are Debian's or the administrator's; they go only if nobody needs them.
    [ "$dry" ] || rmdir --ignore-fail-on-non-empty $units ${units%/*} ${accounts%/*} 2>/dev/null || true
    for line in /etc/mien /etc/systemd/system/mien.target.d /etc/systemd/system/mien-{hub,sense,kiosk}.service.d \
        /var/lib/private/mien-{hub,sense} /var/lib/mien-{hub,sense}; do
        [ -e "$line" ] || [ -L "$line" ] || continue
        if [ "$purge" ]; then act rm -rf "$line"; else kept+=("$line"); fi
    done
    if [ "$dry" ]; then
        say "Nothing was done: --dry-run."
    elif [ ${#kept[@]} -gt 0 ]; then
        say "Kept, your settings and history: ${kept[*]}"
        say "To remove those too: sudo systemd/install.sh --uninstall --purge"
    else
        say "Nothing of Mien is left here."
    fi
}

for argument in "$@"; do
    case $argument in
        --kiosk) kiosk=yes ;;
        --no-start) start="" ;;
        --dry-run) dry=yes ;;
        --uninstall) what=uninstall ;;
        --purge) purge=yes ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            printf 'install.sh: %s is not known; see --help\n' "$argument" >&2
            exit 2
            ;;
    esac
done
[ ! "$purge" ] || [ $what = uninstall ] || {
    echo "install.sh: --purge goes with --uninstall; see --help" >&2
    exit 2
}
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $what = install ] || start=""
checked
if [ ! "$dry" ]; then
    exec 9>/run/mien-install.lock
    flock -n 9 || refuse "another install.sh is running."
    trap cleaned EXIT
fi
if [ $what = uninstall ]; then
    uninstalled
    exit 0
fi
[ -e $units/mien.target ] || first=yes
[ ! "$kiosk" ] || [ -e $units/mien-kiosk.service ] || first_kiosk=yes
found_python
wanted_packages
made_accounts
built
wrote_settings
placed_units
enabled
took_over
reported
