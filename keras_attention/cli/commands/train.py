"""The command `train`: trains the model of a recipe, or prints the recipe."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keras_attention.cli.arguments import Overrides, Overwrite
from keras_attention.cli.command_parts.given_options import check_effective
from keras_attention.cli.stopping import advise_on_stop
from keras_attention.cli.watched_child import run_in_child, wants_child
from keras_attention.errors import InputError

if TYPE_CHECKING:
    from keras_attention.training.recipe.recipe import Recipe

_TRAINING = (
    *("output", "seeds", "resume", "overwrite", "changed_data"),
    *("distributed", "coordinator", "processes", "process"),
)
"""Parameters that only matter in training."""


def train(
    context: typer.Context,
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="The name of a recipe, such as dates, or a .toml file; with --resume also the "
            "folder of a run.",
        ),
    ],
    overrides: Overrides = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The run folder to write.  [default: saved_models/NAME, or with --seeds "
            "saved_models/NAME-seeds]",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=1_000,
            metavar="N",
            help="Train N models of this recipe, one after the other. They differ in initial "
            "weights, shuffling and dropout. DIR then contains a run folder for each model. Pass "
            "DIR to other commands to use all models together, as an ensemble that averages their "
            "probabilities.  [default: train one model]",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue an interrupted run with the recipe in its run folder. Add --set "
            "epochs=N to train longer. With several seeds, also train the missing ones.",
        ),
    ] = False,
    changed_data: Annotated[
        bool,
        typer.Option(
            "--changed-data",
            help="Continue even if the data has changed since the run started; requires "
            "--resume. The run keeps its tokenizers and its held-out pairs, and does not train on "
            "the held-out pairs.",
        ),
    ] = False,
    start_from: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Start from the trained model in this run folder (fine-tuning). The sections "
            "[model] and [text] come from this model. In these sections, the recipe can only "
            "change dropout rates, vocabulary sizes and min_count.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    distributed: Annotated[
        bool,
        typer.Option(
            "--distributed",
            help="Divide every batch among several devices or processes, on JAX. Start the same "
            "command in every process. Under SLURM, Open MPI or on TPU hosts, JAX finds the "
            "processes. Otherwise use the three options below. The first process writes DIR.",
        ),
    ] = False,
    coordinator: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            envvar="KERAS_DISTRIBUTION_JOB_ADDRESSES",
            help="Address of the first process.",
        ),
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            envvar="KERAS_DISTRIBUTION_NUM_PROCESSES",
            help="Number of processes.",
        ),
    ] = None,
    process: Annotated[
        int | None,
        typer.Option(
            metavar="I",
            min=0,
            envvar="KERAS_DISTRIBUTION_PROCESS_ID",
            help="Number of this process, from 0.",
        ),
    ] = None,
    show: Annotated[
        bool,
        typer.Option("--show", help="Only print the recipe, with an explanation of every setting."),
    ] = False,
) -> None:
    """Train the model that a recipe describes, and write it into a run folder.

    Use it to train on a built-in task or on your own pairs. The run folder contains the model, its
    recipe and its metrics; pass it to the other commands. To write your own recipe, start from the
    output of --show.

    Example: keras-attention train dates --set attention=luong --set placement=after

    Example: keras-attention train saved_models/dates --resume

    Example: keras-attention train dates --seeds 3

    Example: KERAS_BACKEND=jax srun keras-attention train pairs.toml --distributed
    """
    from keras_attention.cli.output import log_to_console
    from keras_attention.training.recipe.recipe import load_recipe, recipe_name, recipe_names

    check_effective(context, {"show": _TRAINING})
    if resume and Path(recipe).is_dir() and recipe not in recipe_names():
        recipe, output = _find_run(Path(recipe), output)
    name = recipe_name(recipe, overrides or [])
    folder = output or Path("saved_models") / (name + ("-seeds" if seeds else ""))
    start = _find_start(start_from, folder if resume else None)
    resolved = load_recipe(recipe, overrides or [], start=start)
    if show:
        print(describe_recipe(resolved))
        return
    joins = distributed or (coordinator, processes, process) != (None, None, None)
    if joins and not seeds and wants_child():
        raise typer.Exit(run_in_child(sys.argv[1:]))
    from keras_attention.cli.command_parts.evaluation_pairs import advise_to_evaluate
    from keras_attention.cli.command_parts.joined_processes import join_processes
    from keras_attention.training.run.run_data import load_run_recipe
    from keras_attention.translation.folders.ensemble_folder import is_ensemble

    log_to_console()
    begun = folder / "recipe.toml"
    if resume and not overrides and recipe in recipe_names() and begun.is_file():
        resolved = load_run_recipe(folder)
    options = {"resume": resume, "overwrite": overwrite, "changed_data": changed_data}
    with ExitStack() as stack:
        if joins:
            if seeds or is_ensemble(folder):
                raise InputError(
                    "--distributed trains one model; train each seed in a run of its own with "
                    f"training.seed. Received: --distributed and the ensemble {folder}."
                )
            stack.enter_context(join_processes(coordinator, processes, process))
        advice = "Use --resume to continue after the last validation."
        stack.enter_context(advise_on_stop(advice, lambda: _has_checkpoint(folder)))
        advice = "No validation was completed, so --resume will start from the beginning."
        stack.enter_context(
            advise_on_stop(advice, lambda: begun.is_file() and not _has_checkpoint(folder))
        )
        _train(resolved, folder, seeds, start_from, **options)
        print(f"Trained. {advise_to_evaluate(folder, resolved.data)}")


def _train(
    recipe: "Recipe", folder: Path, seeds: int | None, start_from: Path | None, **options: bool
) -> None:
    """Train one model, or several seeds, and print the metrics of seeds."""
    from keras_attention.cli.command_parts.seeds_table import print_seeds
    from keras_attention.training.seeds.train_seeds import train_seeds
    from keras_attention.training.train import train as train_one
    from keras_attention.translation.folders.ensemble_folder import is_ensemble

    if seeds or is_ensemble(folder):
        if start_from is not None:
            raise InputError(
                "--from cannot be used with --seeds; fine-tune each seed in a run of its own with "
                f"training.seed. Received: --from {start_from} and the ensemble {folder}."
            )
        train_seeds(recipe, folder, seeds, **options)
        print_seeds(folder)
    else:
        train_one(recipe, folder, **options, start_from=start_from)


def _has_checkpoint(folder: Path) -> bool:
    """Return whether a run, or a member of an ensemble, can continue after a validation."""
    from keras_attention.training.run.run_folder import RunFolder

    return any(RunFolder(run).all_checkpoints() for run in (folder, *folder.glob("seed-*")))


def _find_run(folder: Path, output: Path | None) -> tuple[str, Path]:
    """Return the recipe and the folder of the run to resume, when the user named its folder."""
    from keras_attention.training.run.run_files import RECIPE_FILE

    if output is not None and output.resolve() != folder.resolve():
        raise InputError(
            "--resume continues a run in its own folder, so leave out --output. Received: the "
            f"folder {folder} and --output {output}."
        )
    if not (folder / RECIPE_FILE).is_file():
        raise InputError(
            f"{folder}: has no run to resume. Expected a folder with the file {RECIPE_FILE}."
        )
    return str(folder / RECIPE_FILE), folder


def _find_start(start_from: Path | None, resumed: Path | None) -> "Recipe | None":
    """Return the recipe whose model and tokenizers a run takes over.

    Args:
        start_from: The model that a new run starts from.
        resumed: The folder of the run to resume. If it is fine-tuned, its own recipe has the
            settings of the model that it started from.
    """
    if start_from is not None:
        from keras_attention.training.run.start_model import StartModel

        return StartModel.find(start_from).recipe
    if resumed is not None:
        from keras_attention.training.run.origin import is_fine_tuned
        from keras_attention.training.run.run_data import load_run_recipe

        return load_run_recipe(resumed) if is_fine_tuned(resumed) else None
    return None


def describe_recipe(recipe: "Recipe") -> str:
    """Return the recipe as TOML, with an explanation above each setting."""
    from keras_attention.training.recipe.recipe import SETTINGS

    lines, section = [], ""
    for line in recipe.to_toml().splitlines():
        name, equals, _ = line.partition(" = ")
        if line.startswith("["):
            section = line.strip("[]") + "."
        if equals:
            setting = SETTINGS[section + name]
            free_text = isinstance(setting.default, str) and not setting.choices
            lines.append(f"# {setting.doc}" + ("" if free_text else f": {setting.expected}"))
        lines.append(line)
    return "\n".join(lines)
