#!/bin/bash
# Installs Mien as two system services. --help says what it creates and what it does not touch.
set -euo pipefail
umask 022

usage() {
    cat <<'TEXT'
sudo systemd/install.sh [--kiosk] [--camera ADDRESS] [--no-start] [--dry-run]
sudo systemd/install.sh --uninstall [--purge] [--dry-run]

Installs Mien from this clone as system services, or updates an installed one to this clone. It asks no questions.

  --kiosk       also show the page on this device's screen (cage and Chromium, without a desktop)
  --camera ADDRESS
                let the process with the camera reach an IP camera at this address, such as 192.168.1.20, and no other
  --no-start    prepare everything, but do not start Mien before the next boot
  --uninstall   remove Mien; keep settings (/etc/mien, drop-ins of systemctl edit) and history (/var/lib/private/mien-*)
  --purge       with --uninstall: remove those, too
  --dry-run     only print what would be done
  --help        print this text

What it creates:
  missing Debian packages, a virtual environment in /opt/mien that can use them, the group mien and the user mien-kiosk,
  /etc/mien/mien.toml (written once, then yours), units in /usr/local/lib/systemd/system, the folder /run/mien for their
  sockets (/usr/local/lib/tmpfiles.d), /usr/local/bin/mien, and downloads in /var/cache/mien. With --camera, a drop-in
  of mien-sense in /etc/systemd/system.
What it does not touch:
  existing settings, units and drop-ins in /etc/systemd/system, units that were disabled.
An update is built beside the installed version, which keeps running until the new one is complete. If the new one does
not start, the old one is started again.
pip uses its usual settings: /etc/pip.conf, or sudo PIP_INDEX_URL=... systemd/install.sh. It takes only files whose SHA-256
is in requirements/. PYTHON=python3.12 chooses a Python.
TEXT
}

home=/opt/mien
cache=/var/cache/mien
settings=/etc/mien/mien.toml
units=/usr/local/lib/systemd/system
accounts=/usr/local/lib/sysusers.d/mien.conf
folders=/usr/local/lib/tmpfiles.d/mien.conf
command=/usr/local/bin/mien
sockets=/run/mien
all=(mien.target mien-hub.service mien-sense.service mien-kiosk.service)

dry="" kiosk="" camera="" start=yes purge="" what=install
changed="" first="" first_kiosk="" new="" work="" reload="" lists="" picamera2=""
packages=()

say() { printf '%s\n' "$*"; }
refuse() {
    printf 'install.sh: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}
# Run a command that changes something; with --dry-run, only print it.
act() {
    changed=yes
    if [ "$dry" ]; then say "  would run: $*"; else "$@"; fi
}

clean_up() {
    [ -z "$work" ] || rm -rf "$work"
    # An environment that is not complete is of no use. The old one was never touched.
    [ -z "$new" ] || [ "$(current_environment)" -ef "$new" ] || rm -rf "$new"
}

# The environment in use; nothing if there is none. The path has its links resolved, and /opt may be a link to a larger
# disk, so compare it with -ef.
current_environment() {
    local bin
    [ ! -L $home/bin ] || [ ! -e $home/bin ] || { bin=$(readlink -f $home/bin) && say "${bin%/bin}"; }
}

runs_systemd() { [ -d /run/systemd/system ]; }

# -- checks

check_system() {
    [ "$dry" ] || [ "$(id -u)" = 0 ] || refuse "needs root: sudo systemd/install.sh" "Only to see what it would do: --dry-run"
    command -v systemctl >/dev/null || refuse "this system has no systemd, which starts Mien and isolates it." \
        "By hand: mien run (README, \"On a Pi in ten minutes\")"
    [ -z "$start" ] || [ "$dry" ] || runs_systemd || refuse "systemd does not run here (is this a container or an image being built?)." \
        "To prepare everything for the next boot: systemd/install.sh --no-start"
    [ "$what" = install ] || return 0
    command -v apt-get >/dev/null || refuse "this system has no apt. The installer supports Debian, Ubuntu, Raspberry Pi OS and JetPack." \
        "On other systems, install by hand: systemd/README.md"
    local bits
    bits=$(dpkg --print-architecture)
    case $bits in
        amd64 | arm64) ;;
        *) refuse "this system is $bits, but the model runtime exists for amd64 and arm64 only." \
            "On a Raspberry Pi 3, 4, 5 or Zero 2: install the 64-bit Raspberry Pi OS" ;;
    esac
    [ ! -e $home/pyvenv.cfg ] || refuse "$home is a virtual environment that was created by hand." \
        "Move it away and run this again: sudo mv $home $home.by-hand"
}

