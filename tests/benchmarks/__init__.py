"""How fast the panel is: ratios to what a student would otherwise write, all measured in one run."""
