"""The audit report: what was claimed, what was shown, and what that is worth, on one page."""
