"""Published streaming-memory systems, each on the plain functions of the folder above, so that they can be compared on equal bytes."""
