"""The folder of a paper: numbers are the report's, citations are whole, names are escaped."""
