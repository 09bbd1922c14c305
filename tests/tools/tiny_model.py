"""Makes a tiny, random Llama chat model that vLLM can serve, without a network. Runs under vLLM's interpreter.

    python -m tests.tools.tiny_model FOLDER [--seed N] [--layers N]

The weights are random, so the answers are gibberish; what matters is how they are served and counted. Hidden size 64, 2
heads, a vocabulary of 2,048 byte-level BPE tokens trained on the text in this file, so that any byte can be tokenized.
More layers make it slower.
"""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Iterable, Iterator

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

VOCAB = 2048
MAX_LEN = 2048

# Special tokens, ChatML style.  The tool and thinking tags are single tokens:
# vLLM's "hermes" tool parser and "qwen3"/"deepseek_r1" reasoning parsers look
# them up in the vocabulary when they start.
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TAGS = ["<tool_call>", "</tool_call>", "<think>", "</think>"]

# A small corpus.  It only has to contain enough different words to fill the
# vocabulary; corpus() makes further variety out of a few word lists.
SENTENCES = """
The quick brown fox jumps over the lazy dog while seven wizards brew potions.
Please summarise the attached contract and list every obligation of the buyer.
My card number is 4111 1111 1111 1111 and my mail is jane.doe@example.com.
What is the weather in Paris today, and should I bring an umbrella tomorrow?
A proxy forwards requests to the model server and counts tokens on the way back.
{"name": "get_weather", "arguments": {"city": "Paris", "unit": "celsius"}}
def add(first, second): return first + second  # a function in Python
Large language models predict the next token given all of the previous tokens.
Latency, throughput and cost are the three numbers that operators care about.
Grüße aus München, señor! Café, naïve, façade, 你好世界, こんにちは, привет, 🙂🚀
""".strip().splitlines()
BEGINNINGS = (
    "account answer bridge button camera circle decide deliver engine escape factor figure garden gather "
    "harbor handle island invite jacket journey kitchen kernel ladder letter market memory number nature "
    "office object paper planet quality question record region season signal table travel update urban valley "
    "vector window winter yellow yesterday zebra zero"
)
ENDINGS = "able al ance ed er est ful ing ion ish ist ity ive less ly ment ness or ous s ship ward wise y"


def corpus() -> Iterator[str]:
    """Different words enough to fill the vocabulary."""
    yield from SENTENCES * 20
    for a in BEGINNINGS.split():
        for b in ENDINGS.split():
            yield f"The {a}{b} was near {b}{a}, un{a} and re{a}{b} {len(a)}{len(b)}."


# Supports a system message, tools, assistant tool calls and tool results, and
# both string content and content given as a list of parts.
CHAT_TEMPLATE = r"""
{%- macro text(c) -%}
{%- if c is string -%}{{ c }}
{%- elif c is not none -%}
{%- for p in c -%}{%- if p.text is defined -%}{{ p.text }}{%- endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- if tools -%}
<|im_start|>system
You may call these functions:
{% for t in tools %}{{ t | tojson }}
{% endfor -%}
Answer with <tool_call>{"name": ..., "arguments": ...}</tool_call><|im_end|>
{% endif -%}
{%- for m in messages -%}
<|im_start|>{{ m.role }}
{{ text(m.content) }}
{%- if m.tool_calls is defined and m.tool_calls -%}
{%- for c in m.tool_calls %}
<tool_call>{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}</tool_call>
{%- endfor -%}
{%- endif -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
""".strip()


def make_tokenizer(texts: Iterable[str], vocabulary: int = VOCAB) -> PreTrainedTokenizerFast:
    """Trained on texts."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(TAGS),
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tok.train_from_iterator(texts, trainer)
    tok.add_tokens(TAGS)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tok,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
        model_max_length=MAX_LEN,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def make_config(tok: PreTrainedTokenizerFast, vocabulary: int, layers: int, initializer_range: float) -> LlamaConfig:
    """Two heads of 32, which vLLM's CPU attention takes."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=MAX_LEN,
        initializer_range=initializer_range,
        bos_token_id=None,
        eos_token_id=tok.eos_token_id,
        pad_token_id=tok.pad_token_id,
        tie_word_embeddings=False,
    )


def main() -> None:
    """Write the model."""
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("out", type=pathlib.Path)
    ap.add_argument("--seed", type=int, default=7)
    ap.add_argument("--layers", type=int, default=2)
    args = ap.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    tok = make_tokenizer(corpus())
    tok.save_pretrained(args.out)

    torch.manual_seed(args.seed)
    # Wider than usual, so that the next-token odds are not all the same.
    config = make_config(tok, VOCAB, args.layers, initializer_range=0.2)
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(args.out, safe_serialization=True)
    n = sum(p.numel() for p in model.parameters())
    print(json.dumps({"dir": args.out.name, "parameters": n, "tokens": len(tok)}))


if __name__ == "__main__":
    main()
