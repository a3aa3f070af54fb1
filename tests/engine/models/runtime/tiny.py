"""Models of the real classes, a few kilobytes large, saved as their publishers lay them out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import open_clip
import torch
import transformers
from safetensors.torch import load_file, save_file

# Each would start a thread that outlives the test.
transformers.logging.disable_progress_bar()
diffusers.logging.disable_progress_bar()

LETTERS = "abcdefghijklmnopqrstuvwxyz"
QWEN_MARKS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
QWEN_CHAT = "{% for message in messages %}{{ message['content'] }}{% endfor %}"

CLIP_CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 16,
        "quick_gelu": True,
        "vision_cfg": {
            "image_size": 32,
            "layers": 2,
            "width": 32,
            "head_width": 16,
            "patch_size": 8,
        },
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": 16,
            "heads": 2,
            "layers": 2,
        },
    },
    "preprocess_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]},
}


def clip(folder: Path) -> None:
    folder.mkdir(parents=True)
    model = open_clip.CLIP(**CLIP_CONFIG["model_cfg"])
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps(CLIP_CONFIG))


def sam2(folder: Path) -> None:
    from hydra.utils import instantiate
    from omegaconf import OmegaConf
    from sam2 import build_sam

    folder.mkdir(parents=True)
    configs = Path(build_sam.__file__).parent / "configs/sam2.1"
    model = instantiate(OmegaConf.load(configs / "sam2.1_hiera_t.yaml").model, _recursive_=True)
    torch.save({"model": model.state_dict()}, folder / "sam2.1_hiera_tiny.pt")


def dino(folder: Path) -> None:
    config = transformers.ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
    )
    transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def sam3(folder: Path) -> None:
    small: dict[str, Any] = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.Sam3Config(
        vision_config=transformers.Sam3VisionConfig(
            backbone_config=transformers.Sam3ViTConfig(
                **small,
                num_hidden_layers=2,
                image_size=56,
                patch_size=14,
                window_size=2,
                global_attn_indexes=[1],
                pretrain_image_size=28,
            ),
            fpn_hidden_size=32,
            backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        ),
        text_config=transformers.CLIPTextConfig(
            **small, vocab_size=54, num_hidden_layers=1, max_position_embeddings=32, eos_token_id=53
        ),
        geometry_encoder_config={**small, "num_layers": 1},
        detr_encoder_config={**small, "num_layers": 1},
        detr_decoder_config={**small, "num_layers": 1, "num_queries": 5},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
    )
    transformers.Sam3Model(config).save_pretrained(folder)
    # The publisher's file is that of the video model, of which the picture's is a part.
    weights = load_file(folder / "model.safetensors")
    weights = {f"detector_model.{name}": tensor for name, tensor in weights.items()}
    weights["tracker_model.unused"] = torch.zeros(1)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    video = {"model_type": "sam3_video", "detector_config": config.to_dict()}
    (folder / "config.json").write_text(json.dumps(video))
    transformers.Sam3Processor(
        transformers.Sam3ImageProcessor(size={"height": 56, "width": 56}), clip_tokenizer()
    ).save_pretrained(folder)


def clip_tokenizer() -> Any:
    pieces = [letter + end for letter in LETTERS for end in ("", "</w>")]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    return transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=16)


def clip_text(kind: Any = None, size: int = 32) -> Any:
    config = transformers.CLIPTextConfig(
        vocab_size=54,
        hidden_size=size,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
        projection_dim=size,
        bos_token_id=52,
        eos_token_id=53,
    )
    return (kind or transformers.CLIPTextModel)(config)


def kl_decoder(channels: int = 4, shift: float | None = None) -> Any:
    return diffusers.AutoencoderKL(
        shift_factor=shift,
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
    )


def unet(text_size: int = 32, **options: Any) -> Any:
    return diffusers.UNet2DConditionModel(
        in_channels=9,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=text_size,
        attention_head_dim=4,
        norm_num_groups=4,
        **options,
    )


def stable_diffusion() -> Any:
    return diffusers.StableDiffusionInpaintPipeline(
        vae=kl_decoder(),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        unet=unet(sample_size=64),
        scheduler=diffusers.DDIMScheduler(steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sd15(folder: Path) -> None:
    """As the publisher ships it: only halves are safetensors, and a checker that was not got."""
    stable_diffusion().to(torch.float16).save_pretrained(folder, variant="fp16")
    index = json.loads((folder / "model_index.json").read_text())
    index |= {
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "feature_extractor": ["transformers", "CLIPFeatureExtractor"],
        "requires_safety_checker": True,
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    transformers.CLIPImageProcessor().save_pretrained(folder / "feature_extractor")


def sdxl(folder: Path) -> None:
    diffusers.StableDiffusionXLInpaintPipeline(
        vae=kl_decoder(),
        text_encoder=clip_text(),
        text_encoder_2=clip_text(transformers.CLIPTextModelWithProjection),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=unet(
            64,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=80,
        ),
        scheduler=diffusers.EulerDiscreteScheduler(),
    ).save_pretrained(folder)


def flux_fill(folder: Path) -> None:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0)]
    pieces += [(letter, -2.0) for letter in LETTERS]
    diffusers.FluxFillPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=kl_decoder(shift=0.1),
        text_encoder=clip_text(),
        tokenizer=clip_tokenizer(),
        text_encoder_2=transformers.T5EncoderModel(
            transformers.T5Config(
                vocab_size=40, d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=2
            )
        ),
        tokenizer_2=transformers.T5Tokenizer(vocab=pieces, extra_ids=0),
        transformer=diffusers.FluxTransformer2DModel(
            in_channels=48,
            out_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8),
        ),
    ).save_pretrained(folder, max_shard_size="20KB")


def qwen_tokenizer() -> Any:
    words = (*LETTERS, *QWEN_MARKS)
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = transformers.Qwen2Tokenizer(vocab=vocabulary, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": list(QWEN_MARKS)})
    tokenizer.chat_template = QWEN_CHAT
    return tokenizer


def klein(folder: Path) -> None:
    diffusers.Flux2KleinInpaintPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=diffusers.AutoencoderKLFlux2(
            block_out_channels=(8, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=4,
        ),
        text_encoder=transformers.Qwen3ForCausalLM(
            transformers.Qwen3Config(
                vocab_size=40,
                hidden_size=32,
                intermediate_size=32,
                # The pipeline reads three of them: the words are 3 · 32 numbers each.
                num_hidden_layers=27,
                num_attention_heads=2,
                num_key_value_heads=2,
                head_dim=16,
            )
        ),
        tokenizer=qwen_tokenizer(),
        transformer=diffusers.Flux2Transformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=96,
            axes_dims_rope=(4, 4, 4, 4),
        ),
        is_distilled=True,
    ).to(torch.bfloat16).save_pretrained(folder)


def qwen_edit(folder: Path) -> None:
    tokenizer = qwen_tokenizer()
    diffusers.QwenImageEditInpaintPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=diffusers.AutoencoderKLQwenImage(
            base_dim=4,
            z_dim=4,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        text_encoder=transformers.Qwen2_5_VLForConditionalGeneration(
            transformers.Qwen2_5_VLConfig(
                image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
                video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
                vision_start_token_id=tokenizer.convert_tokens_to_ids("<|vision_start|>"),
                vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
                text_config={
                    "vocab_size": 40,
                    "hidden_size": 32,
                    "intermediate_size": 32,
                    "num_hidden_layers": 1,
                    "num_attention_heads": 2,
                    "num_key_value_heads": 2,
                    "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
                },
                vision_config={
                    "depth": 1,
                    "hidden_size": 32,
                    "intermediate_size": 32,
                    "num_heads": 2,
                    "out_hidden_size": 32,
                },
            )
        ),
        tokenizer=tokenizer,
        processor=transformers.Qwen2VLProcessor(
            image_processor=transformers.Qwen2VLImageProcessor(),
            tokenizer=tokenizer,
            video_processor=transformers.Qwen2VLVideoProcessor(),
        ),
        transformer=diffusers.QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=(4, 6, 6),
        ),
    ).to(torch.bfloat16).save_pretrained(folder)


def taesd(folder: Path) -> None:
    diffusers.AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    ).save_pretrained(folder)


def lora(folder: Path) -> None:
    """For the U-Net of `stable_diffusion`: rank 2 at every query."""
    folder.mkdir(parents=True)
    names = [
        name
        for name, part in unet().named_modules()
        if name.endswith("to_q") and isinstance(part, torch.nn.Linear)
    ]
    network = unet()
    tensors = {}
    for name in names:
        layer = network.get_submodule(name)
        tensors[f"unet.{name}.lora_A.weight"] = torch.randn(2, layer.in_features)
        tensors[f"unet.{name}.lora_B.weight"] = torch.randn(layer.out_features, 2)
    save_file(tensors, folder / "pytorch_lora_weights.safetensors")


def eraser(folder: Path, location: str = "") -> None:
    """Adds 2 to 4 numbers; with a `location`, that 2 is kept in that file."""
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    two = numpy_helper.from_array(np.full(4, 2, np.float32), "two")
    if location:
        (folder / location).write_bytes(two.raw_data)
        two.ClearField("raw_data")
        two.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, "offset": "0", "length": "16"}.items():
            two.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [helper.make_node("Add", ["image", "two"], ["filled"])],
        "eraser",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("filled", TensorProto.FLOAT, [4])],
        [two],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "eraser.onnx").write_bytes(model.SerializeToString())


def lama(folder: Path) -> None:
    """The interface of LaMa as Carve exported it; the hole gets the mean of the rest."""
    from onnx import TensorProto, helper

    node, sides = helper.make_node, (512, 512)
    save_onnx(
        folder / "lama_fp32.onnx",
        [
            node("Sub", ["one", "mask"], ["keep"]),
            node("Mul", ["image", "keep"], ["kept"]),
            node("ReduceSum", ["kept", "plane"], ["sum"]),
            node("ReduceSum", ["keep", "plane"], ["count"]),
            node("Max", ["count", "one"], ["some"]),
            node("Div", ["sum", "some"], ["mean"]),
            node("Mul", ["mean", "mask"], ["filled"]),
            node("Add", ["kept", "filled"], ["whole"]),
            node("Mul", ["whole", "white"], ["output"]),
        ],
        {"image": (TensorProto.FLOAT, 3, sides), "mask": (TensorProto.FLOAT, 1, sides)},
        {"output": (TensorProto.FLOAT, 3, sides)},
    )


def migan(folder: Path) -> None:
    """The interface of MI-GAN's pipeline; the hole gets the mean of the rest.

    As there, the hole's outermost pixels are mixed with what was there before.
    """
    from onnx import TensorProto, helper

    node, sides = helper.make_node, ("height", "width")
    save_onnx(
        folder / "migan_pipeline_v2.onnx",
        [
            node("Cast", ["image"], ["colours"], to=TensorProto.FLOAT),
            node("Cast", ["mask"], ["levels"], to=TensorProto.FLOAT),
            node("Div", ["levels", "white"], ["keep"]),
            node("Mul", ["colours", "keep"], ["kept"]),
            node("ReduceSum", ["kept", "plane"], ["sum"]),
            node("ReduceSum", ["keep", "plane"], ["count"]),
            node("Max", ["count", "one"], ["some"]),
            node("Div", ["sum", "some"], ["mean"]),
            node("MaxPool", ["keep"], ["wide"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            node("Pad", ["wide", "around"], ["padded"], mode="reflect"),
            node("AveragePool", ["padded"], ["old"], kernel_shape=[5, 5]),
            node("Sub", ["one", "old"], ["new"]),
            node("Mul", ["colours", "old"], ["before"]),
            node("Mul", ["mean", "new"], ["after"]),
            node("Add", ["before", "after"], ["whole"]),
            node("Cast", ["whole"], ["result"], to=TensorProto.UINT8),
        ],
        {"image": (TensorProto.UINT8, 3, sides), "mask": (TensorProto.UINT8, 1, sides)},
        {"result": (TensorProto.UINT8, 3, sides)},
    )


def save_onnx(
    path: Path,
    nodes: list[Any],
    inputs: dict[str, tuple[int, int, tuple[int | str, int | str]]],
    outputs: dict[str, tuple[int, int, tuple[int | str, int | str]]],
) -> None:
    """A graph of pictures, each by its type, number of planes and sides; batches of any size."""
    from onnx import helper, numpy_helper

    def described(each: dict[str, tuple[int, int, tuple[int | str, int | str]]]) -> list[Any]:
        return [
            helper.make_tensor_value_info(name, kind, ["batch", planes, *sides])
            for name, (kind, planes, sides) in each.items()
        ]

    constants = {
        "one": np.array(1, np.float32),
        "white": np.array(255, np.float32),
        "plane": np.array([2, 3], np.int64),
        "around": np.array([0, 0, 2, 2, 0, 0, 2, 2], np.int64),
    }
    used = {name for each in nodes for name in each.input}
    kept = [numpy_helper.from_array(v, k) for k, v in constants.items() if k in used]
    graph = helper.make_graph(nodes, "eraser", described(inputs), described(outputs), kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())


BUILDERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "clip": ("open_clip", clip),
    "sam2": ("sam2", sam2),
    "dino": ("transformers.ViTModel", dino),
    "sam3": ("transformers.Sam3Model", sam3),
    "sd15": ("diffusers.StableDiffusionInpaintPipeline", sd15),
    "sdxl": ("diffusers.StableDiffusionXLInpaintPipeline", sdxl),
    "flux-fill": ("diffusers.FluxFillPipeline", flux_fill),
    "klein": ("diffusers.Flux2KleinInpaintPipeline", klein),
    "qwen-edit": ("diffusers.QwenImageEditInpaintPipeline", qwen_edit),
    "taesd": ("diffusers.AutoencoderTiny", taesd),
    "lora": ("diffusers.lora", lora),
    "eraser": ("onnx", eraser),
    "lama": ("onnx", lama),
    "migan": ("onnx", migan),
}
"""By id: the loader's name and what saves the model."""
