#!/bin/sh
# Renders pages, mails, inbox and waterfall with sample data at phone and desktop width, light and dark, into
# target/pictures, and keeps the two that the README shows in docs/pictures.
set -eu

pictures=target/pictures
rm -rf "$pictures"
mkdir -p "$pictures/html" docs/pictures
DOORWARD_GALLERY=$(pwd)/$pictures/html cargo test --locked --lib gallery -- --quiet
python3 scripts/pictures.py "$pictures/html" assets "$pictures" \
    --keep docs/pictures dev-inbox-desktop-light dev-request-desktop-light
