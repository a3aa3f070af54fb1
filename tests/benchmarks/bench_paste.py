"""How visible pasted pixels are, beside pasting them as they are and beside Poisson blending.

    python tests/benchmarks/bench_paste.py FOLDER

Photographs are put through what a model does to them: an autoencoder's softness and shift of colour
and contrast, no grain. "The same" keeps what they show, so that there is a truth; "a removal"
shows what the basic engine fills the hole with. Everything is pasted with the alpha of an edit.

Prints a markdown table: the seam (step of colour across the hole's border over the same step a
little further outside, both smoothed along the border: 1 is no seam; that of the photographs
themselves is printed too), error of colour to the truth (CIE76), energy of fine detail over that of
the truth (1 is natural), changed pixels outside alpha. Then time and memory of crop, mask, way back
and paste. FOLDER receives the side-by-side pictures.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import cv2
import numpy as np
from bench_remove import blob, enlarged, load, photograph, strip
from bench_remove import ours as ours_removed

from ovedit.document.masks import feathered
from ovedit.engine.inpainting.area import (
    ModelShape,
    back,
    colours_of,
    mask_back,
    mask_for,
    picture_for,
    work_areas,
)
from ovedit.engine.inpainting.paste import AS_IT_IS, PasteSettings, paste
from ovedit.geometry import Rect

Picture = np.ndarray
Method = Callable[[Picture, Picture, np.ndarray, np.ndarray], Picture]
Scene = tuple[Picture, Picture, np.ndarray]

PLACES = [
    ("astronaut", 1.0, 0.62, 0.25, 110), ("astronaut", 2.0, 0.22, 0.75, 220),
    ("coffee", 1.0, 0.85, 0.75, 120), ("coffee", 2.0, 0.5, 0.5, 300),
    ("chelsea", 1.0, 0.62, 0.32, 90), ("chelsea", 2.0, 0.25, 0.75, 200),
    ("rocket", 1.0, 0.6, 0.3, 120), ("rocket", 1.5, 0.3, 0.5, 180),
    ("stereo_motorcycle", 1.0, 0.2, 0.85, 130), ("stereo_motorcycle", 1.0, 0.6, 0.3, 120),
]  # fmt: skip


def modelled(picture: Picture, seed: int, softness: float) -> Picture:
    """The picture as a model gives it back."""
    random = np.random.default_rng(seed)
    calm = cv2.bilateralFilter(picture, 5, 18, 2)
    soft = cv2.GaussianBlur(calm, (0, 0), softness).astype(np.float32)
    lab = cv2.cvtColor(soft / 255, cv2.COLOR_RGB2LAB)
    lab[..., 0] = 50 + 0.93 * (lab[..., 0] - 50) + random.uniform(-3, 3)
    lab[..., 1:] = 0.92 * lab[..., 1:] + random.uniform(-3, 3, 2)
    slow = random.normal(0, 1.5, (4, 4, 3)).astype(np.float32)
    lab += cv2.resize(slow, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255
    rgb += random.normal(0, 0.6, rgb.shape)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def scenes(removed: bool) -> list[Scene]:
    """(photograph, what the model made of it, selected) of each place."""
    found: list[Scene] = []
    for number, (name, scale, x, y, size) in enumerate(PLACES):
        photo = photograph(name)
        if scale != 1:
            photo = enlarged(photo, scale)
        hole = blob(photo.shape[:2], x, y, size, number)
        content = photo
        if removed:
            content = ours_removed(photo, feathered(hole.astype(np.uint8) * 255, 5, 8) > 0)
        found.append((photo, modelled(content, number, 0.7 + 0.1 * (number % 4)), hole))
    return found


def seam(picture: Picture, alpha: np.ndarray) -> float:
    """Step of colour across the middle of alpha's ramp, over that between two rims outside of it.

    Each step is the distance in Lab of the means of two rims, 8 px apart and 5 px wide, within
    cells of 32 px; so texture counts for little.
    """
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    inside = alpha >= 128
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    away -= cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)

    def step(at: float) -> float:
        inner, outer = ((away > at + low) & (away <= at + low + 5) for low in (-9.0, 4.0))
        steps = []
        for top in range(0, len(lab), 32):
            for left in range(0, lab.shape[1], 32):
                cell = np.s_[top : top + 32, left : left + 32]
                if min(inner[cell].sum(), outer[cell].sum()) >= 40:
                    means = lab[cell][inner[cell]].mean(0), lab[cell][outer[cell]].mean(0)
                    steps.append(float(np.linalg.norm(means[0] - means[1])))
        return float(np.mean(steps))

    return step(0) / step(22)


def fine_energy(picture: Picture, alpha: np.ndarray) -> float:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    inner = cv2.erode((alpha == 255).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return float(((grey - cv2.GaussianBlur(grey, (0, 0), 1.5))[inner] ** 2).mean())


def colour_error(picture: Picture, truth: Picture, alpha: np.ndarray) -> float:
    both = [
        cv2.cvtColor(cv2.GaussianBlur(p, (0, 0), 3).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        for p in (picture, truth)
    ]
    return float(np.linalg.norm(both[0] - both[1], axis=2)[alpha > 127].mean())


def ours(settings: PasteSettings) -> Method:
    return lambda photo, painted, alpha, mask: paste(photo, painted, alpha, mask, settings)


def reinhard(photo: Picture, painted: Picture, alpha: np.ndarray, mask: np.ndarray) -> Picture:
    """Means and deviations of Lab on the ring, matched."""
    known = (mask == 0) & (cv2.dilate(mask, np.ones((51, 51), np.uint8)) > 0)
    lab = [cv2.cvtColor(p.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for p in (photo, painted)]
    (m0, s0), (m1, s1) = ((p[known].mean(0), p[known].std(0)) for p in lab)
    new = cv2.cvtColor((lab[1] - m1) * (s0 / s1) + m0, cv2.COLOR_LAB2RGB)
    new = np.clip(np.rint(new * 255), 0, 255).astype(np.uint8)
    return np.where(alpha[..., None] > 0, new, photo)


def poisson(photo: Picture, painted: Picture, alpha: np.ndarray, mask: np.ndarray) -> Picture:
    """OpenCV's seamlessClone."""
    x, y, w, h = cv2.boundingRect(alpha)
    inside = (alpha > 0).astype(np.uint8) * 255
    centre = (x + w // 2, y + h // 2)
    frame = 8
    pads = ((frame, frame), (frame, frame), (0, 0))
    grown = [np.pad(p, pads, mode="symmetric") for p in (photo, painted)]
    inside = np.pad(inside, frame)
    centre = (centre[0] + frame, centre[1] + frame)
    out = cv2.seamlessClone(grown[1], grown[0], inside, centre, cv2.NORMAL_CLONE)
    return np.where(alpha[..., None] > 0, out[frame:-frame, frame:-frame], photo)


METHODS: dict[str, Method] = {
    "as it is": ours(AS_IT_IS),
    "Reinhard": reinhard,
    "seamlessClone": poisson,
    "OVEdit, colour only": ours(PasteSettings(seam=False, detail=False, grain=False)),
    "OVEdit": ours(PasteSettings()),
}


def judge(title: str, chosen: list[Scene], removed: bool, sheet: Path) -> None:
    """Print the table of the methods over the scenes, write the picture of all results."""
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in METHODS}
    strips: list[Picture] = []
    natural = []
    for photo, painted, hole in chosen:
        alpha = feathered(hole.astype(np.uint8) * 255, 5, 8)
        mask = cv2.dilate((alpha > 0).astype(np.uint8) * 255, np.ones((9, 9), np.uint8))
        natural.append((seam(photo, alpha), fine_energy(photo, alpha)))
        tiles = [photo]
        for name, method in METHODS.items():
            began = time.perf_counter()
            pasted = method(photo, painted, alpha, mask)
            seconds = time.perf_counter() - began
            share = alpha[..., None] / 255
            shown = np.rint(pasted * share + photo * (1 - share)).astype(np.uint8)
            rows[name].append(
                (
                    seam(shown, alpha),
                    float("nan") if removed else colour_error(shown, photo, alpha),
                    fine_energy(shown, alpha) / fine_energy(photo, alpha),
                    seconds,
                    int((shown != photo).any(axis=2)[alpha == 0].sum()),
                )
            )
            tiles.append(shown)
        strips.append(strip(tiles, hole, 360))
    cv2.imwrite(str(sheet), np.concatenate(strips)[..., ::-1])
    print(f"{title}, {len(chosen)} holes; columns of {sheet.name}: photo, {', '.join(METHODS)}\n")
    print("| pasted | seam | colour error | fine detail | seconds | changed outside |")
    print("|---|---|---|---|---|---|")
    print(f"| the photographs | {np.mean([n[0] for n in natural]):.2f} | 0 | 1 | | |")
    for name, values in rows.items():
        border, colour, fine, seconds, outside = np.array(values).T
        print(
            f"| {name} | {border.mean():.2f} | {'' if removed else f'{colour.mean():.2f}'} | "
            f"{np.exp(np.log(fine).mean()):.2f} | {np.median(seconds):.3f} | {int(outside.sum())} |"
        )
    print()


