"""From a run's records to tables, statistics and figures. Reads records only; the CAMs alone need the images."""
