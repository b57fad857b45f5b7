"""What a call used and what that cost, counted or estimated."""
