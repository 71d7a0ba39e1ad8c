"""Several seeds of one recipe, trained as the members of an ensemble in one folder."""
