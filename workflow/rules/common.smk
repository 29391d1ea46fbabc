from snakemake.iocontainers import Wildcards

from breedcast.code import PACKAGE, code_hash, file_hash, put_on_python_path
from breedcast.config import ENSEMBLE, check_command_line, refuse_repeated_keys
from breedcast.demands import Demands
from breedcast.errors import UserError
from breedcast.fingerprint import fingerprints
from breedcast.memory import (
    ADVICE,
    ASSOCIATION,
    COMBINATION,
    CROSSES,
    MERIT,
    RANKING,
    SCORES,
    SNAKEMAKE_MB,
    TABLE_BYTES,
    TRIED,
    CodesShape,
    candidates_mb,
    structure_mb,
)
from breedcast.job_settings import JobSettings
from breedcast.inputs import Inputs
from breedcast.project import Project

# The scripts' own processes find the package from wherever the workflow is installed.
put_on_python_path()

try:
    check_command_line(workflow.config_settings.config)
    for path in workflow.configfiles:
        refuse_repeated_keys(path)
    project = Project.load(config)
except UserError as error:
    sys.exit(str(error))

demands = Demands(project)
inputs = Inputs(project)
job_settings = JobSettings(project)

# The captions of `snakemake --report` tell what the config says, its defaults included.
config.update(project.config)


pathvars:
    results=project.config["output"],
    logs=project.beside_output("logs"),
    benchmarks=project.beside_output("benchmarks"),
    checkpoints=project.beside_output("checkpoints"),


wildcard_constraints:
    trait="|".join(map(re.escape, project.traits)),
    model="|".join(project.scored_models),


def memory(megabytes):
    """A rule's mem_mb: so many MB for its script, or a function of its input; and Snakemake's own.

    A job that was killed is tried again with more, where there are retries.
    """

    def mem_mb(wildcards, input, attempt):
        taken = megabytes(wildcards, input) if callable(megabytes) else megabytes
        return attempt * math.ceil(taken + SNAKEMAKE_MB)

    return mem_mb


def by_codes(law):
    """The MB that a rule's script takes by a law of memory, given the shape of its codes."""
    return lambda wildcards, input: demands.by_codes_mb(law, input.codes_summary)


def memory_by_records(law):
    """A rule's mem_mb by a law of predictions, given its trait's records."""
    return memory(
        lambda wildcards, input: demands.predictions_mb(law, input.phenotypes)
    )


def time_by_records(law):
    """Its runtime in minutes."""
    return lambda wildcards, input: demands.predictions_minutes(law, input.phenotypes)


def memory_by_candidates(megabytes):
    """A rule's mem_mb: so many MB for its script, beside the tables of candidates that it reads."""
    return memory(
        lambda wildcards, input: megabytes + TABLE_BYTES * candidates_mb(input)
    )


def time_by_candidates(wildcards, input):
    """The runtime in minutes where a rule reads tables of candidates, one more for each 20 MB."""
    return 5 + math.ceil(candidates_mb(input) / 20)


def code_of(script):
    """The hash of a script's code, made when a job asks: the process of one job asks for its own."""
    return lambda wildcards: code_hash(script)


def fingerprints_of(files):
    """The fingerprints of a rule's own inputs from outside, made when a job asks, as `code_of`."""
    return lambda wildcards: fingerprints(files)


def for_all_models(path):
    """An input function: the path for every scored model of the wildcards' trait."""

    def paths(wildcards):
        return expand(path, trait=wildcards.trait, model=project.scored_models)

    return paths


def results_of(trait):
    """The results of a trait that its report and its figures are made from."""
    return [
        *expand(
            "<results>/{trait}/{file}",
            trait=trait,
            file=[
                "phenotypes.tsv",
                "dropped.tsv",
                "plan.tsv",
                "comparison.tsv",
                "group_scores.tsv",
                "candidates.tsv",
                "intervals.tsv",
                "tested.parquet",
                "association.parquet",
                "regions.tsv",
                "region_methods.tsv",
                *project.selection_tables,
                *(["heritability.tsv"] if project.design else []),
            ],
        ),
        *expand(
            "<results>/{trait}/{model}/scores.tsv",
            trait=trait,
            model=project.scored_models,
        ),
        *expand(
            "<results>/{trait}/{model}/{file}",
            trait=trait,
            model=project.models,
            file=["history.parquet", "saliency.parquet", "facts.tsv", "run.json"],
        ),
        *expand(
            "<results>/{trait}/{model}/studies.tsv",
            trait=trait,
            model=project.tuned_models,
        ),
        *expand(
            f"<results>/{{trait}}/{ENSEMBLE}/weights.tsv",
            trait=trait if project.has_ensemble else [],
        ),
    ]


def steps_before(last):
    """Every rule whose files lead to those of `last`, with the rules that it reads from."""
    found, waiting = {}, [(last, {})]
    while waiting:
        step, wildcards = waiting.pop()
        if step.name in found:
            continue
        makers = {}
        for file in step.expand_input(Wildcards(fromdict=wildcards))[0]:
            # those known first: most files are of few rules
            for maker in [*makers.values(), *workflow.rules]:
                if maker.is_producer(file):
                    if maker.name not in makers:
                        makers[maker.name] = maker
                        waiting.append((maker, maker.get_wildcards(file)))
                    break
        found[step.name] = sorted(makers)
    return found


# The category of what is of no single trait; no trait's id has a blank.
ALL_TRAITS = "All traits"


def shown(path, caption, about, content, category="{trait}", model="all", **options):
    """An output as `snakemake --report` shows it: under its trait, captioned and labelled."""
    return report(
        path,
        caption=f"../report/{caption}.rst",
        category=category,
        subcategory=about,
        labels={"content": content, "model": model},
        **options,
    )


def candidates_by_environment():
    """The output that tells of the candidates in each environment, where there are several."""
    if not project.has_environments:
        return {}
    path = "<results>/{trait}/candidates_by_environment.tsv"
    told = shown(
        path,
        "candidates_by_environment",
        "Selection",
        "Candidates in each environment",
    )
    return {"by_environment": told}
