"""The weights of a model as the point of a search: what the adapters of Keras and PyTorch share."""
