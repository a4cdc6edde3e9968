"""Trainings of one dictionary by one implementation, each in its own environment.

    python dictionary_trainers.py NAME DATA.npz OUT SEED STEPS:RATE …

`benchmarks/dictionary_peers.py` calls it. Imports only what NAME needs. Every training starts anew
on standardised cells in memory and leaves ``OUT/NAME.STEPS.RATE.SEED.npz``: encoder and decoder
``(m, d)``, their biases, seconds. STEPS is followed by an ``x`` and the cells per step where those
are not 1,024.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "HF_HUB_OFFLINE": "1",
               "WANDB_MODE": "disabled", "SPARSIFY_DISABLE_TRITON": "1"}  # fmt: skip

import numpy as np

WIDTH, K = 192, 4
WARMUP, DECAY = 0.05, 0.3
"""Shares of the steps over which every learning rate rises and falls."""
EPOCH = 100_000
"""Cells after which a silent feature is dead, where that can be set."""
Arrays = dict[str, np.ndarray]
Training = Callable[[Any, SimpleNamespace], Arrays]


def deal(x: Any, plan: SimpleNamespace) -> Iterator[Any]:
    """Deal shuffled batches of a tensor, without end."""
    import torch

    while True:
        order = torch.randperm(len(x))
        for start in range(0, len(x) - plan.batch + 1, plan.batch):
            yield x.index_select(0, order[start : start + plan.batch])


def cellaxes() -> Training:
    """Return our own training."""
    from cellaxes.features import Config, fit

    def train(x: Any, plan: SimpleNamespace) -> Arrays:
        config = Config(arch="topk", n_features=WIDTH, k=K, steps=plan.steps,
                        batch_size=plan.batch, learning_rate=plan.rate)  # fmt: skip
        model = fit(x.numpy(), config=config, random_state=plan.seed)
        scale = model.standard.scale[:, None]  # cells were standardised already: about 1
        encoder = model.encoder * scale.T
        return {
            "encoder": encoder,
            "encoder_bias": model.gate_bias - encoder @ model.standard.centre,
            "decoder": model.decoder / scale.T,
            "decoder_bias": model.decoder_bias / scale[:, 0] + model.standard.centre,
        }

    return train


def saelens() -> Training:
    """Return SAELens' TopK by its own trainer."""
    import torch
    from sae_lens import SAETrainer, TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.config import LoggingConfig, SAETrainerConfig

    def train(x: Any, plan: SimpleNamespace) -> Arrays:
        sae = TopKTrainingSAE(
            TopKTrainingSAEConfig(d_in=x.shape[1], d_sae=WIDTH, k=K, device="cpu")
        )
        config = SAETrainerConfig(
            total_training_samples=plan.steps * plan.batch,
            train_batch_size_samples=plan.batch,
            lr=plan.rate,
            lr_end=plan.rate / 10,
            lr_warm_up_steps=max(2, round(WARMUP * plan.steps)),
            lr_decay_steps=round(DECAY * plan.steps),
            dead_feature_window=EPOCH // plan.batch,
            logger=LoggingConfig(log_to_wandb=False),
        )
        SAETrainer(cfg=config, sae=sae, data_provider=deal(x, plan)).fit()
        with torch.no_grad():
            length = sae.W_dec.norm(dim=1)
            encoder, bias = sae.W_enc.T * length[:, None], sae.b_enc * length
            if sae.cfg.apply_b_dec_to_input:
                bias = bias - encoder @ sae.b_dec
            return arrays(encoder, bias, sae.W_dec / length[:, None], sae.b_dec)

    return train


