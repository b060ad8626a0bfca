"""The outside world: recordings, video and gaze files, the rendered sample."""
