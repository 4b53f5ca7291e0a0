"""SME Pulse from files to tables: bronze in the lake, silver and gold by dbt, and what commands and pipelines read."""
