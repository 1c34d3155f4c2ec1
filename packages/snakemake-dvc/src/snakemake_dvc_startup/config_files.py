"""Configuration files and values of the command line are checked before Snakemake reads them."""

import os
import sys
from typing import Any


def replace_loader(module: Any) -> None:
    """Check each configuration file that Snakemake reads; `module` is snakemake.common.configfile."""
    load = module._load_configfile

    def check_and_load(source: Any, filetype: str = "Config") -> Any:
        if filetype == "Config" and not hasattr(source, "read"):
            _check_file(source)
        return load(source, filetype)

    module._load_configfile = check_and_load


def replace_profile_parser(module: Any) -> None:
    """Check each profile that Snakemake reads; `module` is snakemake.profiles."""
    parse = module.ProfileConfigFileParser.parse

    def check_and_parse(parser: Any, stream: Any) -> Any:
        _check_file(stream.name, template=True)
        return parse(parser, stream)

    module.ProfileConfigFileParser.parse = check_and_parse


def replace_parser(module: Any) -> None:
    """Check each value of `--config`; `module` is snakemake.cli."""
    parse = module.parse_config

    def check_and_parse(entries: Any) -> Any:
        from snakemake_dvc.messages import one_line
        from snakemake_dvc.strict_yaml import check_text, shortened

        for entry in entries or []:
            try:
                value = next(iter(parse([entry]).values()))
                if isinstance(value, list | dict):
                    check_text(entry.partition("=")[2], mapping=False)
            except ValueError as error:
                sys.exit(f"error: --config {shortened(repr(entry))}: {one_line(error)}")
        return parse(entries)

    module.parse_config = check_and_parse


def _check_file(path: Any, template: bool = False) -> None:
    from snakemake_dvc.strict_yaml import check_file

    try:
        check_file(path, template=template)
    except ValueError as error:
        # Snakemake takes each word after --configfile for a file.
        hint = "" if os.path.lexists(path) else "; if it is a target, write -- before it"
        sys.exit(f"error: {error}{hint}")


REPLACEMENTS = {
    "snakemake.common.configfile": replace_loader,
    "snakemake.profiles": replace_profile_parser,
    "snakemake.cli": replace_parser,
}
