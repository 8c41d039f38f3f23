"""From (learner, review) to the words that decide it: contributions, what-ifs, rankings, and their truth."""

from analysis.words.curves import WordCurves, curve_areas, curve_summary, word_curves
from analysis.words.lexicon import Lexicon, LexiconAgreement, disagreements, lexicon_agreement, vader
from analysis.words.negation import NegatedWord, Negation, negation_view
from analysis.words.occurrences import Occurrences, collect
from analysis.words.phrases import Phrase, ngrams, span_sum, strongest_phrases
from analysis.words.ranking import rank_words, words_of_mistakes
from analysis.words.report import Contributions, WordsMap, WordsReport, WordsRow, words_report
from analysis.words.spans import Piece, Word, Words, join_tokens, pieces
from analysis.words.whatif import Edit, Predicted, WhatIf, edited, strike_each, what_if

__all__ = [
    "Contributions",
    "Edit",
    "Lexicon",
    "LexiconAgreement",
    "NegatedWord",
    "Negation",
    "Occurrences",
    "Phrase",
    "Piece",
    "Predicted",
    "WhatIf",
    "Word",
    "WordCurves",
    "Words",
    "WordsMap",
    "WordsReport",
    "WordsRow",
    "collect",
    "curve_areas",
    "curve_summary",
    "disagreements",
    "edited",
    "join_tokens",
    "lexicon_agreement",
    "negation_view",
    "ngrams",
    "pieces",
    "rank_words",
    "span_sum",
    "strike_each",
    "strongest_phrases",
    "vader",
    "what_if",
    "word_curves",
    "words_of_mistakes",
    "words_report",
]
