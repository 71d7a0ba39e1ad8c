"""The outputs that a translator may return: a closed set, a pattern, or texts with given terms.

The steps from a rule to a search that obeys it, each with the function that performs it:

    pattern        parsed by `Pattern`, an automaton over characters
    -> characters  `ComposedTexts`, limited to texts in normal form C
    -> tokens      `pattern_automaton`, an automaton over the tokens of the target tokenizer
    outputs        encoded by the target tokenizer; `make_trie`
    -> OutputRule  with the automaton, which `search` follows and exports store
    terms          found in each source by `TermRule`
    -> tokens      `make_term_automaton`, an automaton for each batch
"""
