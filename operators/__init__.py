"""Delivery of scores: the loop around `scoreops.core.rollout.decide`, and the operator that runs it on Kubernetes."""