def dictionary_learning(dead: int = EPOCH) -> Training:
    """Return dictionary-learning's TopK by its own trainer."""
    import torch
    from dictionary_learning.trainers.top_k import TopKTrainer

    def train(x: Any, plan: SimpleNamespace) -> Arrays:
        trainer = TopKTrainer(
            steps=plan.steps,
            activation_dim=x.shape[1],
            dict_size=WIDTH,
            k=K,
            layer=0,
            lm_name="none",
            lr=plan.rate,
            warmup_steps=max(1, round(WARMUP * plan.steps)),
            decay_start=round((1 - DECAY) * plan.steps),
            seed=plan.seed,
            device="cpu",
        )
        trainer.dead_feature_threshold = dead
        batches = deal(x, plan)
        for step in range(plan.steps):
            trainer.update(step, next(batches))
        ae = trainer.ae
        with torch.no_grad():
            encoder = ae.encoder.weight
            return arrays(encoder, ae.encoder.bias - encoder @ ae.b_dec, ae.decoder.weight.T,
                          ae.b_dec)  # fmt: skip

    return train


def sparsify() -> Training:
    """Return sparsify's coder in a loop of our own, as its trainer wants a language model."""
    import torch
    from sparsify import SparseCoder, SparseCoderConfig

    def train(x: Any, plan: SimpleNamespace) -> Arrays:
        coder = SparseCoder(x.shape[1], SparseCoderConfig(num_latents=WIDTH, k=K))
        adam = torch.optim.Adam(coder.parameters(), lr=plan.rate)

        def factor(step: int) -> float:
            up = (step + 1) / (WARMUP * plan.steps + 1)
            return min(1.0, up, (plan.steps - step) / (DECAY * plan.steps))

        schedule = torch.optim.lr_scheduler.LambdaLR(adam, factor)
        silent = torch.zeros(WIDTH)
        batches = deal(x, plan)
        for _ in range(plan.steps):
            found = coder(next(batches), dead_mask=silent > EPOCH)
            (found.fvu + found.auxk_loss / 32).backward()
            coder.remove_gradient_parallel_to_decoder_directions()
            torch.nn.utils.clip_grad_norm_(coder.parameters(), 1.0)
            adam.step()
            adam.zero_grad()
            schedule.step()
            coder.set_decoder_norm_to_unit_norm()
            silent += plan.batch
            silent[found.latent_indices.flatten()] = 0
        with torch.no_grad():
            encoder = coder.encoder.weight
            return arrays(encoder, coder.encoder.bias - encoder @ coder.b_dec, coder.W_dec,
                          coder.b_dec)  # fmt: skip

    return train


def arrays(encoder: Any, encoder_bias: Any, decoder: Any, decoder_bias: Any) -> Arrays:
    """Return tensors as arrays."""
    return {
        "encoder": encoder.numpy().copy(),
        "encoder_bias": encoder_bias.numpy().copy(),
        "decoder": decoder.numpy().copy(),
        "decoder_bias": decoder_bias.numpy().copy(),
    }


TRAININGS: dict[str, Callable[[], Training]] = {
    "cellaxes": cellaxes,
    "saelens": saelens,
    "dictionary-learning": dictionary_learning,
    "dictionary-learning-10M": lambda: dictionary_learning(10_000_000),
    "sparsify": sparsify,
}
"""By name; dictionary-learning also with the dead threshold that it hard-codes."""


def main() -> None:
    """Train as told, a warm-up before."""
    import torch

    torch.set_num_threads(1)
    name, data, out, seed = sys.argv[1:5]
    start = time.process_time()
    train = TRAININGS[name]()
    imported = time.process_time() - start
    x = torch.from_numpy(np.load(data)["x"])

    def run(told: str) -> tuple[Arrays, float, float]:
        size, rate = told.split(":")
        steps, _, batch = size.partition("x")
        plan = SimpleNamespace(
            steps=int(steps), batch=int(batch or 1024), rate=float(rate), seed=int(seed)
        )
        torch.manual_seed(plan.seed)
        wall, cpu = time.perf_counter(), time.process_time()
        found = train(x, plan)
        return found, time.process_time() - cpu, time.perf_counter() - wall

    run("40:1e-3")  # what is compiled or imported late is no training
    for told in sys.argv[5:]:
        found, cpu, wall = run(told)
        path = Path(out) / f"{name}.{told.replace(':', '.')}.{seed}.npz"
        np.savez(path, **found, cpu=cpu, wall=wall, imported=imported)


if __name__ == "__main__":
    main()