# Sets python, version (such as 3.11), and system_python if it is the one that Debian's packages are built for.
find_python() {
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
        [ "$version" ] || refuse "${PYTHON:-python3} was not found: sudo apt install python3"
        refuse "Python $version is too old: Mien needs 3.11 or newer." \
            "Ubuntu 22.04 and JetPack 6: sudo apt install python3.11 python3.11-venv (from universe), then run this again;" \
            "the installer finds it, and the system's own Python stays as it is." \
            "Debian 11 and Raspberry Pi OS Bullseye: upgrade to Bookworm or Trixie."
    fi
    case $(readlink -f "$python") in
        /root/* | /home/*) refuse "$python lies in a home folder, which the services cannot read." \
            "Choose a Python of the system: sudo PYTHON=/usr/bin/python3 systemd/install.sh" ;;
    esac
    system_python=""
    [ "$(readlink -f "$python")" != "$(readlink -f /usr/bin/python3)" ] || system_python=yes
}

# -- Debian packages

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
is_listed() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep 'Candidate: [^(]' >/dev/null; }
# A fresh image has no package lists yet.
is_available() {
    is_installed "$1" || is_listed "$1" && return 0
    [ "$dry" ] || update_package_lists
    is_listed "$1"
}
# Prints to stderr, since $(find_browser) reads the name of a package from stdout.
update_package_lists() {
    [ ! "$lists" ] || return 0
    lists=new
    {
        say "Updating the package lists."
        apt-get update -qq || say "  That failed; going on with the existing lists."
    } >&2
}
is_a_pi() { grep -qsa "Raspberry Pi" /proc/device-tree/model; }

install_packages() {
    local each
    if [ "$system_python" ]; then
        # Debian's PyAudio needs no compiler and brings PortAudio.
        packages=(python3-venv python3-pyaudio)
    else
        packages=("python$version-venv" "python$version-dev" portaudio19-dev gcc libc6-dev)
    fi
    if is_a_pi; then
        if [ -z "$system_python" ]; then
            say "Note: python3-picamera2 works with the system's Python only, not with $python: use a USB camera."
        elif is_available python3-picamera2; then
            packages+=(python3-picamera2)
            picamera2=yes
        else
            say "Note: this system has no package python3-picamera2 (Raspberry Pi OS has it): use a USB camera."
        fi
    fi
    if [ "$kiosk" ]; then
        if is_available cage && [ "$(find_browser)" ]; then
            packages+=(cage "$(find_browser)" fonts-noto-core)
        else
            refuse "--kiosk needs the packages cage and chromium, which this system does not have (Ubuntu has a snap only)." \
                "Without --kiosk, open the page in any browser: http://127.0.0.1:8137/"
        fi
    fi
    local missing=()
    for each in "${packages[@]}"; do is_installed "$each" || missing+=("$each"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Missing Debian packages: ${missing[*]}"
    if [ "$dry" ]; then
        act apt-get install -y --no-install-recommends "${missing[@]}"
        return 0
    fi
    update_package_lists
    changed=yes
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        refuse "apt could not install ${missing[*]}; see its messages above. Nothing else was changed."
    mkdir -p $home
    printf '%s\n' "${missing[@]}" >>$home/packages
}

# Raspberry Pi OS Bookworm has another name for it. Ubuntu's package only installs a snap.
find_browser() {
    grep -qs '^ID=ubuntu' /etc/os-release && return 0
    local name
    for name in chromium chromium-browser; do
        if is_available $name; then
            say $name
            return
        fi
    done
}

# -- group and user

create_accounts() {
    install_file "$source/systemd/mien.sysusers.conf" $accounts 644
    local lacking=()
    getent group mien >/dev/null || lacking+=(group:mien)
    getent passwd mien-kiosk >/dev/null || lacking+=(user:mien-kiosk)
    [ ${#lacking[@]} -gt 0 ] || return 0
    say "Accounts: ${lacking[*]} (mien-hub and mien-sense need none: systemd gives them temporary users)"
    act systemd-sysusers $accounts
    # For --uninstall, which removes only accounts that did not exist before.
    [ "$dry" ] || { mkdir -p $home && printf '%s\n' "${lacking[@]}" >>$home/accounts; }
}

# Install a file, unless it is there already with the same content.
install_file() {
    cmp -s "$1" "$2" && return 0
    say "$2"
    act install -D -m"$3" "$1" "$2"
    reload=yes
}

# -- the virtual environment

# A hash of everything that the environment is built from: with the same hash, there is nothing to build.
fingerprint() {
    {
        (cd "$source" && find device convert requirements pyproject.toml -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
        say "$python $version $system_python $picamera2"
    } | sha256sum | cut -d' ' -f1
}

# TMPDIR: on a small machine, /tmp is in memory.
pip_install() { TMPDIR=$work XDG_CACHE_HOME=$cache "$new/bin/pip" install --quiet --disable-pip-version-check "$@"; }

build_environment() {
    local one locks=("$source/requirements/device.txt")
    # What picamera2 needs in a newer version than Debian 12 has, because of numpy. PyAudio comes from Debian.
    [ ! "$picamera2" ] || locks+=("$source/requirements/picamera2.txt")
    local print old
    print=$(fingerprint)
    old=$(current_environment)
    if [ "$old" ] && [ "$(cat "$old/fingerprint" 2>/dev/null)" = "$print" ] && "$old/bin/mien" --version >/dev/null 2>&1; then
        say "$("$old/bin/mien" --version) in $home was built from this clone already."
        return 0
    fi
    say "Building a virtual environment in $home${old:+, beside the old one}; this takes some minutes."
    if [ "$dry" ]; then
        act "$python" -m venv ${system_python:+--system-site-packages} "$home/venv-XXXXXX"
        act pip install --require-hashes --only-binary :all: "${locks[@]/#/--requirement=}"
        act pip install --no-index --no-deps "$source"
        return 0
    fi
    changed=yes
    mkdir -p $home $cache
    work=$(mktemp -d $cache/work-XXXXXX)
    new=$(mktemp -d $home/venv-XXXXXX)
    chmod 755 "$new"
    "$python" -m venv ${system_python:+--system-site-packages} "$new" ||
        refuse "the virtual environment could not be created; see the messages above."
    # Build from a copy, so that no file of root is left in the clone.
    mkdir "$work/source"
    (cd "$source" && cp -r device convert pyproject.toml README.md LICENSE "$work/source")
    # Every package as a wheel whose hash is in requirements/. What Mien itself, and PyAudio where Debian's does not fit, are
    # built with is one of them. --ignore-installed: use only those of Debian's packages that pip does not have, so that
    # apt can update the others freely.
    {
        pip_install --require-hashes --only-binary :all: -r "$source/requirements/build.txt" &&
            pip_install --require-hashes --only-binary :all: --ignore-installed "${locks[@]/#/--requirement=}" &&
            if [ ! "$system_python" ]; then
                pip_install --require-hashes --only-binary :all: --no-binary pyaudio --no-build-isolation \
                    -r "$source/requirements/microphone.txt"
            fi &&
            pip_install --no-index --no-deps --no-build-isolation --ignore-installed "$work/source"
    } || refuse "pip could not install Mien; see its messages above.${old:+ The installed version keeps running.}"
    for one in "$old"/lib/python3*/site-packages/device/models/face_detection_*.tflite; do
        [ ! -e "$one" ] || cp -n "$one" "$new"/lib/python3*/site-packages/device/models/
    done
    TMPDIR=$work XDG_CACHE_HOME=$cache "$new/bin/mien" models fetch ||
        refuse "the face detectors could not be fetched.${old:+ The installed version keeps running.}"
    say "$print" >"$new/fingerprint"
}

