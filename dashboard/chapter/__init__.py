"""The Chapter page's parts: each question with a short answer, and the evidence for it."""
