"""The measurements as text, for a person."""

from collections.abc import Iterator

from device.bench.timing import Json
from device.system.terminal import printable


def format_lines(result: Json) -> Iterator[str]:
    """The parts of `result`, from `mien bench --json`, line by line."""
    runtime = result["runtime"]
    yield f"{runtime['name']} {runtime['version']}, {result['cores']} cores"
    yield from _recordings(result.get("recordings", []))
    yield from _stages(result.get("stages", []))
    if "face_path_cpu_ms" in result:
        yield (
            f"face path: {result['face_path_cpu_ms']:.2f} ms CPU a frame (640x480, one tracked face), "
            f"{result['face_path_fps']:.0f} frames/s; nobody there: {result['idle']['face_path_cpu_ms']:.2f} ms"
        )
    if "voice_path_cpu_ms_per_s" in result:
        yield f"voice path: {result['voice_path_cpu_ms_per_s']:.2f} ms CPU for each second heard"
    if "networks" in result:
        yield from _networks(result["networks"])
    yield from _grid(result.get("grid", []), result.get("eight_against_one"))
    for row in result.get("streams", []):
        yield f"{row['streams']} streams at once: {row['cpu_ms']:.2f} ms CPU a frame, {row['fps']:.0f} frames/s in all"
    if "process" in result:
        yield from _process(result)


def _stages(rows: list[Json]) -> Iterator[str]:
    if rows:
        yield f"\n{'stage':28} {'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>8}"
        for row in rows:
            yield f"{row['stage']:28} {row['p50_ms']:8.2f} {row['p95_ms']:8.2f} {row['cpu_ms']:8.2f}"
        yield ""


def _networks(networks: Json) -> Iterator[str]:
    peak = networks["int8_peak_gmacs"]
    yield f"\n{'network':44} {'MMAC':>8} {'p50 ms':>8} {'GMAC/s':>8} {'of the int8 peak':>17}"
    for row in networks["each"]:
        share = "" if row["of_int8_peak"] is None else f"{100 * row['of_int8_peak']:.0f} %"
        yield f"{row['file']:44} {row['mmacs']:8.2f} {row['p50_ms']:8.3f} {row['gmacs']:8.1f} {share:>17}"
    if peak is not None:
        yield f"the peak: {peak:.0f} GMAC/s in int8 on one core, measured with plain convolutions"


def _grid(rows: list[Json], ratio: float | None) -> Iterator[str]:
    heads = ("faces", "threads", "CPU ms", "p50 ms", "p95 ms", "read", "age s")
    if rows:
        yield "\n" + " ".join([f"{'picture':>10}", *(f"{head:>8}" for head in heads)])
    for row in rows:
        size = f"{row['width_px']}x{row['height_px']}"
        yield (
            f"{size:>10} {row['faces']:8} {row['threads']:8} {row['cpu_ms']:8.2f} {row['p50_ms']:8.2f} "
            f"{row['p95_ms']:8.2f} {row['faces_read']:8.2f} {row['reading_age_p95_s']:8.2f}"
        )
    if ratio is not None:
        yield f"eight faces take {ratio:.1f} times the CPU of one"


def _process(result: Json) -> Iterator[str]:
    yield ""
    for who, load in result["process"].items():
        threads = ", ".join(f"{thread} {share:.2f}" for thread, share in load["sense_threads_percent"].items())
        yield (
            f"sense with {who} there: {load['sense_percent']:.2f} % of a core ({threads}); "
            f"hub {load['hub_percent']:.2f} %"
        )
    memory = result["rss_mb"]
    yield f"memory: sense {memory['sense']:.0f} MB, hub {memory['hub']:.0f} MB"
    yield f"start to the first mood: {result['start_to_first_mood_s']:.2f} s ({result['start_cpu_s']:.2f} s of CPU)"


def _recordings(rows: list[Json]) -> Iterator[str]:
    for row in rows:
        yield printable(row["path"])
        if face := row["face"]:
            yield (
                f"  {row['width_px']}x{row['height_px']}, {face['runs']} frames: {face['cpu_ms']:.2f} ms CPU a frame, "
                f"p50 {face['p50_ms']:.2f} ms, p95 {face['p95_ms']:.2f} ms, {face['faces_read']:.1f} faces read in each"
            )
        if voice := row["voice"]:
            yield f"  voice: {voice['cpu_ms_per_s']:.2f} ms CPU for each second, {voice['readings']} readings"
