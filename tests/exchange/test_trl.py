"""TRL takes the exports as they are: its own checks, and one step of each trainer.

The model is a tiny random one and the tokenizer is made here; nothing is downloaded.
"""

from __future__ import annotations

import datasets
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)
from trl import (
    DPOConfig,
    DPOTrainer,
    KTOConfig,
    KTOTrainer,
    RewardConfig,
    RewardTrainer,
    SFTConfig,
    SFTTrainer,
)
from trl.data_utils import (
    extract_prompt,
    is_conversational,
    maybe_apply_chat_template,
    maybe_extract_prompt,
    unpair_preference_dataset,
)

from labeling.exchange.files import write_dataset
from labeling.exchange.records import ExportOptions
from tests.exchange.cast import ANSWER, BETTER, QUALITY, item, response, two_turn_item

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>"
    "{% if m.reasoning %}<think>{{ m.reasoning }}</think>{% endif %}"
    "{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SYSTEM = ({"role": "system", "content": "Be kind."}, {"role": "user", "content": "ask 👋 e\u0301"})
OPTIONS = ExportOptions(questions=(BETTER, QUALITY, ANSWER))
FILE_TYPES = ["jsonl", "parquet"]


def sample_items():
    strong = {"better": {"better": "c1", "strength": 3}}
    weak = {"better": {"better": "c2", "strength": 1}}
    return [
        item("i1", consensus=strong),
        item("i2", consensus=weak, prompt_messages=SYSTEM),
        two_turn_item("i3", consensus=strong),
        two_turn_item("i4", consensus=weak),
        item("i5", responses=(response("r1", "ann", {"answer": {"text": "w", "from": None}}),)),
    ]


@pytest.fixture(scope="module")
def tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    marks = ["<pad>", *(f"<|{w}|>" for w in ("system", "user", "assistant", "tool", "end"))]
    vocab = {word: n for n, word in enumerate([*marks, *alphabet])}
    bare = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(
        tokenizer_object=bare,
        pad_token="<pad>",
        eos_token="<|end|>",
        additional_special_tokens=marks[2:5],
    )
    made.chat_template = TEMPLATE
    return made


@pytest.fixture
def config(tokenizer):
    torch.manual_seed(1)
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        num_labels=1,
    )


@pytest.fixture
def export(tmp_path):
    def exported(format, file_type, **options):
        opts = ExportOptions(questions=OPTIONS.questions, **options)
        write_dataset(
            tmp_path, format=format, file_type=file_type, items=sample_items(), options=opts
        )
        return datasets.load_dataset(
            "json" if file_type == "jsonl" else "parquet",
            data_files=str(tmp_path / f"train.{file_type}"),
            split="train",
            cache_dir=str(tmp_path / "cache"),
        )

    return exported


@pytest.mark.parametrize("file_type", FILE_TYPES)
def test_every_format_is_conversational_to_trl(export, file_type):
    for format in ("sft", "preference", "reward", "kto"):
        assert all(is_conversational(row) for row in export(format, file_type))
    for row in export("sft", file_type, sft_shape="messages"):
        assert is_conversational(row)


@pytest.mark.parametrize("file_type", FILE_TYPES)
def test_preference_renders_and_prompt_is_left_as_it_is(export, file_type, tokenizer):
    rows = list(export("preference", file_type))
    assert [maybe_extract_prompt(row) for row in rows] == rows
    rendered = [maybe_apply_chat_template(row, tokenizer) for row in rows]
    assert rendered[1] == {
        "prompt": "<|system|>Be kind.<|end|><|user|>ask 👋 e\u0301<|end|><|assistant|>",
        "chosen": "by c2<|end|>",
        "rejected": "by c1<|end|>",
    }
    assert rendered[2] == {
        "prompt": "<|user|>ask i3<|end|><|assistant|>",
        "chosen": "a1<|end|><|user|>and then?<|end|><|assistant|>a2<|end|>",
        "rejected": "b1<|end|><|user|>and then?<|end|><|assistant|>b2<|end|>",
    }


@pytest.mark.parametrize("file_type", FILE_TYPES)
def test_reward_is_the_preference_with_the_prompt_inside(export, file_type):
    explicit = list(export("preference", file_type))
    implicit = export("reward", file_type)
    assert implicit.column_names == ["chosen", "rejected", "margin"]
    assert [extract_prompt(row) for row in implicit] == explicit
    assert implicit["margin"][:] == [3, 1, 3, 1]


@pytest.mark.parametrize("file_type", FILE_TYPES)
def test_kto_is_the_unpaired_preference(export, file_type, tokenizer):
    unpaired = unpair_preference_dataset(export("preference", file_type))
    kto = export("kto", file_type)
    assert set(kto.column_names) == set(unpaired.column_names) == {"prompt", "completion", "label"}

    def key(row):
        return repr((row["prompt"], row["completion"], row["label"]))

    assert sorted(map(key, kto)) == sorted(map(key, unpaired))
    assert {type(label) for label in kto["label"]} == {bool}
    assert maybe_apply_chat_template(kto[0], tokenizer)["completion"] == "by c1<|end|>"


def settings(tmp_path):
    return {
        "output_dir": str(tmp_path / "out"),
        "max_steps": 1,
        "per_device_train_batch_size": 2,
        "report_to": [],
        "use_cpu": True,
        "bf16": False,
        "save_strategy": "no",
        "disable_tqdm": True,
        "gradient_checkpointing": False,
    }


@pytest.mark.parametrize("file_type", FILE_TYPES)
@pytest.mark.parametrize("lineage", [False, True])
def test_trainers_take_a_step(export, file_type, lineage, tmp_path, tokenizer, config):
    common = settings(tmp_path)
    for format, trainer, args in (
        ("sft", SFTTrainer, SFTConfig(**common)),
        ("preference", DPOTrainer, DPOConfig(**common)),
        ("kto", KTOTrainer, KTOConfig(**common)),
        ("reward", RewardTrainer, RewardConfig(**common)),
    ):
        kind = LlamaForSequenceClassification if format == "reward" else LlamaForCausalLM
        kind(config).save_pretrained(tmp_path / format)
        made = trainer(
            model=str(tmp_path / format),
            args=args,
            train_dataset=export(format, file_type, lineage=lineage),
            processing_class=tokenizer,
        )
        assert torch.isfinite(torch.tensor(made.train().training_loss)), format