def costs() -> None:
    """Processor time and memory of all that is ours in one run of a model, one thread."""
    cv2.setNumThreads(1)
    print(f"One thread, load {load()}\n")
    print("| model's side, crop | to the model | way back | paste | together, CPU ms | peak, MB |")
    print("|---|---|---|---|---|---|")
    for side, crop in ((512, 512), (512, 1024), (1024, 1024), (1024, 3000)):
        photo = photograph("coffee")
        photo = np.asarray(cv2.resize(photo, (crop, crop), interpolation=cv2.INTER_CUBIC), np.uint8)
        image = np.dstack([photo, np.full((crop, crop), 255, np.uint8)])
        hole = blob((crop, crop), 0.5, 0.5, 0.5 * crop, 1)
        alpha = feathered(hole.astype(np.uint8) * 255, 5, 8)
        shape = ModelShape((side,), multiple=64, cell=8)
        painted = modelled(cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA), 1, 0.7)
        times: list[tuple[float, ...]] = []
        peak = 0
        for turn in range(6):
            if turn == 5:
                tracemalloc.start()
            stamps = [time.process_time()]
            (area,) = work_areas(alpha, shape, crop=Rect(0, 0, crop, crop))
            colours = colours_of(area, image)
            picture_for(area, colours)
            mask = mask_for(area, alpha)
            stamps.append(time.process_time())
            whole = back(area, painted)
            stamps.append(time.process_time())
            paste(colours, whole, alpha[area.crop.slices], mask_back(area, mask))
            stamps.append(time.process_time())
            if turn == 5:
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
            else:
                times.append(tuple(1000 * np.diff(stamps)))
        there, home, pasted = np.median(times, axis=0)
        print(
            f"| {side}, {crop} × {crop} | {there:.0f} | {home:.0f} | {pasted:.0f} | "
            f"{there + home + pasted:.0f} | {peak / 1e6:.0f} |"
        )
    print()


def main() -> int:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="where the side-by-side pictures go")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    costs()
    judge("The same", scenes(False), False, folder / "paste-same.png")
    judge("A removal", scenes(True), True, folder / "paste-removal.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
