"""Loading a model through the runtime against reading its files with a plain read.

    python tests/benchmarks/bench_loading.py [--model ID…] [--runs N] [--keep FOLDER] [--cold]

Writes models of 1 to 2 GB with random weights, in the layout and at the sizes of published ones.
Each run is a process of its own that imports what loading
needs, then takes the time of both, in turns and in both orders. The plain read fills one block of
memory per file; a second yardstick, harder to meet, streams it through a block of 8 MB and keeps
nothing. After the load, every page of every weight is touched, so that nothing is left
to be read later. The files are in the system's cache for both; with --cold they are dropped from
it before each (Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
BUDGET = 1.3

# id: (loader's name, dtype it is loaded in: that of its files)
MODELS = {
    "clip": ("open_clip", "float32"),
    "sd15": ("diffusers.StableDiffusionInpaintPipeline", "float16"),
    "sam2": ("sam2", "float32"),
    "dino": ("transformers.ViTModel", "float32"),
}
WEIGHTS = (".safetensors", ".pt")


def main() -> None:
    """Write the models, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="where the models stay for the next time")
    parser.add_argument("--cold", action="store_true", help="read from the disk, not its cache")
    parser.add_argument("--model", choices=MODELS, nargs="*", default=list(MODELS))
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        id, folder, first = arguments.one
        if first == "write":
            WRITERS[id](Path(folder))
        else:
            print(json.dumps(measure(id, Path(folder), first, cold=arguments.cold)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        shelf = arguments.keep or Path(temporary)
        print("| model | size | plain read | load | ratio | budget | streamed read | ratio |")
        print("|---|---:|---:|---:|---:|---:|---:|---:|")
        for id in arguments.model:
            folder = shelf / id
            if not folder.exists():
                command = [sys.executable, __file__, "--one", id, str(folder), "write"]
                subprocess.run(command, check=True)
            report(id, folder, arguments.runs, cold=arguments.cold)


def report(id: str, folder: Path, runs: int, *, cold: bool) -> None:
    """Print one row: medians over the runs, and the median of their ratios."""
    options = ["--cold"] if cold else []
    results = []
    # The first brings the files into the cache and is thrown away.
    for run in range(runs + 1):
        first = ("read", "load")[run % 2]
        command = [sys.executable, __file__, "--one", id, str(folder), first, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        results.append(json.loads(done.stdout.splitlines()[-1]))
    read, load, stream, to_read, to_stream = (
        statistics.median(result[key] for result in results[1:])
        for key in ("read", "load", "stream", "to_read", "to_stream")
    )
    size = sum(path.stat().st_size for path in weights(folder))
    cells = [id, f"{size / 1e6:.0f} MB", f"{read:.2f} s", f"{load:.2f} s", f"{to_read:.2f} ×"]
    cells += [f"{BUDGET} ×", f"{stream:.2f} s", f"{to_stream:.2f} ×"]
    print(f"| {' | '.join(cells)} |", flush=True)


def measure(id: str, folder: Path, first: str, *, cold: bool) -> dict[str, float]:
    """Seconds of each in this process, the one named first, and the ratios."""
    runtime, plan = prepare(id, folder)
    work = {
        "read": lambda: read(folder),
        "load": lambda: load(runtime, id, plan),
        "stream": lambda: stream(folder),
    }
    seconds = {}
    for name in (first, *(other for other in work if other != first)):
        if cold:
            drop(folder)
        start = time.perf_counter()
        work[name]()
        seconds[name] = time.perf_counter() - start
        # Files that are mapped cannot be dropped.
        runtime.unload()
    to_read, to_stream = (seconds["load"] / seconds[name] for name in ("read", "stream"))
    return {**seconds, "to_read": to_read, "to_stream": to_stream}


def prepare(id: str, folder: Path) -> tuple[Any, Any]:
    """A runtime over the folder, everything imported that a load imports."""
    import torch

    from ovedit.engine.models.runtime import devices
    from ovedit.engine.models.runtime.ladder import MemoryPlan
    from ovedit.engine.models.runtime.loaders import _loader
    from ovedit.engine.models.runtime.loading import Placement
    from ovedit.engine.models.runtime.runtime import ModelRuntime
    from tests.engine.models.runtime.conftest import Shelf, describe

    loader, dtype = MODELS[id]
    model = describe(id, loader, folder)
    runtime = ModelRuntime(Shelf({id: (model, folder)}), device="cpu", budget=2**40)
    devices.bfloat16_gain = lambda: 1.0
    assert runtime.device
    _loader(model)
    torch.set_num_threads(os.cpu_count() or 1)
    # These libraries import a class when it is first asked for.
    if id == "sd15":
        import diffusers
        import transformers

        assert diffusers.StableDiffusionInpaintPipeline and diffusers.UNet2DConditionModel
        assert diffusers.AutoencoderKL and diffusers.DDIMScheduler
        assert transformers.CLIPTextModel and transformers.CLIPTokenizer
    elif id == "dino":
        import transformers

        assert transformers.ViTModel and transformers.ViTImageProcessor
    elif id == "sam2":
        import sam2.sam2_image_predictor

        assert sam2.sam2_image_predictor
    return runtime, MemoryPlan(Placement("cpu", dtype))


def weights(folder: Path) -> list[Path]:
    """The model's files of weights."""
    return [path for path in sorted(folder.rglob("*")) if path.suffix in WEIGHTS]


def read(folder: Path) -> None:
    """The yardstick: every file into a block of memory."""
    blocks = []
    for path in weights(folder):
        with path.open("rb", buffering=0) as file:
            blocks.append(file.read())


def stream(folder: Path) -> None:
    """The harder yardstick: every file through one small block."""
    block = bytearray(8 * 2**20)
    for path in weights(folder):
        with path.open("rb", buffering=0) as file:
            while file.readinto(block):
                pass


def load(runtime: Any, id: str, plan: Any) -> None:
    """Load, and touch every page of every weight."""
    with runtime.use(id, plan=plan) as value:
        import torch

        parts = getattr(value, "components", {"": getattr(value, "model", value)}).values()
        for part in parts:
            if isinstance(part, torch.nn.Module):
                for parameter in part.parameters():
                    flat = parameter.detach().view(-1)
                    flat[:: 4096 // flat.element_size()].sum()


def drop(folder: Path) -> None:
    """Drop the files from the system's cache."""
    for path in weights(folder):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def random_like(module: Any, dtype: Any) -> dict[str, Any]:
    """A state dict of the shapes of a module that was made without memory."""
    import torch

    return {
        name: torch.rand(tensor.shape).to(dtype if tensor.is_floating_point() else tensor.dtype)
        for name, tensor in module.state_dict().items()
    }


def write_clip(folder: Path) -> None:
    """CLIP ViT-L/14-336 in float32, 1.7 GB."""
    import open_clip
    import torch
    from accelerate import init_empty_weights
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    config = open_clip.get_model_config("ViT-L-14-336-quickgelu")
    with init_empty_weights(include_buffers=False):
        model = open_clip.CLIP(**config)
    save_file(random_like(model, torch.float32), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))


def write_sd15(folder: Path) -> None:
    """U-Net, text encoder and decoder of Stable Diffusion 1.5 inpainting in float16, 2.1 GB."""
    import diffusers
    import torch
    import transformers
    from accelerate import init_empty_weights
    from safetensors.torch import save_file

    from tests.engine.models.runtime.tiny import clip_tokenizer

    with init_empty_weights(include_buffers=False):
        unet = diffusers.UNet2DConditionModel(
            sample_size=64, in_channels=9, cross_attention_dim=768
        )
        vae = diffusers.AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
            sample_size=512,
        )
        text = transformers.CLIPTextModel(
            transformers.CLIPTextConfig(
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                projection_dim=768,
            )
        )
    stem = "diffusion_pytorch_model"
    for name, module, file in (
        ("unet", unet, stem),
        ("vae", vae, stem),
        ("text_encoder", text, "model"),
    ):
        (folder / name).mkdir(parents=True)
        tensors = random_like(module, torch.float16)
        save_file(tensors, folder / name / f"{file}.fp16.safetensors", {"format": "pt"})
    unet.save_config(folder / "unet")
    vae.save_config(folder / "vae")
    text.config.save_pretrained(folder / "text_encoder")
    clip_tokenizer().save_pretrained(folder / "tokenizer")
    diffusers.DDIMScheduler(steps_offset=1).save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionInpaintPipeline",
        "_diffusers_version": diffusers.__version__,
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
    }
    (folder / "model_index.json").write_text(json.dumps(index))


def write_sam2(folder: Path) -> None:
    """SAM 2.1 large, 0.9 GB, as a checkpoint of torch."""
    import torch
    from sam2.build_sam import build_sam2

    folder.mkdir(parents=True)
    model = build_sam2("configs/sam2.1/sam2.1_hiera_l.yaml", device="cpu")
    torch.save({"model": model.state_dict()}, folder / "sam2.1_hiera_large.pt")


def write_dino(folder: Path) -> None:
    """A ViT-L/16 of transformers, 1.2 GB."""
    import torch
    import transformers
    from accelerate import init_empty_weights
    from safetensors.torch import save_file

    config = transformers.ViTConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096
    )
    with init_empty_weights(include_buffers=False):
        model = transformers.ViTModel(config)
    config.save_pretrained(folder)
    tensors = random_like(model, torch.float32)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


WRITERS = {"clip": write_clip, "sd15": write_sd15, "sam2": write_sam2, "dino": write_dino}

if __name__ == "__main__":
    main()
