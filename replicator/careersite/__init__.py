"""The sample subscriber app: testimonials and articles pinned to category values."""
