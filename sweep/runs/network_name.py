"""What a network is called: the name of an architecture, and whether its body stays as it is. Plain Python."""

from __future__ import annotations

from dataclasses import dataclass

USUAL = "resnet18"
FROZEN = "frozen"


@dataclass(frozen=True)
class NetworkName:
    """A network as a configuration asks for it.

    Args:
        architecture: such as ``resnet18``.
        frozen: the body stays as its weights have it; a head alone trains, on what it makes of the images.
    """

    architecture: str = USUAL
    frozen: bool = False

    @classmethod
    def parse(cls, text: str) -> NetworkName:
        """``resnet18``; ``frozen`` is ``frozen:resnet18``.

        Raises:
            ValueError: the name says nothing.
        """
        first, colon, rest = text.strip().partition(":")
        if first != FROZEN:
            if colon or not first:
                raise ValueError(f"network '{text}' is no name of a network; write it as resnet18 or frozen:resnet18")
            return cls(first)
        return cls(rest or USUAL, frozen=True)

    def __str__(self) -> str:
        return f"{FROZEN}:{self.architecture}" if self.frozen else self.architecture
