# Draws worst.png: the images of sheet.png ('tilewise evaluate --worst', ten a row), each with its line of
# captions.txt, class → prediction, below it.
#
#   images                      how many there are
#   sheet_width, sheet_height   of sheet.png, in pixels

set encoding utf8
across = images < 10 ? images : 10
down = (images + 9) / 10
image_width = sheet_width / across
image_height = sheet_height / down

# Shown about 80 pixels wide, whatever their size, and each pixel as large as the others; the PNG has twice
# as many.
scale = image_width > 160 ? 1 : int(160 / image_width)
tile_width = scale * image_width / 2.0
tile_height = tile_width * image_height / image_width
gap = 8
caption = 24
width = int(across * (tile_width + gap) + gap)
height = int(down * (tile_height + caption) + gap)

set terminal pngcairo noenhanced background "white" font "DejaVu Sans,10" \
  size 2 * width, 2 * height fontscale 2 linewidth 2
set output "worst.png"
set multiplot
unset key
unset tics
unset border
unset colorbox
do for [i = 0:images - 1] {
  x = i % 10
  y = i / 10
  left = gap + x * (tile_width + gap)
  top = height - gap - y * (tile_height + caption)
  set lmargin at screen left / width
  set rmargin at screen (left + tile_width) / width
  set tmargin at screen top / height
  set bmargin at screen (top - tile_height) / height
  # Rows of the file count from the bottom.
  set xrange [x * image_width - 0.5:(x + 1) * image_width - 0.5]
  set yrange [(down - 1 - y) * image_height - 0.5:(down - y) * image_height - 0.5]
  set label 1 system(sprintf("sed -n %dp captions.txt", i + 1)) \
    at screen (left + tile_width / 2) / width, (top - tile_height - 11) / height center
  plot "sheet.png" binary filetype=png with rgbimage
}
unset multiplot
