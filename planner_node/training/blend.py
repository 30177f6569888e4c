"""Blends the weights before and after a further training: it keeps more of what both can.

    python -m planner_node.training.blend EARLIER LATER --share 0.5 --to FOLDER

Both are exported folders of one shape and vocabulary. After WiSE-FT (Wortsman et al. 2022): the
weights on the line between a model and what a further training made of it often do better than
either end; choose ``--share`` on the development set.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from transformers import LlamaForCausalLM

from planner_node.training.export import write_weights
from planner_node.training.network import Shape

_VOCABULARY: Final = "tokenizer.json"


class BlendError(ValueError):
    """The two models have another shape or another vocabulary."""


def blend(earlier: Path, later: Path, share: float, folder: Path) -> None:
    """Write ``later``'s folder with ``share`` of its weights and the rest of ``earlier``'s.

    Raises:
        BlendError: they do not fit together; nothing is written.
    """
    if (earlier / _VOCABULARY).read_bytes() != (later / _VOCABULARY).read_bytes():
        raise BlendError(f"{earlier} and {later} have different vocabularies")
    before, after = _loaded(earlier), _loaded(later)
    if Shape.of(before.config) != Shape.of(after.config):
        raise BlendError(f"{earlier} and {later} have different shapes")
    with torch.no_grad():
        for weight, earlier_weight in zip(after.parameters(), before.parameters(), strict=True):
            weight.copy_(torch.lerp(earlier_weight, weight, share))
    shutil.copytree(later, folder, dirs_exist_ok=True)
    write_weights(after, folder)


def _loaded(folder: Path) -> LlamaForCausalLM:
    model: LlamaForCausalLM = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("earlier", type=Path, help="exported folder from before the training")
    parser.add_argument("later", type=Path, help="exported folder from after it")
    parser.add_argument("--share", type=float, default=0.5, help="of the later weights (0.5)")
    parser.add_argument("--to", type=Path, required=True, help="folder to write")
    args = parser.parse_args(argv)
    try:
        blend(args.earlier, args.later, args.share, args.to)
    except (BlendError, OSError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
