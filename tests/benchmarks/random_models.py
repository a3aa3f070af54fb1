"""Models of the published architectures with random weights, on shelves like those of the hub.

They take as long and as much memory as trained ones, and mean nothing. The weights are those that
the publishers' own classes begin with, bent so that the work goes on as with trained ones: to CLIP
words and places differ, SAM 2's masks lie around what it was asked at, and it trusts them. Stable
Diffusion 2 is written as halves, like its publisher's files; `SMALL` stands for one with a network
a twentieth of the size.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ovedit.engine.library import Model
from ovedit.engine.models.catalogue import load_catalogue
from ovedit.engine.models.runtime.runtime import ModelRuntime
from tests.engine.models.runtime.conftest import Shelf

CLIPS = {
    "clip-vit-b16-openai": "ViT-B-16-quickgelu",
    "clip-vit-b16-metaclip": "ViT-B-16-quickgelu",
}
SAMS = {"sam2-tiny": "t", "sam2-small": "s", "sam2-base-plus": "b+", "sam2-large": "l"}
DIFFUSION = "sd2-inpainting"
SMALL = "small-inpainting"
PREVIEW = "taesd"
_TRUST = 3.0
"""What SAM 2 thinks of each of its masks, before the sigmoid: IoUs of .95."""
_WORDS = ("dog", "wooden bench", "sky", "remote control", "tree", "old car", "a", "wall of bricks")


def shelf_of(ids: Iterable[str], folder: Path) -> Shelf:
    """The models of these ids in folders there; those that are there already are taken."""
    known: dict[str, Model] = {model.id: model for model in load_catalogue().models}
    known[SMALL] = replace(known[DIFFUSION], id=SMALL, title="Small inpainting")
    known[PREVIEW] = replace(known[PREVIEW], base=(*known[PREVIEW].base, SMALL))
    for id in ids:
        if not (folder / id).exists():
            torch.manual_seed(0)
            _write(id, folder / id, known[id])
    return Shelf({id: (known[id], folder / id) for id in ids})


def _write(id: str, folder: Path, model: Model) -> None:
    folder.mkdir(parents=True)
    if id in CLIPS:
        import open_clip
        from safetensors.torch import save_file

        config = open_clip.get_model_config(CLIPS[id])
        assert config is not None
        network = open_clip.CLIP(**config)
        _tell_apart(network)
        save_file(network.state_dict(), folder / "open_clip_model.safetensors")
        (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    elif id in SAMS:
        from ovedit.engine.models.runtime.loaders.sam import _CONFIGS

        (file,) = model.files
        torch.save({"model": built(_CONFIGS[file.path]).state_dict()}, folder / file.path)
    elif id in (DIFFUSION, SMALL):
        _stable_diffusion(small=id == SMALL).save_pretrained(folder, variant="fp16")
    elif id == PREVIEW:
        from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

        AutoencoderTiny().save_pretrained(folder)
    else:
        import transformers

        # DINO ViT-B, whose id ends with the side of its patches.
        config = transformers.ViTConfig(patch_size=int(id.rpartition("-b")[2]))
        transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(folder)


def _stable_diffusion(*, small: bool) -> Any:
    """Stable Diffusion 2 inpainting, as its publisher configures it."""
    import transformers

    # Their annotations name fewer classes than they take.
    diffusers: Any = importlib.import_module("diffusers")
    widths = (64, 128, 256, 256) if small else (320, 640, 1280, 1280)
    unet = diffusers.UNet2DConditionModel(
        sample_size=64,
        in_channels=9,
        block_out_channels=widths,
        attention_head_dim=tuple(width // 64 for width in widths),
        cross_attention_dim=1024,
        use_linear_projection=True,
    ).half()
    sides = (128, 256, 512, 512)
    vae = diffusers.AutoencoderKL(
        block_out_channels=sides,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        sample_size=512,
    ).half()
    config = transformers.CLIPTextConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=23,
        num_attention_heads=16,
        hidden_act="gelu",
    )
    return diffusers.StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=transformers.CLIPTextModel(config).half(),
        tokenizer=_tokenizer(),
        unet=unet,
        scheduler=diffusers.DDIMScheduler(
            beta_schedule="scaled_linear",
            beta_start=0.00085,
            beta_end=0.012,
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _tokenizer() -> Any:
    """CLIP's, out of open_clip."""
    import open_clip
    import transformers

    known = open_clip.SimpleTokenizer()
    # The last two begin and end a text; they have other names there.
    words = [*list(known.encoder)[:-2], "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    merges: Any = list(known.bpe_ranks)
    return transformers.CLIPTokenizer(
        vocab=vocabulary, merges=merges, pad_token="!", model_max_length=77
    )


@torch.no_grad()
def _tell_apart(network: Any) -> None:
    """Take off most of what all words, and all places, have in common to random weights.

    Cosines of two words are about .75 then, as to trained ones.
    """
    import open_clip
    import skimage.data

    network.eval()
    texts = network.encode_text(open_clip.SimpleTokenizer()(list(_WORDS)))
    _take_off(network.text_projection, texts, 0.65)
    photo = torch.from_numpy(skimage.data.coffee()[:224, :224].copy()).permute(2, 0, 1)
    _, places = _tokens(network.visual, (photo[None] / 255 - 0.45) / 0.27)
    _take_off(network.visual.proj, places, 0.95)


def _tokens(visual: Any, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The class token (1, c) and those of the places (n, c), as they are compared with words."""
    before = visual.output_tokens
    visual.output_tokens = True
    pooled, tokens = visual(picture)
    visual.output_tokens = before
    return pooled, tokens[0] @ visual.proj


def _take_off(projection: torch.Tensor, values: torch.Tensor, share: float) -> None:
    """Of what the values (n, c) have in common, which a projection (d, c) gave them."""
    common = torch.nn.functional.normalize(values, dim=-1).mean(dim=0)
    common /= common.norm()
    projection -= share * (projection @ common)[:, None] * common


def built(config: str) -> Any:
    """SAM 2 of a configuration of its own package, which trusts its masks."""
    import sam2
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    path = Path(sam2.__path__[0]) / config
    network = instantiate(OmegaConf.load(path).model, _recursive_=True)
    head = network.sam_mask_decoder.iou_prediction_head.layers[-1]
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.constant_(head.bias, _TRUST)
    return network


def runtime_of(shelf: Shelf, device: str = "cpu") -> ModelRuntime:
    """A runtime that keeps all of them, with SAM 2's masks around what it is asked at."""
    from tests.engine.segmentation.sams import localised

    runtime = ModelRuntime(shelf, device=device, budget=2**40)
    for id in shelf.entries:
        with runtime.use(id) as network:
            if id in SAMS:
                localised(network)
    return runtime
