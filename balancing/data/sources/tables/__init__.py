"""Tables that tell of images: their cells, which column is what, and which row means which image file."""
