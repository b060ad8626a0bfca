"""What a machine is: its model, its software release, processor, memory and GPU, as far as its own files say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devices.boards.tree import Tree
from edge_runtime.boards import boards

_L4T = re.compile(r"#\s*R(\d+)\s*\(release\),\s*REVISION:\s*([\d.]+)")
_DPKG_BYTES = 16 * 1024 * 1024
_ARM_CORES = {("0x41", "0xd42"): "Cortex-A78AE", ("0x41", "0xd83"): "Neoverse-V3AE"}
"""Implementer and part of the processors of the boards we have profiles of."""
_GPU_NODES = ("gpu", "ga10b", "gv11b", "gb10b")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a machine says of itself; ``None`` where it says nothing.

    Attributes:
        model: As the device tree or, on a PC, the firmware calls it.
        compatible: The device tree's ``compatible`` strings, most particular first.
        profile: Name of the profile in ``boards.toml`` that fits; ``None`` if none does for certain.
        l4t: Release of Jetson Linux, such as ``36.4.3``.
        jetpack: Version of JetPack, where its package is installed.
        cpu: Name of the processor, or its numbers.
        cores: Cores that are switched on.
        ram_bytes: Memory the system has.
        gpu: Name of the GPU.
    """

    model: str | None
    compatible: tuple[str, ...]
    profile: str | None
    l4t: str | None
    jetpack: str | None
    cpu: str | None
    cores: int | None
    ram_bytes: int | None
    gpu: str | None


def identify(tree: Tree) -> Identity:
    """Read what a machine is."""
    compatible = tuple(filter(None, (tree.text("proc/device-tree/compatible") or "").split("\x00")))
    cpuinfo = _fields(tree.text("proc/cpuinfo") or "")
    return Identity(
        model=tree.text("proc/device-tree/model") or _firmware_model(tree),
        compatible=compatible,
        profile=_profile(compatible, is_pc=not compatible and "vendor_id" in cpuinfo),
        l4t=_l4t(tree),
        jetpack=_jetpack(tree),
        cpu=_cpu(cpuinfo),
        cores=len(cpuinfo["processor"]) if "processor" in cpuinfo else None,
        ram_bytes=_ram_bytes(tree),
        gpu=_gpu(tree),
    )


def _profile(compatible: tuple[str, ...], *, is_pc: bool) -> str | None:
    for board in boards().values():
        if any(part in string for part in board.compatible for string in compatible):
            return board.name
    return "pc" if is_pc else None


def _firmware_model(tree: Tree) -> str | None:
    parts = [tree.text(f"sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name")]
    return " ".join(filter(None, parts)) or None


def _l4t(tree: Tree) -> str | None:
    text = tree.text("etc/nv_tegra_release")
    found = _L4T.search(text) if text is not None else None
    if text is not None and found is None:
        tree.garbage()
    return f"{found[1]}.{found[2]}" if found is not None else None


def _jetpack(tree: Tree) -> str | None:
    """Of the installed package only: which JetPack a release belongs to is not written on the board."""
    for package in (tree.text("var/lib/dpkg/status", most_bytes=_DPKG_BYTES) or "").split("\n\n"):
        if package.startswith("Package: nvidia-jetpack\n"):
            fields = _fields(package)
            installed = "install ok installed" in fields.get("Status", [])
            return fields.get("Version", [None])[0] if installed else None
    return None


def _fields(text: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip(), []).append(value.strip())
    return fields


def _cpu(cpuinfo: dict[str, list[str]]) -> str | None:
    if "model name" in cpuinfo:
        return cpuinfo["model name"][0]
    if "CPU part" in cpuinfo:
        made = (cpuinfo.get("CPU implementer", ["?"])[0], cpuinfo["CPU part"][0])
        return _ARM_CORES.get(made, f"implementer {made[0]}, part {made[1]}")
    return None


def _ram_bytes(tree: Tree) -> int | None:
    total = re.search(r"^MemTotal:\s+(\d+) kB", tree.text("proc/meminfo") or "", re.MULTILINE)
    return int(total[1]) * 1024 if total is not None else None


def _gpu(tree: Tree) -> str | None:
    for path in tree.matching("sys/class/devfreq/*"):
        node = tree.text(f"{path}/device/of_node/name")
        if node in _GPU_NODES:
            return (tree.text(f"{path}/device/of_node/compatible") or node).split("\x00")[0]
    if tree.matching("sys/class/devfreq/gpu-gpc-0"):
        return "gpu-gpc-0"  # Thor's clocks are found under this name, and no other
    for path in tree.matching("proc/driver/nvidia/gpus/*/information"):
        model = _fields(tree.text(path) or "").get("Model")
        if model:
            return model[0]
    for path in tree.matching("sys/class/drm/card[0-9]*/device"):
        vendor, device = tree.text(f"{path}/vendor"), tree.text(f"{path}/device")
        if vendor and device:
            return f"PCI {vendor.removeprefix('0x')}:{device.removeprefix('0x')}"
    return None
