"""The workshop: turns published weights into bundles that the runtime can load. Never imported at run time."""
