#!/bin/sh
# Makes sure that the programs behind the named Debian packages are here: installs what is missing where that is
# possible without asking (root, apt), and else prints the line to type and fails.
set -eu

has() {
    case $1 in
        postgresql)
            for server in "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin; do
                if [ -x "$server/initdb" ] && [ -x "$server/postgres" ]; then return 0; fi
            done
            command -v initdb >/dev/null && command -v postgres >/dev/null ;;
        chromium-driver) command -v chromedriver >/dev/null ;;
        iproute2) command -v ip >/dev/null ;;
        nodejs) command -v node >/dev/null ;;
        python3-venv) python3 -c "import venv, ensurepip" 2>/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

missing=
for package in "$@"; do
    has "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # a list of packages
    apt-get install -y --no-install-recommends $missing </dev/null >/dev/null 2>&1 ||
        { apt-get update </dev/null >/dev/null && apt-get install -y --no-install-recommends $missing </dev/null >/dev/null; }
    exit 0
fi

echo "The tests need programs that are not on this machine. Install them with" >&2
echo >&2
echo "    sudo apt-get install -y$missing" >&2
echo >&2
exit 1
