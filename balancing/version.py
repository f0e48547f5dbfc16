"""The version of this code: the only place that tells it, for what is installed can be of another."""

VERSION = "0.7.0"
