"""What stands around every page: selectors, link, navigation, errors, text."""
