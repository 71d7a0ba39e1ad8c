"""The command `distill`: trains a small student on the outputs of larger teachers."""

from pathlib import Path
from typing import Annotated

import typer

from keras_attention.cli.arguments import Overrides, Overwrite
from keras_attention.cli.search_options import BeamWidth
from keras_attention.cli.stopping import advise_on_stop


def distill(
    teachers: Annotated[
        list[Path],
        typer.Argument(
            metavar="TEACHER...",
            help="The folders of trained models, or .keras checkpoints in them. Several teachers "
            "form an ensemble.",
        ),
    ],
    into: Annotated[
        str,
        typer.Option(
            metavar="RECIPE",
            help="The recipe of the student: the name of a recipe, such as dates, or a .toml file. "
            "The teachers translate its training sources.",
        ),
    ],
    overrides: Overrides = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The run folder to write.  [default: saved_models/NAME-distilled]",
        ),
    ] = None,
    beam: BeamWidth = None,
    nearest: Annotated[
        bool,
        typer.Option(
            "--nearest",
            help="Train on the teachers' hypothesis that is closest to the original target (by "
            "edits of tokens), instead of the one with the best score. Without a target, use the "
            "one with the best score.",
        ),
    ] = False,
    with_pairs: Annotated[
        bool, typer.Option("--with-pairs", help="Train on the original pairs too.")
    ] = False,
    sources: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A file with sources without targets, one per line. The teachers translate them "
            "too, and the student also trains on these outputs. A quoted pattern, such as "
            "'words/*.txt', reads several files.",
        ),
    ] = None,
    token_weight: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="X",
            help="How much the student also learns from the teachers' token probabilities, from "
            "0 to 1 (training.teacher_weight). Above 0, the student uses the teachers' tokenizers, "
            "and the teachers run at each training step.",
        ),
    ] = 0.0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue an interrupted command. Repeat its other options, with the same "
            "teachers and data.",
        ),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Train a student on the outputs of trained models, its teachers.

    Use it to get a smaller or faster model that loses little quality, or one model that is as good
    as an ensemble. The teachers translate the training sources of the student's recipe with beam
    search, and the student trains on these outputs instead of the targets. It does not train on
    the held-out pairs of its recipe, or on the held-out sources of a teacher. The run folder is
    like one from train. It also contains the outputs, distilled.tsv, and a description of the
    teachers, distillation.json.

    Example: keras-attention distill saved_models/dates --into dates --set units=64 --beam 4

    Example: keras-attention distill big-1 big-2 --into pairs.toml --set units=128 --nearest

    Example: keras-attention distill big-1 big-2 --into pairs.toml --sources words.txt --with-pairs
    """
    from functools import partial

    from keras_attention.cli.command_parts.evaluation_pairs import advise_to_evaluate
    from keras_attention.cli.output import log_to_console
    from keras_attention.cli.progress import show_progress
    from keras_attention.training.data.data_paths import join_teachers
    from keras_attention.training.recipe.recipe import load_recipe
    from keras_attention.training.run.run_files import DISTILLATION_FILE

    settings = list(overrides or [])
    if token_weight:
        settings += [f"training.teachers={join_teachers(teachers)}"]
        settings += [f"training.teacher_weight={token_weight}"]
    recipe = load_recipe(into, settings)
    from keras_attention.training.distillation.distill import distill as run

    log_to_console()
    folder = output or Path("saved_models") / f"{recipe.name}-distilled"
    started = (folder / DISTILLATION_FILE).is_file
    with advise_on_stop("Use --resume to continue.", started):
        run(
            teachers,
            recipe,
            folder,
            beam_width=beam,
            nearest=nearest,
            with_pairs=with_pairs,
            sources=sources,
            resume=resume,
            overwrite=overwrite,
            progress=partial(show_progress, unit="sources"),
        )
    print(f"Trained. {advise_to_evaluate(folder, recipe.data)}")
