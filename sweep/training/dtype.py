"""Which arithmetic ``precision: auto`` means on a device."""

from __future__ import annotations

from pathlib import Path

# Instructions that multiply bfloat16 faster than float32: AMX of x86, BF16 of Arm, as Linux names them. AVX-512's do on
# AMD's processors alone (ResNet18 at 224 px: 2.6 times float32 there, 0.7 times on an Intel Xeon without AMX).
_ANYWHERE = {"amx_bf16", "bf16"}
_AVX512 = "avx512_bf16"
_INTEL = "GenuineIntel"
# Pixels a side from which bfloat16 may train. Below, the last stage's 3 x 3 convolution of stride 2 sees one pixel, and
# oneDNN's bfloat16 gradients of that read memory that nobody wrote: they differ each time, and may be NaN.
BFLOAT16_FROM = 17


def fast_precision(device_type: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What ``precision: auto`` means on a device here: ``bfloat16`` where training in it is the faster.

    Told by the kind of hardware and not by a measurement, so that it is the same each time.

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
    # Of the first processor listed; Linux names its vendor before its flags.
    facts = [[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]
    vendor = next((value for name, value in facts if name == "vendor_id"), "")
    flags = next((set(value.split()) for name, value in facts if name in ("flags", "Features")), set())
    fast = bool(flags & _ANYWHERE) or (_AVX512 in flags and vendor != _INTEL)
    return "bfloat16" if fast else "float32"
