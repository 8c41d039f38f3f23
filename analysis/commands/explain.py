"""`python -m analysis explain`: write the raw maps of images to a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from analysis.commands.options import Subparsers, add_run, chosen_run


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its options."""
    parser = subparsers.add_parser("explain", help="write the raw maps of images to a file")
    add_run(parser)
    parser.add_argument("--methods", nargs="+", default=["gradcam"], metavar="METHOD", help="default: gradcam")
    parser.add_argument("--layers", nargs="+", metavar="LAYER", help="default: the last stage of the network")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--images", nargs="+", metavar="FILE", help="file names of the run, or paths of other images"
    )
    chosen.add_argument(
        "--errors", type=int, metavar="N", help="the N mistakes with the highest loss (default: 16)"
    )
    parser.add_argument(
        "--target",
        default="predicted",
        help="predicted (default), true, contrast (why the predicted class rather than the true one; where "
        "that was right, rather than the next most probable one), or the name of a class",
    )
    parser.add_argument("--out", metavar="FILE.npz", required=True, help="file to write")
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16"),
        default="fp32",
        help="bf16 computes the network's body in bfloat16, faster on processors made for it",
    )
    parser.set_defaults(run_command=run)


def run(options: argparse.Namespace) -> None:
    """Write the maps, and print which could not be made."""
    chosen = chosen_run(options)
    from analysis.sweeps.maps import write_maps

    written = write_maps(
        chosen,
        Path(options.out),
        methods=options.methods,
        layers=options.layers,
        images=options.images,
        errors=options.errors if options.errors is not None else 16,
        target=options.target,
        precision=options.precision,
    )
    for (layer, method), reason in written.refused.items():
        print(f"note: no map by {method} at layer {layer}: {reason}")
    print(f"Maps of {written.images} images: {options.out}")
