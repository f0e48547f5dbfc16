"""Which arithmetic ``precision: auto`` means on a device."""

from __future__ import annotations

from pathlib import Path

# Instructions that multiply bfloat16: AVX-512 and AMX of x86, BF16 of Arm, as Linux names them.
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def fast_precision(device_type: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What ``precision: auto`` means on a device here: ``bfloat16`` where it multiplies that natively.

    Args:
        device_type: ``cuda`` (bfloat16 from compute capability 8.0 on) or ``cpu``.
        cpuinfo: where Linux lists the processor's flags; ``float32`` where there is none.
    """
    if device_type == "cuda":
        import torch  # here: it takes seconds, and a sweep's driver does without

        return "bfloat16" if torch.cuda.get_device_capability() >= (8, 0) else "float32"
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return "float32"
    for line in lines:
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return "bfloat16" if _BFLOAT16_FLAGS & set(flags.split()) else "float32"
    return "float32"
