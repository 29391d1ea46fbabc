"""The config: read, checked against the schema, completed with defaults."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from breedcast.combinations import check_combinations
from breedcast.errors import UserError, nearest
from breedcast.models.base import Model, model_class
from breedcast.models.registry import MODELS, options_schema
from breedcast.phenotypes.hybrids import ALL_CROSSES

SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "config.yaml"

ENSEMBLE = "ensemble"
#: What no model can be called, as its folder is another's: what that is.
TAKEN = {ENSEMBLE: "the combination of all", "figures": "the folder of the figures"}
#: The value of `candidates` that takes every genotyped line without a value.
UNPHENOTYPED = "unphenotyped"
#: What a value may be, by the schema's words.
KINDS = {
    "array": "a list ([...])",
    "object": "a mapping (key: value, or {})",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
#: Values that a config may have at most: YAML's anchors let a short file stand for endless ones.
MOST_VALUES = 1_000_000
#: Bytes that the name of a folder may have on common file systems.
LONGEST_NAME = 255
#: Keys that name paths which a rule asks for, or makes.
PATHS: list[tuple[str, ...]] = [
    ("genotypes", "path"),
    ("phenotypes", "path"),
    ("validation", "plan"),
    ("output",),
]
#: Keys of the filter that name files, with one line or marker a row.
FILTER_LISTS = ("lines", "exclude_lines", "markers", "exclude_markers")
#: Keys that name files which must be there, and what to give.
FILES: dict[tuple[str, ...], str] = {
    ("genotypes", "map"): (
        "give a table with the columns marker, contig and position, or leave map out"
    ),
    ("phenotypes", "environment_covariates"): "give a table with a row per environment",
    ("candidates",): (
        f"give a file with one name a row, {UNPHENOTYPED} or, of hybrids, {ALL_CROSSES}"
    ),
    **{("filter", key): "give a file with one name a row" for key in FILTER_LISTS},
    ("markers", "genes"): "give a GFF3 file of genes",
    ("selection", "crosses", "map"): (
        "give a table with the columns contig, position and cm, or leave map out"
    ),
}
VARIABLE = re.compile(r"\$\{(\w+)\}")
#: What Snakemake reads in a path as a pattern or an option of its own, or hands to the shell of a
#: cluster's job in quotes that it ends, with no way to escape it.
NOT_IN_PATHS = re.compile(r"^-|[{}<>'\"\\\n\r\0]")
#: The same of what `--config` gives, which a cluster's job is told again; ${VARIABLES} do no harm.
NOT_ON_COMMAND_LINE = re.compile(r"['\"\\`\n\r\0]|\$(?!\{\w+\})")


@dataclass(frozen=True)
class ModelConfig:
    """A model of the config: its registered kind, where its code is, its options.

    tune: None, or the budget of tuning and the names of the `options` that it chooses.
    """

    kind: str
    location: str
    options: dict[str, Any]
    tune: dict[str, Any] | None = None

    @property
    def module(self) -> str:
        """The model's module, for the hash of the code it depends on."""
        return self.location.partition(":")[0]

    @property
    def is_network(self) -> bool:
        """Whether it is computed on the config's device."""
        return model_class(self.location).is_network

    @property
    def configured(self) -> Model:
        """The model with these options."""
        return model_class(self.location)(**self.options)


def check_config(raw: dict[str, Any]) -> dict[str, Any]:
    """The config with defaults filled in and ${VARIABLES} in paths expanded.

    Raises UserError with one line for every mistake: unknown keys with the nearest known
    one, wrong types and ranges, unknown models, variables that are not set.
    """
    _look_through(raw)
    with open(SCHEMA, encoding="utf-8") as text:
        schema = yaml.safe_load(text)
    raw = _with_numbers(raw, schema)
    problems = list(_problems(raw, schema, ""))
    if not problems:
        for name, options in raw.get("models", {}).items():
            problems += _model_problems(name, options)
    if problems:
        raise UserError("\n".join(problems))
    config: dict[str, Any] = _with_defaults(raw, schema)
    kinds = {name: _kind_and_options(name, given)[0] for name, given in config["models"].items()}
    check_combinations(config, kinds)
    if isinstance(config["genotypes"]["path"], str):
        config["genotypes"]["path"] = [config["genotypes"]["path"]]
    for *keys, last in PATHS:
        section, key = _section(config, keys), ": ".join([*keys, last])
        given = section[last]
        if isinstance(given, list):
            section[last] = [_expand(path, key) for path in given]
        elif given is not None:
            section[last] = _expand(given, key)
    config["output"] = _output(config["output"])
    for (*keys, last), advice in FILES.items():
        section = _section(config, keys)
        given = section.get(last)
        if given and given not in (UNPHENOTYPED, ALL_CROSSES):
            section[last] = _file(given, ": ".join([*keys, last]), advice)
    return config


