"""Every family is loaded with its real classes, from its folder alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion_xl import pipeline_stable_diffusion_xl_inpaint as sdxl
from safetensors.torch import load_file
from torch import nn

from ovedit.engine.models.loader_names import LOADER_NAMES
from ovedit.engine.models.runtime.ladder import MemoryPlan
from ovedit.engine.models.runtime.loading import Placement
from ovedit.engine.models.runtime.runtime import ModelRuntime
from ovedit.engine.protocols import CancelToken, Preview
from ovedit.errors import Cancelled, DamagedModelError, EngineMissingError, ModelError
from tests.engine.models.runtime.conftest import Built, Shelf, describe

pytestmark = pytest.mark.usefixtures("no_network")

KINDS = {
    "clip": "ClipModel",
    "sam2": "SAM2Base",
    "dino": "TransformerModel",
    "sam3": "TransformerModel",
    "sd15": "StableDiffusionInpaintPipeline",
    "sdxl": "StableDiffusionXLInpaintPipeline",
    "flux-fill": "FluxFillPipeline",
    "klein": "Flux2KleinInpaintPipeline",
    "qwen-edit": "QwenImageEditInpaintPipeline",
    "taesd": "AutoencoderTiny",
    "eraser": "InferenceSession",
}


def runtime_of(built: Built, *ids: str) -> ModelRuntime:
    return ModelRuntime(Shelf({id: built(id) for id in ids}), device="cpu")


def runtime_over(folder: Path, loader: str, id: str = "model") -> ModelRuntime:
    return ModelRuntime(Shelf({id: (describe(id, loader, folder), folder)}), device="cpu")


def networks(value: Any) -> dict[str, nn.Module]:
    """The modules that a loaded model consists of, by the sub-folder of each."""
    if hasattr(value, "components"):
        return {
            name: part for name, part in value.components.items() if isinstance(part, nn.Module)
        }
    network = value if isinstance(value, nn.Module) else getattr(value, "model", None)
    return {} if network is None else {"": network}


def saved_sum(folder: Path) -> float:
    tensors: dict[str, torch.Tensor] = {}
    for path in folder.glob("*.safetensors"):
        tensors |= load_file(path)
    for path in folder.glob("*.pt"):
        tensors |= torch.load(path, weights_only=True)["model"]
    return sum(tensor.double().abs().sum().item() for tensor in tensors.values())


@pytest.mark.parametrize("id", KINDS)
def test_what_was_saved_is_loaded(built: Built, id: str) -> None:
    runtime = runtime_of(built, id)
    _, folder = built(id)
    with runtime.use(id) as value:
        assert type(value).__name__ == KINDS[id]
        for name, network in networks(value).items():
            # One tensor may be there under several names.
            tensors = {tensor.data_ptr(): tensor for tensor in network.state_dict().values()}
            found = sum(tensor.double().abs().sum().item() for tensor in tensors.values())
            assert found == pytest.approx(saved_sum(folder / name), rel=1e-6)
            assert not network.training
            every = [*network.parameters(), *network.buffers()]
            assert not any(tensor.is_meta or tensor.requires_grad for tensor in every)
        size = sum(
            tensor.numel() * tensor.element_size()
            for network in networks(value).values()
            for tensor in [*network.parameters(), *network.buffers()]
        )
        (resident,) = runtime.memory().residents
        assert resident.size == (size or folder.joinpath("eraser.onnx").stat().st_size)
        assert (resident.device, resident.dtype) == ("cpu", "float32")


@pytest.mark.parametrize("id", KINDS)
def test_progress_rises_to_the_end(built: Built, id: str) -> None:
    seen: list[float] = []

    def note(fraction: float, step: str = "", preview: Preview | None = None) -> None:
        assert step.startswith(f"Loading Tiny {id} (")
        seen.append(fraction)

    with runtime_of(built, id).use(id, note):
        pass
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


@pytest.mark.parametrize("id", KINDS)
def test_loading_can_be_cancelled_at_every_report(built: Built, id: str) -> None:
    runtime = runtime_of(built, id)
    cancel = CancelToken()

    def stop(fraction: float, step: str = "", preview: Preview | None = None) -> None:
        if fraction > 0:
            cancel.cancel()

    with pytest.raises(Cancelled), runtime.use(id, stop, cancel):
        pass
    assert not runtime.memory().residents


@pytest.mark.parametrize("id", [id for id in KINDS if id not in ("sam2", "eraser")])
def test_weights_come_in_the_dtype_asked_for(built: Built, id: str) -> None:
    runtime = runtime_of(built, id)
    plan = MemoryPlan(Placement("cpu", "bfloat16"))
    with runtime.use(id, plan=plan) as value:
        for network in networks(value).values():
            dtypes = {parameter.dtype for parameter in network.parameters()}
            # Some layers are kept exact by their authors.
            assert torch.bfloat16 in dtypes and dtypes <= {torch.bfloat16, torch.float32}
    assert runtime.memory().residents[0].dtype == "bfloat16"


@pytest.mark.parametrize("id", [id for id in KINDS if id not in ("sam2", "eraser")])
def test_a_file_cut_short_is_named(built: Built, id: str, tmp_path: Path) -> None:
    model, folder = built(id)
    copy = Path(shutil.copytree(folder, tmp_path / id))
    last = sorted(copy.rglob("*.safetensors"))[-1]
    last.write_bytes(last.read_bytes()[:-5])
    with (
        pytest.raises(DamagedModelError, match=last.name) as caught,
        runtime_over(copy, model.loader, id).use(id),
    ):
        pass
    assert f"ovedit models verify {id}" in caught.value.hint


def test_clip_compares_pictures_with_words(built: Built) -> None:
    with runtime_of(built, "clip").use("clip") as clip, torch.inference_mode():
        words = clip.model.encode_text(clip.tokenizer(["a bench", "the sky"]), normalize=True)
        picture = clip.model.encode_image(torch.zeros(1, 3, *clip.image_size), normalize=True)
        assert (picture @ words.T).shape == (1, 2)
        assert (clip.mean, clip.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_clip_is_exactly_what_its_own_library_loads(built: Built) -> None:
    import open_clip

    _, folder = built("clip")
    theirs = open_clip.create_model(f"local-dir:{folder}").eval()
    with runtime_of(built, "clip").use("clip") as clip, torch.inference_mode():
        picture = torch.randn(2, 3, 32, 32)
        tokens = clip.tokenizer(["a wooden bench"])
        assert torch.equal(clip.model.encode_image(picture), theirs.encode_image(picture))
        assert torch.equal(clip.model.encode_text(tokens), theirs.encode_text(tokens))


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")
def test_sam2_is_exactly_what_its_own_library_loads(built: Built) -> None:
    from sam2.build_sam import build_sam2

    _, folder = built("sam2")
    checkpoint = str(folder / "sam2.1_hiera_tiny.pt")
    theirs = build_sam2("configs/sam2.1/sam2.1_hiera_t.yaml", checkpoint, device="cpu")
    with runtime_of(built, "sam2").use("sam2") as ours:
        assert vars(ours.sam_mask_decoder).keys() == vars(theirs.sam_mask_decoder).keys()
        assert ours.sam_mask_decoder.dynamic_multimask_via_stability
        assert ours.sam_mask_decoder.dynamic_multimask_stability_delta == 0.05
        for name, tensor in theirs.state_dict().items():
            assert torch.equal(tensor, ours.state_dict()[name]), name
        from sam2.sam2_image_predictor import SAM2ImagePredictor

        features = torch.randn(1, 256, 64, 64), torch.zeros(1, 32, 256, 256)
        masks = [_masks(SAM2ImagePredictor(model), features) for model in (ours, theirs)]
        assert np.array_equal(*masks)


def _masks(predictor: Any, features: tuple[torch.Tensor, torch.Tensor]) -> np.ndarray:
    """Masks at a point, with the image encoder left out: it takes seconds."""
    image, high = features
    predictor._features = {
        "image_embed": image,
        "high_res_feats": [high, torch.zeros(1, 64, 128, 128)],
    }
    predictor._orig_hw = [(64, 64)]
    predictor._is_image_set = True
    masks, _, _ = predictor.predict(np.array([[20, 30]]), np.array([1]), return_logits=True)
    return masks


def test_dino_describes_patches(built: Built) -> None:
    with runtime_of(built, "dino").use("dino") as dino, torch.inference_mode():
        pixels = dino.processor(np.zeros((40, 40, 3), np.uint8), return_tensors="pt")
        assert dino.model(**pixels).last_hidden_state.shape == (1, 17, 32)


def test_sam3_answers_a_phrase(built: Built) -> None:
    with runtime_of(built, "sam3").use("sam3") as sam, torch.inference_mode():
        given = sam.processor(
            images=np.zeros((56, 56, 3), np.uint8), text="bench", return_tensors="pt"
        )
        assert sam.model(**given).pred_masks.shape[:2] == (1, 5)


def test_a_pipeline_paints(built: Built) -> None:
    with runtime_of(built, "sd15").use("sd15") as pipeline:
        picture = np.zeros((1, 64, 64, 3), np.float32)
        mask = np.ones((1, 64, 64, 1), np.float32)
        painted = pipeline(
            "bench",
            image=picture,
            mask_image=mask,
            height=64,
            width=64,
            num_inference_steps=1,
            output_type="np",
        )
        assert painted.images.shape == (1, 64, 64, 3)


def test_a_checker_that_was_not_downloaded_is_left_out(built: Built) -> None:
    with runtime_of(built, "sd15").use("sd15") as pipeline:
        assert pipeline.safety_checker is None
        assert not pipeline.config["requires_safety_checker"]
        assert type(pipeline.feature_extractor).__name__ == "CLIPImageProcessor"


def test_no_pipeline_marks_pictures_by_itself(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the package were installed that diffusers marks pictures with, unasked.
    monkeypatch.setattr(sdxl, "is_invisible_watermark_available", lambda: True)
    monkeypatch.setattr(sdxl, "StableDiffusionXLWatermarker", object, raising=False)
    with runtime_of(built, "sdxl").use("sdxl") as pipeline:
        assert pipeline.watermark is None


def test_a_pipeline_may_lie_in_two_folders(built: Built, tmp_path: Path) -> None:
    _, folder = built("sdxl")
    own, rest = tmp_path / "small", tmp_path / "rest"
    shutil.copytree(folder, rest, ignore=shutil.ignore_patterns("unet"))
    shutil.copytree(folder / "unet", own / "unet")
    loader = "diffusers.StableDiffusionXLInpaintPipeline"
    part = replace(describe("rest", loader, rest), capabilities=frozenset({"part"}))
    small = describe("small", loader, own, base=("rest",))
    with ModelRuntime(Shelf({"small": (small, own), "rest": (part, rest)}), device="cpu").use(
        "small"
    ) as pipeline:
        assert pipeline.unet is not None and pipeline.text_encoder_2 is not None
    missing = ModelRuntime(Shelf({"small": (small, own), "rest": (part, None)}), device="cpu")
    with pytest.raises(ModelError, match="Tiny rest is not on this computer"), missing.use("small"):
        pass


def test_a_model_that_needs_another_library_says_which(built: Built, tmp_path: Path) -> None:
    model, folder = built("taesd")
    copy = Path(shutil.copytree(folder, tmp_path / "taesd"))
    config = json.loads((copy / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (copy / "config.json").write_text(json.dumps(config))
    with (
        pytest.raises((EngineMissingError, DamagedModelError), match=r"(?i)bitsandbytes|GPU"),
        runtime_over(copy, model.loader).use("model"),
    ):
        pass


def test_every_loader_of_the_catalogue_is_tried_here() -> None:
    from tests.engine.models.runtime.tiny import BUILDERS

    assert {loader for loader, _ in BUILDERS.values()} == LOADER_NAMES


def test_a_part_that_cannot_be_left_out_is_missed(built: Built, tmp_path: Path) -> None:
    model, folder = built("sdxl")
    copy = Path(shutil.copytree(folder, tmp_path / "sdxl"))
    shutil.rmtree(copy / "vae")
    with (
        pytest.raises(DamagedModelError, match="folder vae is not there"),
        runtime_over(copy, model.loader).use("model"),
    ):
        pass


def test_a_preview_decoder_decodes(built: Built) -> None:
    with runtime_of(built, "taesd").use("taesd") as decoder, torch.inference_mode():
        height, width = decoder.decode(torch.zeros(1, 4, 8, 8)).sample.shape[-2:]
        assert height == width and height > 8


def test_onnx_fills(built: Built) -> None:
    with runtime_of(built, "eraser").use("eraser") as session:
        assert session.get_providers() == ["CPUExecutionProvider"]
        (filled,) = session.run(None, {"image": np.ones(4, np.float32)})
        assert filled.tolist() == [3, 3, 3, 3]


def test_onnx_keeps_large_weights_beside_it(tmp_path: Path) -> None:
    from tests.engine.models.runtime import tiny

    tiny.eraser(tmp_path / "model", location="weights.data")
    with runtime_over(tmp_path / "model", "onnx").use("model") as session:
        (filled,) = session.run(None, {"image": np.ones(4, np.float32)})
        assert filled.tolist() == [3, 3, 3, 3]


def test_onnx_reads_nothing_outside_of_the_folder(tmp_path: Path) -> None:
    from tests.engine.models.runtime import tiny

    tiny.eraser(tmp_path / "model", location="../secret.data")
    with (
        pytest.raises(DamagedModelError, match="escapes model directory"),
        runtime_over(tmp_path / "model", "onnx").use("model"),
    ):
        pass


def test_an_adapter_changes_the_picture_and_can_be_taken_off(built: Built) -> None:
    runtime = runtime_of(built, "sd15", "lora")
    given = torch.randn(1, 9, 8, 8), 3, torch.randn(1, 5, 32)

    def noise(*adapters: str) -> torch.Tensor:
        with runtime.use("sd15", adapters=adapters) as pipeline, torch.inference_mode():
            return pipeline.unet(*given).sample

    plain = noise()
    bare = runtime.memory().used
    changed = noise("lora")
    assert not torch.allclose(plain, changed)
    assert runtime.memory().used > bare
    assert torch.allclose(plain, noise())
    assert torch.allclose(changed, noise("lora"))
    assert len(runtime.memory().residents) == 1


def test_an_adapter_is_no_model(built: Built) -> None:
    with (
        pytest.raises(ModelError, match=r"only changes another model.*Use it with sd15"),
        runtime_of(built, "lora").use("lora"),
    ):
        pass


def test_an_adapter_says_what_it_is_made_for(built: Built) -> None:
    runtime = runtime_of(built, "sdxl", "lora")
    with (
        pytest.raises(ModelError, match=r"does not work with Tiny sdxl.*made for sd15"),
        runtime.use("sdxl", adapters=["lora"]),
    ):
        pass


@pytest.mark.parametrize(
    ("loader", "said"),
    [
        ("magic", 'not known: "magic"'),
        ("transformers.Nothing", "no model 'Nothing'"),
        ("transformers.AutoModel", "no model 'AutoModel'"),
        ("diffusers.Nothing", "no pipeline or model 'Nothing'"),
    ],
)
def test_an_unknown_loader_is_named(built: Built, loader: str, said: str) -> None:
    _, folder = built("dino")
    with pytest.raises(ModelError, match=said), runtime_over(folder, loader).use("model"):
        pass


def test_weights_that_do_not_fit_are_told(built: Built, tmp_path: Path) -> None:
    model, folder = built("clip")
    copy = Path(shutil.copytree(folder, tmp_path / "clip"))
    config = json.loads((copy / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["layers"] = 3
    (copy / "open_clip_config.json").write_text(json.dumps(config))
    with (
        pytest.raises(DamagedModelError, match=r"lack visual.transformer.resblocks.2.* more"),
        runtime_over(copy, model.loader).use("model"),
    ):
        pass


@pytest.mark.parametrize("id", ["dino", "taesd"])
def test_missing_weights_are_not_made_up(built: Built, tmp_path: Path, id: str) -> None:
    from safetensors.torch import save_file

    model, folder = built(id)
    copy = Path(shutil.copytree(folder, tmp_path / id))
    (path,) = copy.glob("*.safetensors")
    tensors = load_file(path)
    name = sorted(tensors)[0]
    del tensors[name]
    save_file(tensors, path, {"format": "pt"})
    with (
        pytest.raises(DamagedModelError, match="its weights lack"),
        runtime_over(copy, model.loader).use("model"),
    ):
        pass