# -- settings

write_settings() {
    local mien
    mien=${new:-$(current_environment)}
    mien=${mien:-$home}/bin/mien
    if [ ! -e $settings ]; then
        say "$settings, with an explanation of every key"
        act install -d -m755 "${settings%/*}"
        act "$mien" --settings $settings config init
        # The address of an IP camera may contain a password.
        act chgrp mien $settings
        act chmod 640 $settings
    elif [ "$dry" ]; then
        return 0
    elif ! setpriv --reuid=65534 --regid=mien --clear-groups test -r $settings; then
        say "The services could not read $settings; giving it the group mien."
        act chgrp mien $settings
        act chmod g+r $settings
    fi
    [ "$dry" ] || RUNTIME_DIRECTORY=/run/mien "$mien" --settings $settings config check >/dev/null ||
        refuse "$settings does not fit this version of Mien, see above; correct it and run this again.${first:- The installed version keeps running.}"
}

# -- units

install_units() {
    local unit
    [ ! "$kiosk" ] && [ ! -e $units/mien-kiosk.service ] && unset 'all[3]'
    for unit in "${all[@]}"; do
        [ ! -f "/etc/systemd/system/$unit" ] ||
            say "Note: your own /etc/systemd/system/$unit takes precedence; it was not changed."
        if [ "$unit" = mien-kiosk.service ] && [ ! -x /usr/bin/chromium ] && [ -x /usr/bin/chromium-browser ]; then
            local named
            named=$(mktemp)
            sed 's|/usr/bin/chromium |/usr/bin/chromium-browser |' "$source/systemd/$unit" >"$named"
            install_file "$named" "$units/$unit" 644
            rm "$named"
        else
            install_file "$source/systemd/$unit" "$units/$unit" 644
        fi
    done
    install_file "$source/systemd/mien.tmpfiles.conf" $folders 644
    [ ! "${all[3]-}" ] || install_kiosk_limits
    if [ -e $command ] && ! grep -qs "Mien's systemd/install.sh" $command; then
        say "Note: $command does not come from this installer; it was not changed."
    else
        install_file "$source/systemd/mien" $command 755
    fi
}

