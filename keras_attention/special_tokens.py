"""The special tokens that every vocabulary begins with, and their ids."""

PAD, START, END, UNKNOWN = SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<unk>")
PAD_ID, START_ID, END_ID, UNKNOWN_ID = range(4)
