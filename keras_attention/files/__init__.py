"""Files: text of any encoding, atomic writes, checks of models' files, locks and work folders."""
