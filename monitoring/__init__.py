"""The evidence service: what versions answered, how it turned out, and the statistics by which gates are judged."""
