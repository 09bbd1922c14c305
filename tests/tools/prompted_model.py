"""Trains a tiny Llama chat model that does what its system prompt says. Runs under vLLM's interpreter; a
minute or two.

    python -m tests.tools.prompted_model FOLDER [--steps N]

A random model (``tiny_model``) does not heed its prompt, so no two prompts of it can be compared. This one learns from
``prompted_dialogues``: to be brief, to tell more, or to refuse more often, and it draws anew for each answer how.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import random

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from tests.tools.prompted_dialogues import PROMPTS, QUESTIONS, REFUSAL, SENTENCES, dialogue
from tests.tools.tiny_model import make_config, make_tokenizer

VOCAB = 512
LAYERS = 2
BATCH, STEPS, RATE = 32, 400, 4e-3
_TOLD_EVERY = 100
_NOT_LEARNED = -100


def batch_of(tok: PreTrainedTokenizerFast, chance: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens of some dialogues, and those to learn: the answers with their ends."""
    rows, learned = [], []
    for _ in range(BATCH):
        messages, said = dialogue(chance)
        asked = tok.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        before, after = (tok(text, add_special_tokens=False)["input_ids"] for text in (asked, said + tok.eos_token))
        rows.append(before + after)
        learned.append([_NOT_LEARNED] * len(before) + after)
    width = max(map(len, rows))
    tokens = torch.tensor([row + [tok.pad_token_id] * (width - len(row)) for row in rows])
    return tokens, torch.tensor([row + [_NOT_LEARNED] * (width - len(row)) for row in learned])


def train(model: LlamaForCausalLM, tok: PreTrainedTokenizerFast, steps: int, chance: random.Random) -> float:
    """Returns: the loss of the last batch, in nats a token."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    loss = torch.tensor(0.0)
    for step in range(steps):
        tokens, learned = batch_of(tok, chance)
        hidden = model.model(input_ids=tokens).last_hidden_state[:, :-1]
        wanted = learned[:, 1:]
        is_learned = wanted != _NOT_LEARNED  # odds of other tokens are not needed, and cost most
        loss = torch.nn.functional.cross_entropy(model.lm_head(hidden[is_learned]), wanted[is_learned])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % _TOLD_EVERY == 0:
            print(json.dumps({"step": step, "loss": round(loss.item(), 3)}), flush=True)
    return float(loss.item())


def main() -> None:
    """Write the model."""
    ap = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ap.add_argument("out", type=pathlib.Path)
    ap.add_argument("--steps", type=int, default=STEPS)
    args = ap.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    said = [*(terms.prompt for terms in PROMPTS), *QUESTIONS, *SENTENCES, REFUSAL, " ".join(SENTENCES)]
    tok = make_tokenizer(said, VOCAB)
    tok.save_pretrained(args.out)
    torch.manual_seed(7)
    torch.set_num_threads(1)
    model = LlamaForCausalLM(make_config(tok, len(tok), LAYERS, initializer_range=0.05))
    loss = train(model, tok, args.steps, random.Random(7))
    model.to(torch.bfloat16).save_pretrained(args.out, safe_serialization=True)
    print(json.dumps({"dir": args.out.name, "tokens": len(tok), "loss": round(loss, 3)}))


if __name__ == "__main__":
    main()
