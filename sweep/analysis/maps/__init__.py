"""Class activation maps, and whether they are to be believed."""
