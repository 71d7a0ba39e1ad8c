"""The special tokens and their ids, which every vocabulary begins with."""

PAD, START, END, UNKNOWN = SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<unk>")
PAD_ID, START_ID, END_ID, UNKNOWN_ID = range(4)
