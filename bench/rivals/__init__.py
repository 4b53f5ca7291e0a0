"""Other servers of the Open Inference Protocol, set up as their documentation says, to compare ours with."""
