"""Between processes: what they say to each other (:mod:`wire <edge_runtime.transport.wire>`) and how it gets there (the bus)."""
