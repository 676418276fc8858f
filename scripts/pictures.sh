#!/bin/sh
# Renders pages, mails, inbox and waterfall with sample data at phone and desktop width, light and dark, into
# target/pictures, and keeps the two that the README shows in docs/pictures.
set -eu

pages=target/pictures/html
shots=target/pictures
rm -rf "$shots"
mkdir -p "$pages" docs/pictures
DOORWARD_GALLERY=$(pwd)/$pages cargo test --locked --lib gallery -- --quiet

shoot() { # page, size, scheme (0 is dark), picture
    profile=$(mktemp -d)
    timeout 60 chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$profile" \
        --blink-settings=preferredColorScheme="$3" --window-size="$2" --screenshot="$4" "file://$(pwd)/$1" \
        >/dev/null 2>&1
    rm -rf "$profile"
}

for page in "$pages"/*.html; do
    name=$(basename "$page" .html)
    shoot "$page" 390,844 1 "$shots/$name-phone-light.png"
    shoot "$page" 390,844 0 "$shots/$name-phone-dark.png"
    shoot "$page" 1280,900 1 "$shots/$name-desktop-light.png"
    shoot "$page" 1280,900 0 "$shots/$name-desktop-dark.png"
done
echo "$(ls "$shots"/*.png | wc -l) pictures in $shots"
