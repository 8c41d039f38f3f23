"""From (model, image, layers, methods) to maps."""
