"""Machines for tests: the files in which they describe themselves, written below a temporary folder."""

from __future__ import annotations

from pathlib import Path

ORIN_CPU = "\n".join(f"processor\t: {n}\nCPU implementer\t: 0x41\nCPU part\t: 0xd42\n" for n in range(6))
NVPMODEL = "< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=1 NAME=25W >\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n"
DPKG = """Package: nvidia-l4t-core
Status: install ok installed
Version: 36.4.3

Package: nvidia-jetpack
Status: {status}
Version: 6.2+b77
"""


def write(root: Path, files: dict[str, str | int]) -> Path:
    """Write files below a root."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def zone(number: int, name: str, celsius: float, slows_at: float | None = None) -> dict[str, str | int]:
    """A thermal zone."""
    path = f"sys/class/thermal/thermal_zone{number}"
    files: dict[str, str | int] = {f"{path}/type": name, f"{path}/temp": round(1000 * celsius)}
    if slows_at is not None:
        trips = (("critical", 104.5), ("passive", slows_at), ("active", 51.0))
        for trip, (kind, at) in enumerate(trips):
            files |= {f"{path}/trip_point_{trip}_type": kind, f"{path}/trip_point_{trip}_temp": round(1000 * at)}
    return files


def ina3221(number: int, rails: dict[str, tuple[int, int]]) -> dict[str, str | int]:
    """A power sensor: rails by label, in mV and mA."""
    path = f"sys/class/hwmon/hwmon{number}"
    files: dict[str, str | int] = {f"{path}/name": "ina3221"}
    for channel, (label, (millivolts, milliamperes)) in enumerate(rails.items(), 1):
        files |= {f"{path}/in{channel}_label": label, f"{path}/in{channel}_input": millivolts, f"{path}/curr{channel}_input": milliamperes}
        files |= {f"{path}/curr{channel}_max_alarm": 0, f"{path}/curr{channel}_crit_alarm": 0}
    return files


def _tegra(model: str, compatible: str) -> dict[str, str | int]:
    return {
        "proc/device-tree/model": f"{model}\x00",
        "proc/device-tree/compatible": "\x00".join([*compatible.split(), ""]),
        "proc/cpuinfo": ORIN_CPU,
        "proc/meminfo": "MemTotal:        7802384 kB\nMemFree:  120 kB",
        "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64",
        "var/lib/nvpmodel/status": "pmode:0002",
        "etc/nvpmodel.conf": NVPMODEL,
        "sys/class/devfreq/17000000.gpu/device/of_node/name": "gpu\x00",
        "sys/class/devfreq/17000000.gpu/device/of_node/compatible": "nvidia,ga10b\x00",
    }


def orin_nano(root: Path, *, celsius: float = 48.5) -> Path:
    """Everything that an Orin Nano developer kit has."""
    files = _tegra(
        "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", "nvidia,p3768-0000+p3767-0005-super nvidia,tegra234"
    )
    files["var/lib/dpkg/status"] = DPKG.format(status="install ok installed")
    files |= {**zone(0, "cpu-thermal", celsius, 99.0), **zone(1, "gpu-thermal", celsius - 2, 99.0), **zone(2, "PMIC-Die", 100.0)}
    files |= ina3221(0, {"VDD_IN": (4984, 1856), "VDD_CPU_GPU_CV": (4984, 600), "NC": (4984, 1), "sum of shunt voltages": (1, 1)})
    files |= {"sys/class/hwmon/hwmon1/name": "pwmfan", "sys/class/hwmon/hwmon1/pwm1": 51}
    files |= {"sys/class/hwmon/hwmon2/name": "pwm_tach", "sys/class/hwmon/hwmon2/rpm": 2140}
    files |= {"sys/class/hwmon/hwmon3/name": "soctherm_oc"}
    files |= {f"sys/class/hwmon/hwmon3/oc{n}_event_cnt": count for n, count in ((1, 0), (2, 15), (3, 27390))}
    files |= {"sys/class/thermal/cooling_device0/type": "pwm-fan", "sys/class/thermal/cooling_device0/cur_state": 1}
    files |= {"sys/class/thermal/cooling_device1/type": "cpu-throttle-alert", "sys/class/thermal/cooling_device1/cur_state": 0}
    return write(root, files)


def orin_nx(root: Path) -> Path:
    """An Orin NX whose JetPack package was removed, and whose power mode is not in its list."""
    files = _tegra("NVIDIA Jetson Orin NX Engineering Reference Developer Kit", "nvidia,p3768-0000+p3767-0000 nvidia,tegra234")
    files |= {"var/lib/dpkg/status": DPKG.format(status="deinstall ok config-files"), "var/lib/nvpmodel/status": "pmode:0007"}
    return write(root, files)


def agx_orin(root: Path) -> Path:
    """An AGX Orin: no rail carries all that it takes."""
    files = _tegra("NVIDIA Jetson AGX Orin Developer Kit", "nvidia,p3737-0000+p3701-0005 nvidia,p3701-0005 nvidia,tegra234")
    files |= ina3221(2, {"VDD_GPU_SOC": (19000, 200), "VDD_CPU_CV": (19000, 100), "VIN_SYS_5V0": (5000, 900)})
    return write(root, files)


def thor(root: Path) -> Path:
    """A Thor: other clocks, another power sensor, another release."""
    files = _tegra("NVIDIA Jetson AGX Thor Developer Kit", "nvidia,p3971-0089+p3834-0008 nvidia,tegra264")
    for name in ("name", "compatible"):
        del files[f"sys/class/devfreq/17000000.gpu/device/of_node/{name}"]
    files |= {"sys/class/devfreq/gpu-gpc-0/cur_freq": 1575000000, "proc/cpuinfo": ORIN_CPU.replace("0xd42", "0xd83")}
    files |= {"etc/nv_tegra_release": "# R38 (release), REVISION: 2.1, GCID: 1, BOARD: generic, EABI: aarch64"}
    files |= {"sys/class/hwmon/hwmon0/name": "ina238", "sys/class/hwmon/hwmon0/power1_input": 31250000}
    return write(root, files)


def pc(root: Path) -> Path:
    """A laptop with a graphics card, and the sensors of its processor but no thermal zone."""
    files: dict[str, str | int] = {
        "proc/cpuinfo": "".join(f"processor\t: {n}\nvendor_id\t: GenuineIntel\nmodel name\t: Some Processor @ 2 GHz\n\n" for n in range(8)),
        "proc/meminfo": "MemTotal:       16000000 kB",
        "sys/class/dmi/id/sys_vendor": "Maker",
        "sys/class/dmi/id/product_name": "Laptop 7",
        "sys/firmware/acpi/platform_profile": "balanced",
        "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA RTX A1000\nIRQ: 1",
        "sys/class/hwmon/hwmon0/name": "coretemp",
        "sys/class/hwmon/hwmon0/temp1_input": 61000,
        "sys/class/hwmon/hwmon0/temp1_label": "Package id 0",
        "sys/class/hwmon/hwmon1/fan1_input": 3200,
        "sys/class/thermal/cooling_device0/type": "Processor",
        "sys/class/thermal/cooling_device0/cur_state": 0,
        "sys/class/thermal/cooling_device1/type": "TCC Offset",
        "sys/class/thermal/cooling_device1/cur_state": 10,
    }
    files |= {f"sys/devices/system/cpu/cpu{n}/thermal_throttle/core_throttle_count": 2 for n in range(2)}
    return write(root, files)
