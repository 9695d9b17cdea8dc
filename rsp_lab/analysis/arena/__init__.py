"""Methods of explanation measured against each other."""
