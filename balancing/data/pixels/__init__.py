"""From files and arrays to uint8 squares: formats, DICOM, depth, geometry."""
