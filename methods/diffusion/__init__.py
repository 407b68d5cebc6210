"""The variance-exploding diffusion model that four methods share: process, network, training, sampler."""
