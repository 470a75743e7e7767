"""The simplex machine and the pure pieces around it."""
