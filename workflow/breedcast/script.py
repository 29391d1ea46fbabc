"""What every script of the workflow shares: its settings, its log, its way to fail.

Only the standard library is imported here: the thread count has to be fixed before numpy is.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from breedcast.errors import UserError, fault_of_the_machine

# One compute thread per process, whatever the scheduler grants: results then depend on
# neither --cores nor the machine. Work is spread over processes (`threads` in the config).
for _library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"


@contextmanager
def job(snakemake: Any) -> Iterator[dict[str, Any]]:
    """Run a rule's script: gives its settings, keeps its log, turns failures into exits.

    A UserError ends the script with its one line, on stderr and in the log, and so does what
    disk or memory is to blame for, or an input that vanished; anything else is a fault of ours and
    leaves its traceback in both.
    """
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=[logging.FileHandler(snakemake.log[0], mode="w"), logging.StreamHandler()],
    )
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # a log on a full disk must not bury the line in tracebacks
    try:
        yield json.loads(snakemake.params.settings)
    except UserError as error:
        logging.error("%s: %s", snakemake.rule, error)
        sys.exit(1)
    except Exception as error:
        inputs = (path for path in snakemake.input if not os.path.exists(path))
        gone = (f"{path} was there and is gone; put it back, and run again" for path in inputs)
        folder = os.path.dirname(snakemake.output[0])
        if line := next(gone, None) or fault_of_the_machine(error, folder):
            logging.error("%s: %s", snakemake.rule, line)
        else:
            logging.exception("%s failed", snakemake.rule)
        sys.exit(1)
