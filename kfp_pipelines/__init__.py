"""Training pipelines: thin components over the packages below, the same on a cluster and on one machine."""
