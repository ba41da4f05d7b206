"""One file per proxy; the file, its decorated function and the proxy share one name."""