# For the slice into which PAM moves the browser, out of its unit.
install_kiosk_limits() {
    local uid
    # In a dry run, the user may not exist yet.
    uid=$(getent passwd mien-kiosk | cut -d: -f3) || uid=UID
    install_file "$source/systemd/mien-kiosk.slice.conf" "$units/user-$uid.slice.d/mien-kiosk.conf" 644
}

# One window for an IP camera, if --camera asks for it.
allow_camera() {
    local mien said
    [ "$camera" ] || return 0
    mien=${new:-$(current_environment)}
    mien=${mien:-$home}/bin/mien
    if [ "$dry" ]; then
        act "$mien" --settings $settings camera allow "$camera"
        return 0
    fi
    said=$("$mien" --settings $settings camera allow --no-restart "$camera") || refuse "--camera $camera: see above."
    say "$said"
    [[ $said == *"nothing to change"* ]] || changed=yes reload=yes
}

# Only at the first installation: a unit that was disabled later stays disabled.
enable_units() {
    if [ "$first" ]; then
        say "Will start at every boot: mien.target (mien-hub and mien-sense)"
        act systemctl --quiet enable mien.target mien-hub.service mien-sense.service
    fi
    if [ "$first_kiosk" ]; then
        say "Will start at every boot: mien-kiosk"
        act systemctl --quiet enable mien-kiosk.service
    fi
}

