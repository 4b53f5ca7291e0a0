"""The kinds of scoreops.io/v1alpha1: pydantic models, and the CustomResourceDefinitions written from them."""
