"""k-diffusion's `sampling` and `external` modules without the rest of the package.

Its `__init__` imports training code with many dependencies; the two modules that are needed import only each other.
"""

import importlib
import importlib.util
import sys
import types


def _package():
    if "k_diffusion" not in sys.modules:
        spec = importlib.util.find_spec("k_diffusion")
        package = types.ModuleType("k_diffusion")
        package.__path__ = spec.submodule_search_locations
        sys.modules["k_diffusion"] = package


def sampling():
    _package()
    return importlib.import_module("k_diffusion.sampling")


def external():
    _package()
    return importlib.import_module("k_diffusion.external")