# -- switching to the new environment

activate() {
    ln -s "${1##*/}/bin" $home/.bin
    mv -T $home/.bin $home/bin
}

run_doctor() {
    say "Output of mien doctor:"
    timeout 120 "$source/systemd/mien" doctor 2>&1 | sed 's/^/  /' || true
}

# The folder of the sockets. Up to version 0.1, systemd gave it to the user of the hub.
make_folder() {
    [ "$(stat -c %u:%a $sockets 2>/dev/null)" = 0:770 ] || act systemd-tmpfiles --create $folders
}

start_units() {
    local unit
    make_folder || return 1
    for unit in "${all[@]}"; do
        ! systemctl --quiet is-enabled "$unit" 2>/dev/null || systemctl --quiet is-active "$unit" || act systemctl start "$unit" || return 1
    done
}

switch_over() {
    local old
    old=$(current_environment)
    if [ "$dry" ]; then
        [ ! "$start" ] || [ ! "$changed" ] || say "  would run: systemctl daemon-reload, start mien.target; mien doctor"
        return 0
    fi
    if [ ! "$start" ]; then
        [ -z "$new" ] || activate "$new"
        [ -z "$changed" ] || run_doctor
        return 0
    fi
    [ ! "$reload" ] || systemctl daemon-reload
    if [ "$changed" ]; then
        # Doctor opens the devices, which a running sense has in use.
        systemctl stop "${all[@]}"
        [ -z "$new" ] || activate "$new"
        run_doctor
    fi
    if ! start_units; then
        journalctl -q --no-pager -n 15 -u mien-hub -u mien-sense >&2 || true
        if [ "$new" ] && [ "$old" ]; then
            systemctl stop "${all[@]}" || true
            activate "$old"
            systemctl reset-failed "${all[@]}" 2>/dev/null || true
            start_units || true
            refuse "the new version did not start (its last messages stand above); the old version runs again."
        fi
        refuse "Mien is installed, but did not start; its last messages stand above." "More: journalctl -u mien-hub -u mien-sense"
    fi
    for old in "$home"/venv-*; do
        [ "$old" -ef "$(current_environment)" ] || rm -rf "$old"
    done
}

print_report() {
    local unit
    if [ "$dry" ]; then
        if [ "$changed" ]; then say "Dry run: nothing was done."; else say "Nothing to change."; fi
        return 0
    fi
    [ "$changed" ] || say "Nothing to change."
    if [ "$start" ]; then
        for unit in "${all[@]}"; do say "$unit: $(systemctl is-active "$unit" || true)"; done
        say "The page: http://127.0.0.1:8137/    The log: journalctl -f -u mien-hub -u mien-sense"
    else
        say "Mien will start at the next boot."
    fi
    say "Settings: $settings; after a change: sudo systemctl reload mien-hub mien-sense"
    say "To check everything: sudo mien doctor"
}

# -- uninstalling

# The kiosk's session has a manager, which runs ten seconds longer; a user with processes cannot be deleted.
end_kiosk_session() {
    local uid
    uid=$(getent passwd mien-kiosk | cut -d: -f3) || return 0
    act loginctl terminate-user mien-kiosk 2>/dev/null || true
    # This waits until its processes have ended.
    act systemctl stop "user-$uid.slice" || say "Note: some processes of mien-kiosk may still run."
}

