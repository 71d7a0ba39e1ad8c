"""Files: text of any encoding, whole writes, checks of models' files, locks and work folders."""
