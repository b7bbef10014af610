"""Over a hundred odd files, made by the tests: every kind of photo, and most of what goes wrong with them."""
