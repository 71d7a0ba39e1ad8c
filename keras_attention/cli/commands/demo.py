"""The command `demo`: serves a web page on which a model can be tried."""

from pathlib import Path
from typing import Annotated

import typer

from keras_attention.cli.arguments import FetchRuntime, PageExamples, RuntimeFolder, check_export


def demo(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A .tflite file, the folder of a trained model, or a folder that `export --web` "
            "wrote.",
            callback=check_export,
        ),
    ],
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port number; 0 selects a free port.")
    ] = 8000,
    example: PageExamples = None,
    runtime: RuntimeFolder = None,
    fetch_runtime: FetchRuntime = False,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Also open the page in the web browser.")
    ] = False,
) -> None:
    """Try a model on a web page: see its output, alternatives and alignment as you type.

    Use it to explore a model or to show it to others. The command serves the page on this machine
    only, prints its address, and runs until Ctrl-C. The model runs in the browser. A model's folder
    is first converted to a TFLite file in float32, which is not kept; to keep the page, use `export
    --web`.

    Example: keras-attention demo saved_models/pretrained/dates.tflite --fetch-runtime
    """
    from keras_attention.cli.web_pages import PageOptions, page_of
    from keras_attention.export.web.page_server import PageServer

    options = PageOptions(example or (), runtime, fetch_runtime)
    with PageServer(port) as server, page_of(model, options) as folder:
        print(f"{server.address} shows {model}. Press Ctrl-C to stop.", flush=True)
        if open_browser:
            import webbrowser

            webbrowser.open(server.address)
        server.serve(folder)
