"""Tables as people have them: files read, and columns taken for numbers, categories, dates or text."""