def _output(given: str) -> str:
    """The folder of the results, in one way of writing it; raises UserError for what is none."""
    if "://" in given:
        raise UserError(f"config, output: {given!r} is no folder; name one, such as results")
    output = Path(given)
    # what has no name of its own, as . and .. and /, has no place beside it for logs
    if output.name in ("", ".."):
        raise UserError(f"config, output: {given!r} has no name; name a folder, such as results")
    if len(os.fsencode(output.name)) > LONGEST_NAME:
        raise UserError(f"config, output: {given[:40]!r}... is too long a name for a folder")
    beside = [output.parent / name for name in ("logs", "benchmarks", "checkpoints")]
    for folder in (output, *output.parents, *beside):
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise UserError(
                f"config, output: {folder} is a file; name a folder, or remove the file"
            )
    own = [it for it in (output / "figures", *output.glob("*/figures")) if it.is_dir()]
    if not (output / "genotypes").exists() and any(map(os.listdir, own)):
        raise UserError(
            f"config, output: {own[0]} is there and not of a run, whose figures would take its "
            "place; name a folder of the results alone"
        )
    return output.as_posix()


def _section(config: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """The part of the config below these keys; empty where it is not asked for."""
    for key in keys:
        config = config[key] or {}
    return config


def model_configs(config: dict[str, Any]) -> dict[str, ModelConfig]:
    """The models of a checked config by name, options completed with their defaults."""
    models = {}
    for name, given in config["models"].items():
        kind, options = _kind_and_options(name, given)
        completed = _with_defaults(options, options_schema(kind))
        if completed.get("pretrained"):
            completed["pretrained"] = _file(
                completed["pretrained"],
                f"models: {name}: pretrained",
                "give a Keras h5 file of weights",
            )
        tune = given.get("tune")
        if tune is not None:
            tune = {**tune, "options": _tuned_options(kind, options)}
        models[name] = ModelConfig(kind, MODELS[kind], completed, tune)
    return models


def refuse_repeated_keys(path: str | Path) -> None:
    """Raises UserError for a key that a file of the config has twice: YAML would take the last.

    A file that is no YAML is left to Snakemake, which has read it, to tell of.
    """
    try:
        with open(path, encoding="utf-8") as text:
            root = yaml.compose(text, yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return
    left, seen = [root], set()
    while left:
        node = left.pop()
        if id(node) in seen:  # an alias of what was looked at
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            for key, _ in node.value:
                if keys.count(key.value) > 1:
                    raise UserError(
                        f"{path}, line {key.start_mark.line + 1}: the key {key.value!r} stands "
                        "twice in its section; keep one"
                    )
            left += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            left += node.value


def check_command_line(given: Any) -> None:
    """Raises UserError for a text of `--config` that could end the quotes it is handed on in.

    Snakemake (9.27) quotes what it tells a cluster's jobs as Python does; a shell reads otherwise.
    """
    if isinstance(given, Mapping):
        given = [part for item in given.items() for part in item]
    if isinstance(given, list):
        for value in given:
            check_command_line(value)
    elif isinstance(given, str) and (found := NOT_ON_COMMAND_LINE.search(given)):
        raise UserError(
            f"--config: {given!r}: {found.group()!r} could reach the shell of a cluster's job; "
            "write this into a config file"
        )


def _look_through(raw: dict[str, Any]) -> None:
    """Raises UserError for keys that are no text, and for a config without end.

    Anchors may repeat each other, or themselves.
    """
    todo: list[Any] = [raw]
    for _ in range(MOST_VALUES):
        if not todo:
            return
        value = todo.pop()
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise UserError(f"config: the key {key!r} is no text; put it in quotes")
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
    raise UserError(
        f"config: more than {MOST_VALUES:,} values; write out what its anchors (&a, *a) repeat"
    )


def _problems(value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    """One line for every violation of the schema."""
    validator = jsonschema.Draft202012Validator(schema)
    for error in sorted(validator.iter_errors(value), key=lambda error: list(error.path)):
        place = ": ".join([part for part in (where, *map(str, error.path)) if part])
        yield from _told(error, f"config, {place}" if place else "config")
    for path, number in _endless_numbers(value):  # which no bound of a schema keeps out
        place = ": ".join([part for part in (where, *path) if part])
        yield f"config, {place}: {number} is not a number that can be computed with"


def _endless_numbers(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[Any, float]]:
    """What is infinite or not a number, and where."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, value
    elif isinstance(value, dict | list):
        for key, sub in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _endless_numbers(sub, (*path, str(key)))


def _told(error: jsonschema.ValidationError, place: str) -> Iterator[str]:
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        for key in error.instance:
            if key not in known:
                yield f"{place}: unknown key {key!r}{nearest(str(key), known)}"
    elif error.validator == "required":
        yield f"{place}: {error.message.replace(' is a required property', ' is missing')}"
    elif error.validator == "oneOf" and "traits" in place:
        yield f"{place}: {_wrong_traits(error.instance)}"
    elif error.validator == "oneOf" and "clusters" in place:
        yield f"{place}: {error.instance!r} is neither `auto` nor a number from 1"
    elif error.validator == "oneOf" and isinstance(error.schema, dict):
        yield f"{place}: {error.instance!r} does not fit: {error.schema['description']}"
    elif error.validator == "type":
        asked = error.validator_value
        kinds = [KINDS[kind] for kind in (asked if isinstance(asked, list) else [str(asked)])]
        value = "null" if error.instance is None else repr(error.instance)
        yield f"{place}: {value} is not {' or '.join(kinds)}"
    elif error.validator == "pattern":
        yield (
            f"{place}: {error.instance!r} cannot name a model; use small letters, digits and _, "
            "beginning with a letter"
        )
    else:
        yield f"{place}: {error.message}"


def _wrong_traits(given: Any) -> str:
    """What is wrong with traits that are neither `all` nor a list of different texts."""
    if not isinstance(given, list):
        return f"{given!r} is neither `all` nor a list of column names"
    if not given:
        return "the list is empty; name columns, or leave traits out for all"
    for name in given:
        if not isinstance(name, str):
            return f"{name} is not text; put the column's name in quotes: '{name}'"
    return f"{max(given, key=given.count)!r} stands twice; name each column once"


def _model_problems(name: str, options: dict[str, Any]) -> list[str]:
    if name in TAKEN:
        return [f"config, models: {name!r} names {TAKEN[name]}; use another name"]
    if options.get("model", name) not in MODELS:
        key, kind = (
            ("models", name)
            if "model" not in options
            else (f"models: {name}: model", options["model"])
        )
        return [f"config, {key}: unknown model {kind!r}{nearest(str(kind), MODELS)}"]
    kind, given = _kind_and_options(name, options)
    problems = list(_problems(given, options_schema(kind), f"models: {name}"))
    if not problems:
        try:
            model_class(MODELS[kind])(**given)
        except ValueError as error:
            problems.append(f"config, models: {name}: {error}")
    if "tune" in options and not _tuned_options(kind, given):
        problems.append(
            f"config, models: {name}: tune: no option of {kind} is left to be tuned; leave out tune"
        )
    return problems


def _tuned_options(kind: str, given: dict[str, Any]) -> list[str]:
    """The options that tuning chooses: those of the model's search space that are not given."""
    return [name for name in model_class(MODELS[kind]).search_space() if name not in given]


def _kind_and_options(name: str, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A model's registered name and its options, from its entry in the config."""
    kind = given.get("model", name)
    options = {key: value for key, value in given.items() if key not in ("model", "tune")}
    return kind, _with_numbers(options, options_schema(kind))


def _with_numbers(value: Any, schema: dict[str, Any]) -> Any:
    """The value with text where numbers belong read as numbers, and 5.0 as 5 where whole ones do.

    Snakemake passes what stands inside `--config validation={repeats: 1}` on as text.
    """
    if isinstance(value, dict):
        known, other = schema.get("properties", {}), schema.get("additionalProperties") or {}
        return {key: _with_numbers(sub, known.get(key, other)) for key, sub in value.items()}
    if isinstance(value, list):
        return [_with_numbers(item, schema.get("items", {})) for item in value]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, str) and {"integer", "number", "boolean"} & set(kinds):
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError:
            return value
        if isinstance(read, int | float) or ("null" in kinds and read is None):
            value = read
    if isinstance(value, float) and "integer" in kinds and value.is_integer():
        return int(value)
    return value


def _with_defaults(value: Any, schema: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    completed = dict(value)
    for key, sub in schema.get("properties", {}).items():
        if key in completed or "default" in sub:
            completed[key] = _with_defaults(completed.get(key, sub.get("default")), sub)
    return completed


def _file(path: str, key: str, advice: str) -> str:
    """The expanded path of a file that the config names at `key`.

    Raises a UserError that ends with `advice` if there is no such file.
    """
    path = _expand(path, key)
    if not os.path.isfile(path):
        raise UserError(f"config, {key}: {path}: no such file; {advice}")
    return path


def _expand(path: str, key: str) -> str:
    """The path with ${VARIABLES} and ~ expanded.

    Raises UserError for one that is not set, and for what Snakemake would take for a wildcard.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if not os.environ.get(name):
            raise UserError(
                f"config, {key}: the environment variable {name} is not set; export it first"
            )
        return os.environ[name]

    expanded = os.path.expanduser(VARIABLE.sub(value, path))
    if found := NOT_IN_PATHS.search(expanded):
        raise UserError(
            f"config, {key}: {expanded!r}: {found.group()!r} cannot be there in a path; rename the "
            "file or folder, or give a link of another name"
        )
    return expanded
