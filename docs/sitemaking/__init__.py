"""What the documentation's site makes of the code itself: pages of commands, keys, components, names, a notebook.

Nothing of it is committed: `make docs` makes it anew, so it can't differ from the code.
"""
