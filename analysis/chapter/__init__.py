"""The questions at the end of the book's chapter, each answered by an experiment on the user's own learner."""
