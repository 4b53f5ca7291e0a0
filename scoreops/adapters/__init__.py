"""One outside system per file. An adapter knows `scoreops.core` and never a product."""
