# Breedcast: from genotypes and a trait table to accuracies, breeding values and a report.
# The stages are in workflow/rules, one file each; the logic is in workflow/breedcast.
import math
import re
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")

# where this file is, also when it is a module of another workflow
here = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
sys.path.insert(0, str(here / "workflow"))


report: "workflow/report/workflow.rst"


# A user's --configfile stands instead of the example's config, it is not merged into it.
if not workflow.configfiles:

    configfile: str(here / "config" / "config.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/environments.smk"
include: "workflow/rules/genotypes.smk"
include: "workflow/rules/phenotypes.smk"
include: "workflow/rules/validation.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/scoring.smk"
include: "workflow/rules/markers.smk"
include: "workflow/rules/selection.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/manifest.smk"


rule all:
    default_target: True
    input:
        "<results>/report.html",
        "<results>/summary.json",
        "<results>/figures",
        expand("<results>/{trait}/figures", trait=project.traits),
        "<results>/manifest.json",