uninstall() {
    local unit line kept=()
    if [ ! -e $home ] && [ ! -e $units/mien.target ]; then
        say "Mien is not installed here, at least not by this installer."
    fi
    local mine=()
    for unit in "${all[@]}"; do [ ! -e "$units/$unit" ] || mine+=("$unit"); done
    if [ ${#mine[@]} -gt 0 ]; then
        say "Stopping and disabling ${mine[*]}"
        if runs_systemd; then
            act systemctl stop "${mine[@]}"
            end_kiosk_session
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
        say "These Debian packages were installed for Mien and stay: $(sort -u $home/packages | tr '\n' ' ')"
    fi
    if [ -e $home/accounts ]; then
        while IFS=: read -r line unit; do
            say "Removing $line $unit"
            case $line in
                user) ! getent passwd "$unit" >/dev/null || act userdel "$unit" || say "Note: it could not be removed: sudo userdel $unit" ;;
                group) ! getent group "$unit" >/dev/null || act groupdel "$unit" || say "Note: it could not be removed: sudo groupdel $unit" ;;
            esac
        done <$home/accounts
    fi
    if grep -qs "Mien's systemd/install.sh" $command; then act rm -f $command; fi
    local ours=("$accounts" "$folders" "$home" "$cache")
    ! runs_systemd || ours+=("$sockets")
    # If it is a link, its folder may contain other things.
    [ ! -L $home ] || ours=("$accounts" "$folders" "$home"/{bin,.bin,packages,accounts} "$home"/venv-* "$home" "$cache")
    for line in "${ours[@]}"; do
        [ -e "$line" ] || [ -L "$line" ] || continue
        act rm -rf "$line"
    done
    # These folders may belong to others: remove them only if they are empty.
    [ "$dry" ] || rmdir --ignore-fail-on-non-empty $units ${units%/*} ${accounts%/*} ${folders%/*} 2>/dev/null || true
    for line in /etc/mien /etc/systemd/system/mien.target.d /etc/systemd/system/mien-{hub,sense,kiosk}.service.d \
        /var/lib/private/mien-{hub,sense} /var/lib/mien-{hub,sense}; do
        [ -e "$line" ] || [ -L "$line" ] || continue
        if [ "$purge" ]; then act rm -rf "$line"; else kept+=("$line"); fi
    done
    if [ "$dry" ]; then
        say "Dry run: nothing was done."
    elif [ ${#kept[@]} -gt 0 ]; then
        say "Kept your settings and history: ${kept[*]}"
        say "To remove those, too: sudo systemd/install.sh --uninstall --purge"
    else
        say "Mien is removed completely."
    fi
}

for argument in "$@"; do
    if [ "$camera" = next ]; then
        camera=$argument
        continue
    fi
    case $argument in
        --kiosk) kiosk=yes ;;
        --camera) camera=next ;;
        --no-start) start="" ;;
        --dry-run) dry=yes ;;
        --uninstall) what=uninstall ;;
        --purge) purge=yes ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            printf 'install.sh: unknown option %s; see --help\n' "$argument" >&2
            exit 2
            ;;
    esac
done
[ ! "$purge" ] || [ $what = uninstall ] || {
    echo "install.sh: --purge needs --uninstall; see --help" >&2
    exit 2
}
if [ "$camera" = next ] || { [ "$camera" ] && [ $what = uninstall ]; }; then
    echo "install.sh: --camera needs an address, such as 192.168.1.20, and goes with an installation; see --help" >&2
    exit 2
fi
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $what = install ] || start=""
check_system
if [ ! "$dry" ]; then
    exec 9>/run/mien-install.lock
    flock -n 9 || refuse "another install.sh is running; wait until it has finished."
    trap clean_up EXIT
fi
if [ $what = uninstall ]; then
    uninstall
    exit 0
fi
[ -e $units/mien.target ] || first=yes
[ ! "$kiosk" ] || [ -e $units/mien-kiosk.service ] || first_kiosk=yes
find_python
install_packages
create_accounts
build_environment
write_settings
install_units
allow_camera
enable_units
switch_over
print_report
