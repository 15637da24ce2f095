"""How Prefect sees a film: parameters, task runs, artifacts, events, approval, scenes on other workers, and the server's upkeep."""
