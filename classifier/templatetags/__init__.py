"""What templates of several pages draw alike."""
