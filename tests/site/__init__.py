"""The website, made of the lessons as they stand in `notebooks/` and of the pages, looks and recordings in `site/`."""
