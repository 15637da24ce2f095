"""Start, check and repair the Prefect server that films run on."""
