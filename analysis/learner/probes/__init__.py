"""Linear probes of a learner's layers: collect the features, fit, save and load."""
