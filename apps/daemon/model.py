"""The model's process: the only one that opens models."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack

from apps.daemon.child import Ending
from apps.daemon.spec import ChildSpec
from edge_runtime.hosts.model_process import ModelProcess
from edge_runtime.models.opening import open_models
from edge_runtime.transport.post import Post

_log = logging.getLogger(__name__)


def run(spec: ChildSpec, post: Post, time_ns: Callable[[], int], ending: Ending) -> None:
    """Look and put into words, until the end."""
    with ExitStack() as stack:
        models = open_models(spec.config.models, stack, say=_log.info)
        process = ModelProcess(
            post,
            models.looker,
            models.language,
            time_ns=time_ns,
            stuck_ns=4 * spec.config.models.look_deadline_ns,
            trouble=models.trouble,
        )
        ending.then(process.stop)
        process.run()
