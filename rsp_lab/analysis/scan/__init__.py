"""What a data set holds that is worth a look: where two models part, and decisions that a change of context turned."""
