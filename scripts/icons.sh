#!/usr/bin/env bash
# Draws the icons of the window: a counter (柜台) with a coin on it. Run it after changing the drawing; the results are committed.
# Drawn on a grid of 64; every straight edge lies on a multiple of 4, so that it stays sharp at 16 px.
set -euo pipefail
cd "$(dirname "$0")/../src-tauri/icons"

green='#0b6b4f' gold='#f5b83d'
large="fill $green roundrectangle 0,0 64,64 14,14
  fill $gold circle 32,20 32,8
  fill none stroke $green stroke-width 2.6 stroke-linecap round stroke-linejoin round
  path 'M 27,13 L 32,20 L 37,13 M 32,20 L 32,28 M 27,20.5 L 37,20.5 M 27,24.5 L 37,24.5'
  stroke none fill white roundrectangle 6,36 58,44 2,2
  fill #ffffff9e rectangle 12,48 51.5,55.5"
# 16 to 32 px: no figure on the coin.
small="fill $green roundrectangle 0,0 64,64 12,12
  fill $gold circle 32,20 32,8
  fill white rectangle 8,36 55.5,43.5
  fill #ffffff9e rectangle 12,48 51.5,55.5"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# draw PICTURE SIZE: drawn eight times too large and scaled down, so that round edges are smooth.
draw() {
  local big=$(($2 * 8))
  convert -size "${big}x${big}" xc:none +antialias -draw "scale $big,$big scale 0.015625,0.015625 $1" \
    -filter Box -resize "$2x$2" -strip -define png:exclude-chunks=date,time "PNG32:$work/$2.png"
}
for size in 16 24 32; do draw "$small" "$size"; done
for size in 48 64 128 256 512; do draw "$large" "$size"; done

cp "$work/32.png" 32x32.png
cp "$work/128.png" 128x128.png
cp "$work/256.png" 128x128@2x.png
cp "$work/512.png" icon.png
convert "$work"/{16,24,32,48,64,256}.png icon.ico

# .icns is a list of PNG files, each after its four-letter kind and its length (big-endian, header included).
be32() { local b; for b in 24 16 8 0; do printf "\\x$(printf %02x $(($1 >> b & 255)))"; done; }
for entry in icp4:16 icp5:32 ic07:128 ic08:256 ic09:512; do
  file=$work/${entry#*:}.png
  printf %s "${entry%:*}"
  be32 $(($(stat -c %s "$file") + 8))
  cat "$file"
done >"$work/entries"
{ printf icns; be32 $(($(stat -c %s "$work/entries") + 8)); cat "$work/entries"; } >icon.icns
