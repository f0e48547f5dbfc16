"""The room for methods: one decorated function in one file of its axis' folder."""
