"""The model's process: the only one that opens models."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from apps.daemon.child import Ending
from apps.daemon.spec import ChildSpec
from edge_runtime.errors import EdgeError
from edge_runtime.hosts.model_process import ModelProcess
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.looker import Looker, ThumbLooker, open_looker
from edge_runtime.transport.post import Post


def run(spec: ChildSpec, post: Post, time_ns: Callable[[], int], ending: Ending) -> None:
    """Look, until the end."""
    with ExitStack() as stack:
        looker, trouble = open_models(spec, stack)
        process = ModelProcess(post, looker, None, time_ns=time_ns, stuck_ns=4 * spec.config.models.look_deadline_ns, trouble=trouble)
        ending.then(process.stop)
        process.run()


def open_models(spec: ChildSpec, stack: ExitStack) -> tuple[Looker, str]:
    """The looker of the bundle; where none is prepared one that keeps small pictures, and what is lacking in words."""
    try:
        bundle = load_bundle(spec.config.models.bundle)
    except EdgeError as error:
        return ThumbLooker(), f"there are no models: {error}; {error.hint}"
    return stack.enter_context(open_looker(bundle, threads=spec.config.models.threads)), ""
