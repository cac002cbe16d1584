#!/usr/bin/env bash
# Installs the programs outside Python that parts of the platform use, where apt and the rights for
# it are at hand; names what is missing and what for where they are not. Never fails the setup, and
# never starts or stops a service.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

pairs="apertium-eng-spa apertium-fr-es apertium-es-pt apertium-spa-ita apertium-eng-cat
    apertium-spa-cat apertium-fra-cat apertium-por-cat apertium-cat-ita apertium-eo-en apertium-eo-fr
    apertium-en-gl apertium-es-gl apertium-pt-gl apertium-es-ro apertium-oci-fra apertium-hbs-eng
    apertium-isl-eng apertium-mkd-eng apertium-eu-en apertium-afr-nld apertium-rus-ukr
    apertium-bel-rus apertium-swe-dan apertium-swe-nor apertium-dan-nor apertium-urd-hin"

# One line a part: packages | what is missing without them.
parts() {
    cat <<PARTS
apertium $(echo $pairs)|translation without any download (Apertium's language pairs)
chromium|the tests of the web app and the meeting bot
flite espeak-ng|the tests that make speech of their own, and embedded voices
redis-server|the distributed installation, and its tests
iproute2|the tests of an installation on several machines (network namespaces)
fonts-noto-core fonts-noto-cjk|subtitles of the virtual webcam in the scripts of most languages
libportaudio2|livetranslate mic (the microphone of this machine)
PARTS
    if ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null &&
        ! command -v postgres >/dev/null; then
        echo "postgresql|PostgreSQL as the database, and its tests (SQLite needs nothing)"
    fi
}

# have PACKAGE: whether it, or what it brings, is here (also where it was not installed by apt).
have() {
    case $1 in
    chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
    iproute2) command -v ip ;;
    redis-server | flite | espeak-ng | apertium) command -v "$1" ;;
    *) dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed ;;
    esac >/dev/null
}

missing_of() {
    local package
    for package in "$@"; do
        have "$package" || echo "$package"
    done
}

known() { apt-cache show --no-all-versions "$1" >/dev/null 2>&1; }

try_to_install() {
    local package wanted=()
    command -v apt-get >/dev/null && may_be_root || return 0
    say "Installing system packages: $*"
    as_root apt-get update -qq || warn "apt-get update failed; going on with the lists that are here"
    for package in "$@"; do
        if known "$package"; then wanted+=("$package"); fi
    done
    [ ${#wanted[@]} -eq 0 ] || apt_install "${wanted[@]}" ||
        warn "apt could not install all of them; see its message above"
}

report() {
    local packages purpose missing
    while IFS='|' read -r packages purpose; do
        # shellcheck disable=SC2086
        missing=$(missing_of $packages)
        [ -z "$missing" ] || warn "missing: $purpose
    mend it with: sudo apt-get install $(echo $missing)"
    done < <(parts)
}

# shellcheck disable=SC2046
missing=$(missing_of $(parts | cut -d'|' -f1))
[ -z "$missing" ] && exit

key=$(printf '%s\n' "$missing" | hash_of -)
if ! stamped system-tried "$key"; then
    # shellcheck disable=SC2086
    try_to_install $missing
    # shellcheck disable=SC2046
    missing=$(missing_of $(parts | cut -d'|' -f1))
    stamp system-tried "$(printf '%s\n' "$missing" | hash_of -)"
fi
report
